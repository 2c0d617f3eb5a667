package graphics

import (
	"bytes"
	"fmt"
	"image"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"
)

// KittyIDs are two names for the console's pictures in the terminal, to be used in turn. Two, because a
// picture is replaced by drawing its successor into the same cells: with the same name the cells would
// stay the same text, and neither a renderer nor the terminal draws what has not changed. The top byte
// keeps them apart from the names that other programs give out, which begin at 1; the low byte is an
// entry of the 256 colours past the 16 that have codes of their own.
var KittyIDs = [2]uint32{'H'<<24 | 200, 'H'<<24 | 201}

const (
	// maxKittySpan is how many rows and columns placeholders can name: the number of the diacritics in
	// https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders.
	maxKittySpan = 297
	// kittyCellWidth, kittyCellHeight bound the pixels that are sent for a cell: on larger cells the
	// terminal scales them up.
	kittyCellWidth, kittyCellHeight = 10, 20
)

// Kitty draws an image into at most columns by rows cells with Kitty's graphics protocol, its shape kept
// for cells twice as high as wide. transmit is written to the terminal once, before cells are drawn; it
// takes the place of an earlier image of the same name, so that with KittyIDs in turn the terminal keeps
// two at most. cells are lines of text, each character one cell wide: the name is their colour, row and
// column are combining characters, and every cell stands for itself, so that it may be covered by others.
//
// transmit makes no answer come back, also not if the terminal cannot draw it. The result is empty if
// there is nothing to draw.
func Kitty(id uint32, img image.Image, columns, rows int) (transmit string, cells []string) {
	if img == nil || id == 0 {
		return "", nil
	}
	c, r := Fit(img.Bounds(), min(columns, maxKittySpan), min(rows, maxKittySpan), 0, 0)
	if c == 0 {
		return "", nil
	}
	if b := img.Bounds(); b.Dx() > c*kittyCellWidth || b.Dy() > r*kittyCellHeight {
		img = scale(img, min(b.Dx(), c*kittyCellWidth), min(b.Dy(), r*kittyCellHeight))
	}
	var out bytes.Buffer
	out.WriteString(KittyDelete(id))
	err := kitty.EncodeGraphics(&out, img, &kitty.Options{
		Action: kitty.TransmitAndPut, ID: int(id), PlacementID: 1, Quiet: 2, VirtualPlacement: true, Columns: c, Rows: r,
		Format: kitty.PNG, Transmission: kitty.Direct, Chunk: true,
	})
	if err != nil { // only an image that PNG cannot hold: more than 2^31 pixels in a row
		return "", nil
	}
	cells = make([]string, r)
	var line strings.Builder
	for y := range r {
		line.Reset()
		line.WriteString(kittyColour(id))
		for x := range c {
			line.WriteRune(kitty.Placeholder)
			line.WriteRune(kitty.Diacritic(y))
			line.WriteRune(kitty.Diacritic(x))
			if top := int(id >> 24); top != 0 {
				line.WriteRune(kitty.Diacritic(top))
			}
		}
		line.WriteString("\x1b[39m")
		cells[y] = line.String()
	}
	return out.String(), cells
}

// KittyDelete makes the terminal forget an image and where it is drawn. It is written when pictures are
// turned off, and before the program ends.
func KittyDelete(id uint32) string {
	return ansi.KittyGraphics(nil, "a=d", "d=I", fmt.Sprintf("i=%d", id), "q=2")
}

// kittyColour selects the foreground colour that names an image: one of the 256 colours for a low part of
// 8 bits, else 24 bits. The first also reaches terminals whose colours are cut down on the way.
func kittyColour(id uint32) string {
	if low := id & 0xffffff; low > 255 {
		return fmt.Sprintf("\x1b[38;2;%d;%d;%dm", low>>16, low>>8&255, low&255)
	}
	return fmt.Sprintf("\x1b[38;5;%dm", id&255)
}
