package graphics

import (
	"image"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"
)

// ink is a colour as it is written: an index, or 24 bits above rgb, or none: the terminal's own.
type ink uint32

const (
	rgb  ink = 1 << 24
	none ink = 1 << 25
)

// duo is what a cell shows: its upper and its lower half. Without colours, upper is a shade.
type duo struct{ upper, lower ink }

// grid is a picture in cells.
type grid struct {
	w, h  int
	cells []duo
}

// sample makes cells of an image.
func sample(img image.Image, columns, rows int, profile colorprofile.Profile) grid {
	if img == nil || profile <= colorprofile.NoTTY {
		return grid{}
	}
	w, h := Fit(img.Bounds(), columns, rows, 0, 0)
	if w == 0 {
		return grid{}
	}
	g := grid{w: w, h: h, cells: make([]duo, w*h)}
	if profile == colorprofile.ASCII {
		shade(g.cells, scale(img, w, h).Pix)
		return g
	}
	small := scale(img, w, 2*h)
	for y := range h {
		for x := range w {
			up, low := small.Pix[2*y*small.Stride+4*x:], small.Pix[(2*y+1)*small.Stride+4*x:]
			g.cells[y*w+x] = duo{inkOf(up, profile), inkOf(low, profile)}
		}
	}
	return g
}

// shades from dark to bright, for a dark background.
const shades = " .:-=+*#%@"

// shade makes shades of pixels: their brightness (ITU-R BT.601, as JPEG has it), stretched so that the
// darkest and the brightest of the picture are the ends of the scale.
func shade(cells []duo, pix []uint8) {
	bright := make([]int, len(cells))
	low, high := 1000*255, 0
	for i := range cells {
		bright[i] = 299*int(pix[4*i]) + 587*int(pix[4*i+1]) + 114*int(pix[4*i+2])
		low, high = min(low, bright[i]), max(high, bright[i])
	}
	const least = 32 * 1000 // of contrast: a picture that is nearly even shall not become noise
	if high-low < least {
		low, high = max(0, low-least/2), min(high+least/2, 1000*255)
	}
	for i, v := range bright {
		cells[i].upper = ink(min((v-low)*len(shades)/(high-low), len(shades)-1))
	}
}

func inkOf(pixel []uint8, profile colorprofile.Profile) ink {
	switch profile {
	case colorprofile.ANSI:
		return nearest16()[fifteen(pixel)]
	case colorprofile.ANSI256:
		return nearest256()[fifteen(pixel)]
	}
	round := func(v uint8) ink { return ink(v&^7 | v>>5) }
	return rgb | round(pixel[0])<<16 | round(pixel[1])<<8 | round(pixel[2])
}

// lines writes the cells.
func (g grid) lines(profile colorprofile.Profile) []string {
	if g.w == 0 {
		return nil
	}
	out := make([]string, g.h)
	var b strings.Builder
	for y := range g.h {
		b.Reset()
		last := duo{upper: ^ink(0), lower: ^ink(0)}
		for _, c := range g.cells[y*g.w : (y+1)*g.w] {
			if profile == colorprofile.ASCII {
				b.WriteByte(shades[c.upper])
				continue
			}
			last = c.write(&b, last)
		}
		if profile != colorprofile.ASCII {
			b.WriteString("\x1b[m")
		}
		out[y] = b.String()
	}
	return out
}

// write writes a cell after one that has left its colours behind, and returns the colours it leaves. A
// cell of one colour is a space without a foreground, which would be compared without being seen.
func (d duo) write(b *strings.Builder, last duo) duo {
	char := "▀"
	if d.upper == d.lower {
		d.upper, char = none, " "
	}
	if d != last {
		b.WriteString("\x1b[")
		if d.upper != last.upper {
			d.upper.sgr(b, false)
			if d.lower != last.lower {
				b.WriteByte(';')
			}
		}
		if d.lower != last.lower {
			d.lower.sgr(b, true)
		}
		b.WriteByte('m')
	}
	b.WriteString(char)
	return d
}

// sgr writes the parameters that select a colour (ECMA-48, 8.3.117; ISO 8613-6 for more than eight).
func (i ink) sgr(b *strings.Builder, background bool) {
	base := 30
	if background {
		base = 40
	}
	number := func(n ink) { b.WriteString(strconv.Itoa(int(n))) }
	switch {
	case i == none:
		b.WriteString(strconv.Itoa(base + 9))
	case i >= rgb:
		b.WriteString(strconv.Itoa(base + 8))
		b.WriteString(";2;")
		number(i >> 16 & 255)
		b.WriteByte(';')
		number(i >> 8 & 255)
		b.WriteByte(';')
		number(i & 255)
	case i >= 16:
		b.WriteString(strconv.Itoa(base + 8))
		b.WriteString(";5;")
		number(i)
	case i >= 8:
		number(ink(base) + 60 + i - 8)
	default:
		number(ink(base) + i)
	}
}
