package timecode_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotseat/sidecar/timecode"
)

const frameWidth, frameHeight = 1280, 720

// frame draws a code on a picture full of distraction.
func frame(t testing.TB, at timecode.Stamp, state timecode.State) *image.RGBA {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, frameWidth, frameHeight))
	draw.Draw(img, img.Bounds(), image.NewUniform(color.RGBA{90, 40, 120, 255}), image.Point{}, draw.Src)
	if err := timecode.Draw(img.Pix, img.Stride, at, state); err != nil {
		t.Fatal(err)
	}
	return img
}

func grey(img image.Image) *image.Gray {
	g := image.NewGray(img.Bounds())
	draw.Draw(g, g.Bounds(), img, img.Bounds().Min, draw.Src)
	return g
}

func mustRead(t testing.TB, p timecode.Plane, at timecode.Stamp, state timecode.State) {
	t.Helper()
	gotAt, err := timecode.ReadStamp(p)
	if err != nil || gotAt != at {
		t.Fatalf("stamp %d, %v; want %d", gotAt, err, at)
	}
	gotState, err := timecode.ReadState(p)
	if err != nil || gotState != state {
		t.Fatalf("state %+v, %v; want %+v", gotState, err, state)
	}
}

func TestEveryCodeThatIsDrawnIsRead(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		at := timecode.Stamp(rapid.Uint32Range(0, 1<<28-1).Draw(r, "stamp"))
		state := timecode.State{
			X:         rapid.Byte().Draw(r, "x"),
			Keys:      rapid.Byte().Draw(r, "keys"),
			Reactions: rapid.Byte().Draw(r, "reactions"),
			Epoch:     rapid.ByteRange(0, 15).Draw(r, "epoch"),
		}
		mustRead(t, timecode.PlaneOf(frame(t, at, state)), at, state)
	})
}

func TestLayoutIsTheOneThatIsDocumented(t *testing.T) {
	// given a stamp of one and a state with one bit in each field
	img := grey(frame(t, 1, timecode.State{X: 0x80, Keys: 1, Reactions: 1, Epoch: 1}))
	want := [4][]int{ // white cells of each row
		{0, 2, 31},
		nil,
		{1, 2, 4, 19, 27, 31},
		nil,
	}
	for _, row := range []int{0, 2} {
		white := map[int]bool{}
		for _, c := range want[row] {
			white[c] = true
		}
		for c := range timecode.Cells {
			top := img.GrayAt(c*16+8, row*16+8).Y == 255
			check := img.GrayAt(c*16+8, row*16+24).Y == 255
			if top != white[c] || check == top {
				t.Errorf("row %d cell %d: white %v, check white %v", row, c, top, check)
			}
		}
	}
}

var sample = timecode.State{X: 131, Keys: 7, Reactions: 200, Epoch: 9}

func TestCodeSurvivesItsJourney(t *testing.T) {
	const at = timecode.Stamp(0xA5C3F01)
	journeys := map[string]func(*image.Gray) timecode.Plane{
		"blur": func(g *image.Gray) timecode.Plane { return timecode.PlaneOf(blur(g, 5)) },
		"noise": func(g *image.Gray) timecode.Plane {
			rng := rand.New(rand.NewPCG(1, 2))
			for i, v := range g.Pix {
				g.Pix[i] = uint8(max(0, min(255, int(v)+rng.IntN(161)-80)))
			}
			return timecode.PlaneOf(g)
		},
		"limited range": func(g *image.Gray) timecode.Plane {
			for i, v := range g.Pix {
				g.Pix[i] = uint8(16 + int(v)*219/255)
			}
			return timecode.PlaneOf(g)
		},
		"half the contrast": func(g *image.Gray) timecode.Plane {
			for i, v := range g.Pix {
				g.Pix[i] = 60 + v/2
			}
			return timecode.PlaneOf(g)
		},
		"poor jpeg": func(g *image.Gray) timecode.Plane {
			var buf bytes.Buffer
			if err := jpeg.Encode(&buf, g, &jpeg.Options{Quality: 8}); err != nil {
				t.Fatal(err)
			}
			img, err := jpeg.Decode(&buf)
			if err != nil {
				t.Fatal(err)
			}
			return timecode.PlaneOf(img)
		},
		"blur and noise": func(g *image.Gray) timecode.Plane {
			g = blur(g, 3)
			rng := rand.New(rand.NewPCG(3, 4))
			for i, v := range g.Pix {
				g.Pix[i] = uint8(max(0, min(255, int(v)+rng.IntN(101)-50)))
			}
			return timecode.PlaneOf(g)
		},
		"half the size": func(g *image.Gray) timecode.Plane {
			p := timecode.PlaneOf(shrink(g, 2))
			p.Scale = 0.5
			return p
		},
		"quarter of the size": func(g *image.Gray) timecode.Plane {
			p := timecode.PlaneOf(shrink(g, 4))
			p.Scale = 0.25
			return p
		},
		"a padded plane": func(g *image.Gray) timecode.Plane {
			const stride = frameWidth + 64
			p := timecode.Plane{Pix: make([]byte, stride*frameHeight), Stride: stride, Width: frameWidth, Height: frameHeight}
			for y := range frameHeight {
				copy(p.Pix[y*stride:], g.Pix[y*g.Stride:][:frameWidth])
			}
			return p
		},
	}
	for name, travel := range journeys {
		t.Run(name, func(t *testing.T) {
			mustRead(t, travel(grey(frame(t, at, sample))), at, sample)
		})
	}
}

