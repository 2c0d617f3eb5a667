package graphics

import (
	"image"

	"golang.org/x/image/draw"
)

// Bounds of what is drawn, in cells: a terminal over all of an 8K screen has about 960 by 270.
const (
	maxColumns = 1000
	maxRows    = 300
)

// Fit is the largest grid of at most columns by rows cells in which an image keeps its shape, for cells of
// the given size in pixels; cells are taken as twice as high as wide if that is not known. It is 0 by 0 if
// there is nothing to draw or no room.
func Fit(bounds image.Rectangle, columns, rows, cellWidth, cellHeight int) (int, int) {
	columns, rows = min(columns, maxColumns), min(rows, maxRows)
	if bounds.Empty() || columns < 1 || rows < 1 {
		return 0, 0
	}
	if cellWidth < 1 || cellHeight < 1 {
		cellWidth, cellHeight = 1, 2
	}
	w, h := bounds.Dx()*cellHeight, bounds.Dy()*cellWidth // the image in cells, times a common factor
	c, r := columns, (columns*h+w/2)/w
	if r > rows {
		c, r = (rows*w+h/2)/h, rows
	}
	return min(max(c, 1), columns), min(max(r, 1), rows)
}

// scale makes an opaque image of exactly w by h pixels, each the mean of what it covers.
func scale(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	for i := 3; i < len(out.Pix); i += 4 { // what shines through is black
		out.Pix[i] = 255
	}
	return out
}
