package graphics

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// decodeSixel reads the subset of sixels that the format's manual calls for: raster, colours, runs.
func decodeSixel(text string) (*image.RGBA, error) {
	body, ok := strings.CutPrefix(text, "\x1bP0;1q")
	if !ok || !strings.HasSuffix(body, "\x1b\\") {
		return nil, fmt.Errorf("no sixels: %.20q", text)
	}
	body = strings.TrimSuffix(body, "\x1b\\")
	numbers := func() (list []int) {
		for {
			n := 0
			for n < len(body) && body[n] >= '0' && body[n] <= '9' {
				n++
			}
			v, _ := strconv.Atoi(body[:n])
			list, body = append(list, v), body[n:]
			if !strings.HasPrefix(body, ";") {
				return list
			}
			body = body[1:]
		}
	}
	var img *image.RGBA
	palette := map[int]color.RGBA{}
	ink, x, y, run := color.RGBA{}, 0, 0, 1
	for body != "" {
		c := body[0]
		body = body[1:]
		switch {
		case c == '"':
			r := numbers()
			img = image.NewRGBA(image.Rect(0, 0, r[2], r[3]))
		case c == '#':
			n := numbers()
			if len(n) == 5 {
				palette[n[0]] = color.RGBA{uint8((n[2]*255 + 50) / 100), uint8((n[3]*255 + 50) / 100), uint8((n[4]*255 + 50) / 100), 255}
			}
			ink = palette[n[0]]
		case c == '!':
			run = numbers()[0]
		case c == '$':
			x = 0
		case c == '-':
			x, y = 0, y+6
		case c >= '?' && c <= '~':
			for ; run > 0; run-- {
				for bit := range 6 {
					if (c-'?')>>bit&1 == 1 {
						if !(image.Point{x, y + bit}).In(img.Rect) {
							return nil, fmt.Errorf("a pixel outside the picture: %d, %d", x, y+bit)
						}
						img.SetRGBA(x, y+bit, ink)
					}
				}
				x++
			}
			run = 1
		default:
			return nil, fmt.Errorf("%q means nothing", c)
		}
	}
	return img, nil
}

func TestSixelsAreThePicture(t *testing.T) {
	for _, size := range [][2]int{{200, 112}, {33, 7}, {1, 1}, {64, 6}} {
		img := scene(size[0], size[1], 0.3, 6)
		// Cells of one pixel leave the picture as large as it is.
		text := Sixel(img, size[0], size[1], 1, 1)
		got, err := decodeSixel(text)
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		if d := difference(got, img); d > 4 {
			t.Errorf("%v: a part differs by %.2f of 255 in the mean", size, d)
		}
		for i := 3; i < len(got.Pix); i += 4 {
			if got.Pix[i] != 255 {
				t.Fatalf("%v: pixel %d is not drawn", size, i/4)
			}
		}
	}
}

func TestSixelsStayInTheirCells(t *testing.T) {
	img, err := decodeSixel(Sixel(scene(640, 360, 0.3, 0), 60, 10, 9, 18))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() > 60*9 || b.Dy() != 10*18 || b.Dx() != 320 {
		t.Errorf("%v", b)
	}
	if at := At(3, 4, "x"); at != "\x1b7\x1b[5;4Hx\x1b8" {
		t.Errorf("%q", at)
	}
}

// TestLibsixelReadsOurSixels needs sixel2png of Debian's libsixel-bin.
func TestLibsixelReadsOurSixels(t *testing.T) {
	tool, err := exec.LookPath("sixel2png")
	if err != nil {
		t.Skip("sixel2png (libsixel-bin) is not installed")
	}
	img := scene(200, 112, 0.3, 6)
	text := Sixel(img, 200, 112, 1, 1)
	file := filepath.Join(t.TempDir(), "out.png")
	cmd := exec.Command(tool, "-o", file)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, img); d > 4 {
		t.Errorf("a part differs by %.2f of 255 in the mean", d)
	}
}