func TestYCbCrPictureIsReadInPlace(t *testing.T) {
	src := grey(frame(t, 12345, sample))
	img := image.NewYCbCr(src.Bounds(), image.YCbCrSubsampleRatio420)
	copy(img.Y, src.Pix)
	mustRead(t, timecode.PlaneOf(img), 12345, sample)
}

func TestDamagedCodeIsRefusedRatherThanWrong(t *testing.T) {
	for name, damage := range map[string]func(*image.Gray){
		"no code":       func(g *image.Gray) { clear(g.Pix) },
		"one cell gone": func(g *image.Gray) { fill(g, image.Rect(10*16, 0, 11*16, 64), 128) },
		"no sync":       func(g *image.Gray) { fill(g, image.Rect(0, 0, 64, 64), 0) },
		"checks gone": func(g *image.Gray) {
			copy(g.Pix[16*g.Stride:32*g.Stride], g.Pix[:16*g.Stride])
			copy(g.Pix[48*g.Stride:64*g.Stride], g.Pix[32*g.Stride:48*g.Stride])
		},
		"faded": func(g *image.Gray) {
			for i, v := range g.Pix {
				g.Pix[i] = 100 + v/16
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := grey(frame(t, 987654, sample))
			damage(g)
			if s, err := timecode.ReadStamp(timecode.PlaneOf(g)); !errors.Is(err, timecode.ErrUnreadable) {
				t.Errorf("stamp %d, error %v", s, err)
			}
			if s, err := timecode.ReadState(timecode.PlaneOf(g)); !errors.Is(err, timecode.ErrUnreadable) {
				t.Errorf("state %+v, error %v", s, err)
			}
		})
	}
}

func TestSmallPictureIsRefused(t *testing.T) {
	if _, err := timecode.ReadStamp(timecode.PlaneOf(image.NewRGBA(image.Rect(0, 0, 300, 200)))); !errors.Is(err, timecode.ErrTooSmall) {
		t.Error(err)
	}
	if err := timecode.Draw(make([]byte, 100), 2048, 0, timecode.State{}); !errors.Is(err, timecode.ErrTooSmall) {
		t.Error(err)
	}
	if err := timecode.Draw(make([]byte, 1<<20), 100, 0, timecode.State{}); !errors.Is(err, timecode.ErrTooSmall) {
		t.Error(err)
	}
}

func TestAgeCrossesTheWrap(t *testing.T) {
	base := time.UnixMilli(1 << 28 * 6666)
	for _, age := range []time.Duration{0, 40 * time.Millisecond, time.Hour, 30 * time.Hour, -5 * time.Millisecond} {
		for _, now := range []time.Time{base, base.Add(10 * time.Millisecond), base.Add(-time.Millisecond)} {
			s := timecode.At(now.Add(-age))
			if got := s.Age(now); got != age {
				t.Errorf("age %v at %v: got %v", age, now.UnixMilli(), got)
			}
			if got := s.Time(now); !got.Equal(now.Add(-age)) {
				t.Errorf("time %v, want %v", got, now.Add(-age))
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	img := grey(frame(f, 42, sample))
	f.Add(img.Pix[:64*frameWidth], frameWidth, frameWidth, 64, 1.0)
	f.Add([]byte{}, 0, 0, 0, 0.0)
	f.Add([]byte{1, 2, 3}, -4, 1<<40, 1<<40, -1.0)
	f.Add(make([]byte, 10), 1<<60, 512, 64, 1.0)
	f.Fuzz(func(t *testing.T, pix []byte, stride, width, height int, scale float64) {
		p := timecode.Plane{Pix: pix, Stride: stride, Width: width, Height: height, Scale: scale}
		_, _ = timecode.ReadStamp(p)
		_, _ = timecode.ReadState(p)
	})
}

func BenchmarkDraw(b *testing.B) {
	pix := make([]byte, frameWidth*frameHeight*4)
	for b.Loop() {
		_ = timecode.Draw(pix, frameWidth*4, 12345678, sample)
	}
}

func fill(g *image.Gray, r image.Rectangle, v uint8) {
	draw.Draw(g, r, image.NewUniform(color.Gray{Y: v}), image.Point{}, draw.Src)
}

// blur is a box blur of the given radius.
func blur(g *image.Gray, radius int) *image.Gray {
	out := image.NewGray(g.Bounds())
	w := g.Bounds().Dx()
	for y := range timecode.Height + radius {
		for x := range timecode.Width + radius {
			sum, n := 0, 0
			for j := max(0, y-radius); j <= y+radius; j++ {
				for i := max(0, x-radius); i <= min(w-1, x+radius); i++ {
					sum, n = sum+int(g.Pix[j*g.Stride+i]), n+1
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum / n)
		}
	}
	return out
}

// shrink halves or quarters a picture by averaging.
func shrink(g *image.Gray, by int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, g.Bounds().Dx()/by, g.Bounds().Dy()/by))
	for y := range out.Bounds().Dy() {
		for x := range out.Bounds().Dx() {
			sum := 0
			for j := range by {
				for i := range by {
					sum += int(g.Pix[(y*by+j)*g.Stride+x*by+i])
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum / (by * by))
		}
	}
	return out
}
