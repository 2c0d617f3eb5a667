package timecode

import (
	"fmt"
	"image"
	"image/color"
)

// Plane is one brightness plane: the Y plane of I420 or NV12, or a grey picture.
type Plane struct {
	Pix    []byte // at least Stride*(Height-1)+Width bytes
	Stride int    // bytes from one row to the next
	Width  int    // pixels
	Height int    // pixels

	// Scale is the size of this picture relative to the one the code was drawn
	// on: 0.5 for a 640x360 copy of a 1280x720 game. Zero means 1. Below about
	// 0.25 cells are too small to survive video coding.
	Scale float64
}

// PlaneOf gives the brightness plane of a picture at scale 1. Grey and YCbCr
// pictures are used in place; of others only the corner that holds the code is
// converted.
func PlaneOf(img image.Image) Plane {
	b := img.Bounds()
	switch img := img.(type) {
	case *image.Gray:
		if !b.Empty() {
			return Plane{Pix: img.Pix[img.PixOffset(b.Min.X, b.Min.Y):], Stride: img.Stride, Width: b.Dx(), Height: b.Dy()}
		}
	case *image.YCbCr:
		if !b.Empty() {
			return Plane{Pix: img.Y[img.YOffset(b.Min.X, b.Min.Y):], Stride: img.YStride, Width: b.Dx(), Height: b.Dy()}
		}
	}
	w, h := min(b.Dx(), Width), min(b.Dy(), Height)
	p := Plane{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
	for y := range h {
		for x := range w {
			p.Pix[y*w+x] = color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y
		}
	}
	return p
}

// ReadStamp reads the time at which the frame was drawn.
func ReadStamp(p Plane) (Stamp, error) {
	bits, err := p.row(0, syncStamp)
	if err != nil {
		return 0, fmt.Errorf("read stamp: %w", err)
	}
	return Stamp(bits), nil
}

// ReadState reads what the game said about itself.
func ReadState(p Plane) (State, error) {
	bits, err := p.row(2, syncState)
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	return stateOf(bits), nil
}

const (
	// minContrast is the least difference between black and white cells of the
	// sync pattern, of 255. Video keeps 200 and more; night scenes that look
	// like a sync pattern by chance have less.
	minContrast = 48
	// minShare is the least difference between a cell and its complement, as a
	// share of the contrast of the sync pattern.
	minShare = 0.3
)

// row reads the data bits of a row and checks them against its complement.
func (p Plane) row(row int, sync uint32) (uint32, error) {
	cell := float64(Cell)
	if p.Scale != 0 {
		cell *= p.Scale
	}
	// Written so that a scale that is not a number is refused, too.
	if !(cell >= 2 && cell <= 1<<12) {
		return 0, fmt.Errorf("%w: scale %v gives no usable cell", ErrTooSmall, p.Scale)
	}
	right, bottom := int(cell*Cells), int(cell*float64(row+2))
	if p.Stride < p.Width || p.Stride > maxStride || p.Width < right || p.Height < bottom || len(p.Pix) < (bottom-1)*p.Stride+right {
		return 0, ErrTooSmall
	}
	var word uint32
	var diffs [Cells]float64
	for i := range Cells {
		d := p.mean(i, row, cell) - p.mean(i, row+1, cell)
		word <<= 1
		if d > 0 {
			word |= 1
		}
		diffs[i] = max(d, -d)
	}
	if word>>dataBits != sync {
		return 0, fmt.Errorf("%w: sync pattern is missing", ErrUnreadable)
	}
	contrast := (diffs[0] + diffs[1] + diffs[2] + diffs[3]) / syncCells
	if contrast < minContrast {
		return 0, fmt.Errorf("%w: contrast %.0f of 255", ErrUnreadable, contrast)
	}
	for i, d := range diffs {
		if d < contrast*minShare {
			return 0, fmt.Errorf("%w: cell %d does not differ from its check", ErrUnreadable, i)
		}
	}
	return word & stampMask, nil
}

// mean is the mean brightness of the middle half of a cell: the edges are where
// blur and ringing live.
func (p Plane) mean(column, row int, cell float64) float64 {
	x0, x1 := int((float64(column)+0.25)*cell), int((float64(column)+0.75)*cell)
	y0, y1 := int((float64(row)+0.25)*cell), int((float64(row)+0.75)*cell)
	x1, y1 = max(x1, x0+1), max(y1, y0+1)
	sum := 0
	for y := y0; y < y1; y++ {
		for _, v := range p.Pix[y*p.Stride+x0 : y*p.Stride+x1] {
			sum += int(v)
		}
	}
	return float64(sum) / float64((x1-x0)*(y1-y0))
}
