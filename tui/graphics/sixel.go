package graphics

import (
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const (
	// sixelColours is how many colours a picture has. Terminals have 256 registers and more; thumbnails
	// of games are JPEGs, in which more than these are noise, and bytes grow with the colours in a band.
	sixelColours = 64
	// usualCellWidth, usualCellHeight stand for cells whose size the terminal does not tell.
	usualCellWidth, usualCellHeight = 10, 20
	// maxSixelPixels bounds a picture: a full screen of 1080p.
	maxSixelPixels = 1920 * 1080
)

// Sixel draws an image as sixels, in at most columns by rows cells of the given size in pixels (0: not
// known), its shape kept. The string starts at the cursor and leaves it below the picture; use At. It is
// empty if there is nothing to draw.
//
// The format is that of DEC's VT330/VT340 Programmer Reference Manual, volume 2, chapter 14: bands of six
// rows of pixels, each drawn once for every colour in it.
func Sixel(img image.Image, columns, rows, cellWidth, cellHeight int) string {
	if cellWidth < 1 || cellHeight < 1 {
		cellWidth, cellHeight = usualCellWidth, usualCellHeight
	}
	cellWidth, cellHeight = min(cellWidth, 100), min(cellHeight, 200)
	if img == nil || img.Bounds().Empty() || columns < 1 || rows < 1 {
		return ""
	}
	columns, rows = min(columns, maxColumns), min(rows, maxRows)
	w, h := Fit(img.Bounds(), columns*cellWidth, rows*cellHeight, 1, 1)
	for w*h > maxSixelPixels {
		w, h = w/2, h/2
	}
	if w < 1 || h < 1 {
		return ""
	}
	picture := quantise(scale(img, w, h), sixelColours)
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, `"1;1;%d;%d`, w, h) // square pixels, and the size, so that the terminal can clear it
	for i, c := range picture.Palette {
		r, g, bl, _ := c.RGBA()
		_, _ = fmt.Fprintf(&b, "#%d;2;%d;%d;%d", i, percent(r), percent(g), percent(bl))
	}
	for y := 0; y < h; y += 6 {
		if y > 0 {
			b.WriteByte('-')
		}
		band(&b, picture, y)
	}
	return ansi.SixelGraphics(0, 1, 0, []byte(b.String()))
}

// At writes something to a place on the screen, from 0, and brings the cursor back to where it was.
func At(x, y int, what string) string {
	if what == "" {
		return ""
	}
	return ansi.SaveCursor + ansi.CursorPosition(x+1, y+1) + what + ansi.RestoreCursor
}

func percent(v uint32) uint32 { return (v*100 + 0x7fff) / 0xffff }

// band writes six rows of pixels: for each colour in them, which of the six have it, column by column.
func band(b *strings.Builder, p *image.Paletted, y int) {
	w := p.Rect.Dx()
	rows := min(6, p.Rect.Dy()-y)
	masks := make([][]byte, len(p.Palette))
	for dy := range rows {
		line := p.Pix[(y+dy)*p.Stride : (y+dy)*p.Stride+w]
		for x, c := range line {
			if masks[c] == nil {
				masks[c] = make([]byte, w)
			}
			masks[c][x] |= 1 << dy
		}
	}
	first := true
	for c, mask := range masks {
		if mask == nil {
			continue
		}
		if !first {
			b.WriteByte('$')
		}
		first = false
		b.WriteByte('#')
		b.WriteString(strconv.Itoa(c))
		end := w
		for end > 0 && mask[end-1] == 0 { // nothing more of this colour
			end--
		}
		for x := 0; x < end; {
			run := x + 1
			for run < end && mask[run] == mask[x] {
				run++
			}
			if n := run - x; n > 3 { // "!4?" is no longer than "????"
				b.WriteByte('!')
				b.WriteString(strconv.Itoa(n))
				b.WriteByte('?' + mask[x])
			} else {
				for range n {
					b.WriteByte('?' + mask[x])
				}
			}
			x = run
		}
	}
}

// colours of an image, counted; the lowest three bits of each part are left out.
type counted struct {
	colour  [3]uint8
	n       int
	r, g, b int // sums, for the mean
}

// quantise finds the colours that stand for an image's by median cut (P. Heckbert, "Color Image Quantization
// for Frame Buffer Display", SIGGRAPH 1982), and draws the image with them.
func quantise(img *image.RGBA, colours int) *image.Paletted {
	at := map[[3]uint8]int{}
	var list []counted
	for i := 0; i < len(img.Pix); i += 4 {
		key := [3]uint8{img.Pix[i] >> 3, img.Pix[i+1] >> 3, img.Pix[i+2] >> 3}
		j, ok := at[key]
		if !ok {
			j = len(list)
			at[key] = j
			list = append(list, counted{colour: key})
		}
		c := &list[j]
		c.n, c.r, c.g, c.b = c.n+1, c.r+int(img.Pix[i]), c.g+int(img.Pix[i+1]), c.b+int(img.Pix[i+2])
	}
	boxes := medianCut(list, colours)
	palette := make(color.Palette, len(boxes))
	index := make(map[[3]uint8]uint8, len(at))
	for i, box := range boxes {
		var sum counted
		for _, c := range box {
			sum.n, sum.r, sum.g, sum.b = sum.n+c.n, sum.r+c.r, sum.g+c.g, sum.b+c.b
			index[c.colour] = uint8(i)
		}
		palette[i] = color.RGBA{uint8(sum.r / sum.n), uint8(sum.g / sum.n), uint8(sum.b / sum.n), 255}
	}
	out := image.NewPaletted(img.Bounds(), palette)
	for i, j := 0, 0; i < len(img.Pix); i, j = i+4, j+1 {
		out.Pix[j] = index[[3]uint8{img.Pix[i] >> 3, img.Pix[i+1] >> 3, img.Pix[i+2] >> 3}]
	}
	return out
}
