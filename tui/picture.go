package tui

import (
	"fmt"
	"image"
	"strings"

	"github.com/charmbracelet/colorprofile"
)

// halfBlocks draws an image into at most width × height cells, each cell two pixels high, with
// the image's own shape kept (a cell is taken as twice as high as wide). It returns the lines,
// all of one width. Colours are written for the profile: 24 bits with the lowest three dropped,
// which nobody sees and which makes neighbours equal and thus the output short, or the 6×6×6 cube.
func halfBlocks(img image.Image, width, height int, profile colorprofile.Profile) []string {
	bounds := img.Bounds()
	if width < 2 || height < 1 || bounds.Empty() {
		return nil
	}
	w, h := width, width*bounds.Dy()/bounds.Dx() // in pixels
	if h > 2*height {
		w, h = 2*height*bounds.Dx()/bounds.Dy(), 2*height
	}
	w, h = max(w, 1), max(h&^1, 2)
	lines := make([]string, 0, h/2)
	var b strings.Builder
	for y := 0; y < h; y += 2 {
		b.Reset()
		last := ""
		for x := range w {
			top := area(img, x, y, w, h)
			low := area(img, x, y+1, w, h)
			if sgr := cell(top, low, profile); sgr != last {
				b.WriteString(sgr)
				last = sgr
			}
			b.WriteString("▀")
		}
		b.WriteString("\x1b[m")
		lines = append(lines, b.String())
	}
	return lines
}

type pixel struct{ r, g, b uint32 } // 0–255

// area is the mean of the part of the image that falls on pixel x, y of a w × h grid.
func area(img image.Image, x, y, w, h int) pixel {
	bounds := img.Bounds()
	x0, x1 := bounds.Min.X+x*bounds.Dx()/w, bounds.Min.X+(x+1)*bounds.Dx()/w
	y0, y1 := bounds.Min.Y+y*bounds.Dy()/h, bounds.Min.Y+(y+1)*bounds.Dy()/h
	x1, y1 = max(x1, x0+1), max(y1, y0+1)
	var sum pixel
	var n uint32
	for j := y0; j < y1; j++ {
		for i := x0; i < x1; i++ {
			r, g, b, _ := img.At(i, j).RGBA()
			sum.r, sum.g, sum.b, n = sum.r+r>>8, sum.g+g>>8, sum.b+b>>8, n+1
		}
	}
	return pixel{sum.r / n, sum.g / n, sum.b / n}
}

func cell(top, low pixel, profile colorprofile.Profile) string {
	if profile == colorprofile.ANSI256 {
		return fmt.Sprintf("\x1b[38;5;%d;48;5;%dm", cube(top), cube(low))
	}
	round := func(v uint32) uint32 { return v&^7 | v>>5 }
	return fmt.Sprintf("\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm", round(top.r), round(top.g), round(top.b), round(low.r), round(low.g), round(low.b))
}

// cube is the nearest colour of xterm's 6×6×6 cube, whose levels are 0, 95, 135, 175, 215, 255.
func cube(p pixel) uint32 {
	level := func(v uint32) uint32 {
		switch {
		case v < 48:
			return 0
		case v < 115:
			return 1
		}
		return min((v-35)/40, 5)
	}
	return 16 + 36*level(p.r) + 6*level(p.g) + level(p.b)
}
