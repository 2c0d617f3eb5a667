package paint

import (
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font/gofont/gobold"

	"hotseat/cmd/hotseat-demo-game/internal/world"
	"hotseat/sidecar/timecode"
)

// busy is a world in which everything happens at once.
func busy() (*world.World, *world.Controls, time.Duration) {
	w, c := world.New(1, 1280), &world.Controls{}
	at := time.Duration(0)
	w.SetSeat(3, &world.Person{ID: "p", Name: strings.Repeat("W", 40)})
	for i := range 300 {
		at += time.Second / 30
		w.Advance(at, c)
		if i%50 == 49 {
			for _, r := range []world.Reaction{"like", "fire", "star", "laugh", "clap", "wow"} {
				w.React(r)
			}
			w.Say(world.Person{ID: "v", Name: "viewer"}, "!star "+strings.Repeat("long ", 40))
			w.Say(world.Person{ID: "v", Name: "日本"}, "!rain \u263a")
			w.Say(world.Person{ID: "v", Name: "viewer"}, "!boost")
			c.Point(2000, -50)
			c.Button(0, true)
		}
	}
	return w, c, at
}

func TestEverySizeIsPaintedWithinItsCanvas(t *testing.T) {
	w, c, _ := busy()
	for _, size := range [][2]int{{640, 360}, {1280, 720}, {1024, 768}, {1920, 1080}, {641, 481}} {
		for _, reserved := range []int{0, timecode.Width} {
			p, err := New(size[0], size[1], reserved)
			if err != nil {
				t.Fatal(err)
			}
			// A guard behind the picture must stay as it is.
			buf := NewCanvas(size[0], size[1]+2)
			canvas := &Canvas{Pix: buf.Pix[:size[0]*size[1]], Width: size[0], Height: size[1]}
			for i := range buf.Pix {
				buf.Pix[i] = 0xdeadbeef
			}
			p.Draw(canvas, w, c)
			for i, v := range buf.Pix {
				if painted := v != 0xdeadbeef; painted != (i < len(canvas.Pix)) {
					t.Fatalf("%v: pixel %d,%d painted: %v", size, i%size[0], i/size[0], painted)
				}
			}
		}
	}
}

func TestImpossibleSizesAreRefused(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {320, 240}, {1280, -1}, {100000, 720}} {
		if _, err := New(size[0], size[1], 0); err == nil {
			t.Errorf("%v is possible", size)
		}
	}
	if CanvasOn(make([]byte, 10), 4, 4) != nil {
		t.Error("a canvas on too little memory")
	}
}

func TestPictureMovesWhileNobodyPlays(t *testing.T) {
	w, c := world.New(1, 1280), &world.Controls{}
	p, err := New(1280, 720, timecode.Width)
	if err != nil {
		t.Fatal(err)
	}
	a, b := NewCanvas(1280, 720), NewCanvas(1280, 720)
	w.Advance(0, c)
	p.Draw(a, w, c)
	w.Advance(100*time.Millisecond, c)
	p.Draw(b, w, c)
	changed := 0
	for i := range a.Pix {
		if a.Pix[i] != b.Pix[i] {
			changed++
		}
	}
	if changed < 1280*720/50 {
		t.Errorf("only %d pixels changed in a tenth of a second", changed)
	}
}

func TestSceneryHasNoSeam(t *testing.T) {
	s := newScenery(1280, 720)
	for i, r := range s.ranges {
		tops := make([]int, r.width)
		for x := range tops {
			tops[x] = r.height
		}
		for y := r.height - 1; y >= 0; y-- {
			for _, run := range r.rows[y] {
				for k := range run.pix {
					tops[run.x+k] = y
				}
			}
		}
		if d := math.Abs(float64(tops[0] - tops[r.width-1])); d > 14 {
			t.Errorf("range %d jumps by %v pixels at its seam", i, d)
		}
	}
}

func TestLettersOfManyLanguagesHaveShapes(t *testing.T) {
	f, err := parseFace(gobold.TTF)
	if err != nil {
		t.Fatal(err)
	}
	ts, err := newTypesetter()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range "ABCabc019!?#%&@ÄÖÜßéçñåøЖяΩλ×·…" {
		if f.glyph(r) == 0 {
			t.Errorf("%q has no glyph", r)
			continue
		}
		ink := 0
		for _, v := range ts.line(string(r), 32, bold).A {
			ink += int(v)
		}
		if ink < 255*8 {
			t.Errorf("%q is empty", r)
		}
	}
	// A letter with a composite glyph contains its base letter.
	if a, b := ts.line("A", 32, bold), ts.line("Ä", 32, bold); sum(b) <= sum(a) {
		t.Error("Ä has no dots")
	}
	if ts.line(" ", 32, bold).Width < 4 || sum(ts.line(" ", 32, bold)) != 0 {
		t.Error("a space is no space")
	}
}

func TestTextIsShortenedToFit(t *testing.T) {
	ts, err := newTypesetter()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("wide ", 100)
	if got := ts.fit(long, 17, medium, 300); !strings.HasSuffix(got, "…") || ts.width(got, 17, medium) > 300 {
		t.Errorf("%q is %d wide", got, ts.width(got, 17, medium))
	}
	if got := ts.fit("short", 17, medium, 300); got != "short" {
		t.Errorf("%q", got)
	}
	for i := range 1000 {
		ts.line(strings.Repeat("x", i%7)+string(rune('A'+i%26))+string(rune('a'+i%25)), 17, medium)
	}
	if len(ts.texts) > maxTexts {
		t.Errorf("%d texts kept", len(ts.texts))
	}
}

func TestFontThatIsCutOffIsRefusedOrHarmless(t *testing.T) {
	for n := 0; n < len(gobold.TTF); n += 997 {
		f, err := parseFace(gobold.TTF[:n])
		if err != nil {
			continue
		}
		(&typesetter{}).render("Äx", 20, f)
	}
}

func TestFullCoverReplacesAndNoneKeeps(t *testing.T) {
	c := NewCanvas(3, 1)
	c.Pix[0], c.Pix[1], c.Pix[2] = 0x102030, 0x102030, 0x102030
	c.stamp(newMask([]uint8{255, 0, 128}, 3, 1), 0, 0, 0xffffff, 1)
	if c.Pix[0] != 0xffffff || c.Pix[1] != 0x102030 {
		t.Errorf("%06x", c.Pix)
	}
	if g := c.Pix[2] >> 8 & 255; g < 0x88 || g > 0x98 {
		t.Errorf("half cover gives %06x", c.Pix[2])
	}
}

func sum(m *Mask) int {
	n := 0
	for _, v := range m.A {
		n += int(v)
	}
	return n
}

func BenchmarkFrame(b *testing.B) {
	for name, setup := range map[string]func() (*world.World, *world.Controls, time.Duration){
		"calm": func() (*world.World, *world.Controls, time.Duration) {
			return world.New(1, 1280), &world.Controls{}, 0
		},
		"busy": busy,
	} {
		b.Run(name, func(b *testing.B) {
			w, c, at := setup()
			p, err := New(1280, 720, timecode.Width)
			if err != nil {
				b.Fatal(err)
			}
			canvas := NewCanvas(1280, 720)
			for b.Loop() {
				at += time.Second / 30
				w.Advance(at, c)
				p.Draw(canvas, w, c)
			}
		})
	}
}
