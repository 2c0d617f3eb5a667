package graphics

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"math"
	"regexp"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"

	"github.com/charmbracelet/colorprofile"
)

func TestKittySendsThePictureWhole(t *testing.T) {
	img := scene(320, 180, 0.3, 6)
	transmit, cells := Kitty(KittyIDs[0], img, 40, 30)
	if len(cells) != 11 {
		t.Fatalf("%d rows", len(cells))
	}
	commands := regexp.MustCompile(`\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\`).FindAllStringSubmatch(transmit, -1)
	if all := strings.Join(flatten(commands), ""); all != transmit {
		t.Fatal("there is more in the transmission than commands of graphics")
	}
	if commands[0][1] != fmt.Sprintf("a=d,d=I,i=%d,q=2", KittyIDs[0]) {
		t.Errorf("the older picture is not freed: %s", commands[0][1])
	}
	var payload strings.Builder
	for i, c := range commands[1:] {
		if len(c[2]) > kitty.MaxChunkSize || len(c[2])%4 != 0 && i < len(commands)-2 {
			t.Errorf("chunk %d has %d bytes", i, len(c[2]))
		}
		wantMore := "m=1"
		if i == len(commands)-2 {
			wantMore = "m=0"
		}
		if !strings.Contains(c[1], wantMore) || !strings.Contains(c[1], "q=2") {
			t.Errorf("chunk %d: %s", i, c[1])
		}
		payload.WriteString(c[2])
	}
	for _, want := range []string{"a=T", "U=1", "c=40", "r=11", "f=100", fmt.Sprintf("i=%d", KittyIDs[0])} {
		if !strings.Contains(","+commands[1][1]+",", ","+want+",") {
			t.Errorf("no %s in %s", want, commands[1][1])
		}
	}
	data, err := base64.StdEncoding.DecodeString(payload.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, img); d != 0 {
		t.Errorf("the picture differs by %.2f", d)
	}
	if n := len(transmit); n > 400_000 {
		t.Errorf("%d bytes", n)
	}
}

func flatten(matches [][]string) []string {
	var all []string
	for _, m := range matches {
		all = append(all, m[0])
	}
	return all
}

// difference is the mean difference of two images' parts.
func difference(a, b image.Image) float64 {
	if a.Bounds().Dx() != b.Bounds().Dx() || a.Bounds().Dy() != b.Bounds().Dy() {
		return math.Inf(1)
	}
	sum, n := 0.0, 0
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, g, bl, _ := a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y).RGBA()
			r2, g2, b2, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			for _, d := range []int{int(r>>8) - int(r2>>8), int(g>>8) - int(g2>>8), int(bl>>8) - int(b2>>8)} {
				sum, n = sum+math.Abs(float64(d)), n+1
			}
		}
	}
	return sum / float64(n)
}

func TestALargePictureIsSentSmall(t *testing.T) {
	transmit, cells := Kitty(7, scene(1920, 1080, 0.5, 0), 60, 17)
	if len(cells) != 17 || !strings.Contains(cells[0], "\x1b[38;5;7m") {
		t.Fatalf("%d rows, %q", len(cells), cells[0])
	}
	payload := regexp.MustCompile(`\x1b_G[^;\x1b]*;([^\x1b]*)`).FindAllStringSubmatch(transmit, -1)
	var all strings.Builder
	for _, p := range payload {
		all.WriteString(p[1])
	}
	data, err := base64.StdEncoding.DecodeString(all.String())
	if err != nil {
		t.Fatal(err)
	}
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width != 600 || config.Height != 340 {
		t.Fatalf("%+v, %v", config, err)
	}
}

// TestPlaceholdersAreOrdinaryCells: whoever measures, cuts, frames or renders the lines leaves each
// placeholder with its combining characters and one cell wide.
func TestPlaceholdersAreOrdinaryCells(t *testing.T) {
	_, cells := Kitty(KittyIDs[1], scene(64, 36, 0.5, 0), 20, 10)
	want := string([]rune{kitty.Placeholder, kitty.Diacritic(2), kitty.Diacritic(5), kitty.Diacritic('H')})
	for _, line := range cells {
		if ansi.StringWidth(line) != 20 || ansi.StringWidthWc(line) != 20 || lipgloss.Width(line) != 20 {
			t.Fatalf("width %d, %d, %d", ansi.StringWidth(line), ansi.StringWidthWc(line), lipgloss.Width(line))
		}
	}
	if cut := ansi.Cut(cells[2], 5, 6); !strings.Contains(cut, want) || ansi.StringWidth(cut) != 1 {
		t.Errorf("cut out: %q", cut)
	}
	framed := lipgloss.NewStyle().Border(lipgloss.RoundedBorder()).Render(strings.Join(cells, "\n"))
	for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
		fresh := func() uv.ScreenBuffer {
			screen := uv.NewScreenBuffer(30, 12)
			screen.Method = method
			uv.NewStyledString(framed).Draw(screen, screen.Bounds())
			return screen
		}
		screen := fresh()
		cell := screen.CellAt(1+5, 1+2)
		if cell.Content != want || cell.Width != 1 || cell.Style.Fg != ansi.IndexedColor(KittyIDs[1]&255) {
			t.Errorf("method %v: cell %+q of width %d, colour %v", method, cell.Content, cell.Width, cell.Style.Fg)
		}
		for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256} {
			var out bytes.Buffer
			r := uv.NewTerminalRenderer(&out, []string{"TERM=xterm-kitty"})
			r.SetColorProfile(profile)
			r.SetFullscreen(true)
			r.Resize(30, 12)
			r.Render(fresh().RenderBuffer)
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), string(kitty.Placeholder)); n != 20*len(cells) || !strings.Contains(out.String(), want) {
				t.Errorf("%s: %d placeholders reach the terminal", profile, n)
			}
			if !strings.Contains(out.String(), "\x1b[38;5;201m") {
				t.Errorf("%s: the picture's name does not reach the terminal", profile)
			}
		}
	}
}

func TestTheTerminalKeepsTwoPicturesAtMost(t *testing.T) {
	kept := map[string]bool{}
	most := 0
	for i := range 20 {
		transmit, _ := Kitty(KittyIDs[i%2], scene(32, 18, float64(i)/20, 0), 10, 5)
		for _, m := range regexp.MustCompile(`\x1b_G([^;\x1b]*)`).FindAllStringSubmatch(transmit, -1) {
			id := regexp.MustCompile(`i=(\d+)`).FindStringSubmatch(m[1])
			switch {
			case strings.Contains(m[1], "a=d"):
				delete(kept, id[1])
			case strings.Contains(m[1], "a=T"):
				if kept[id[1]] {
					t.Fatal("a picture is sent over one that is still there")
				}
				kept[id[1]] = true
			}
		}
		most = max(most, len(kept))
	}
	if most != 2 {
		t.Errorf("%d pictures at once", most)
	}
}
