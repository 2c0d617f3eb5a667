package paint

// layer is a picture wider than it is high that repeats from left to right,
// kept as runs: opaque ones are copied, soft ones blended, empty ones skipped.
type layer struct {
	width, height int
	top           int // row of the canvas at which it starts
	rows          [][]run
}

// run is a piece of one row.
type run struct {
	x     int
	pix   []uint32
	alpha []uint8 // nil: opaque
}

// newLayer takes the picture apart. alpha has one byte a pixel.
func newLayer(pix []uint32, alpha []uint8, width, height, top int) *layer {
	l := &layer{width: width, height: height, top: top, rows: make([][]run, height)}
	kind := func(a uint8) int {
		switch {
		case a == 0:
			return 0
		case a == 255:
			return 2
		}
		return 1
	}
	for y := range height {
		for x := 0; x < width; {
			i := y*width + x
			k := kind(alpha[i])
			end := x + 1
			for end < width && kind(alpha[y*width+end]) == k {
				end++
			}
			if k > 0 {
				r := run{x: x, pix: append([]uint32(nil), pix[i:y*width+end]...)}
				if k == 1 {
					r.alpha = append([]uint8(nil), alpha[i:y*width+end]...)
				}
				l.rows[y] = append(l.rows[y], r)
			}
			x = end
		}
	}
	return l
}

// draw puts the layer on the canvas, moved to the left by offset pixels.
func (l *layer) draw(c *Canvas, offset int) {
	offset %= l.width
	if offset < 0 {
		offset += l.width
	}
	for y, runs := range l.rows {
		py := l.top + y
		if py < 0 || py >= c.Height {
			continue
		}
		row := c.Pix[py*c.Width : (py+1)*c.Width]
		for start := -offset; start < c.Width; start += l.width {
			for _, r := range runs {
				r.draw(row, start+r.x)
			}
		}
	}
}

func (r run) draw(row []uint32, x int) {
	from, to := 0, len(r.pix)
	if x < 0 {
		from = -x
	}
	if x+to > len(row) {
		to = len(row) - x
	}
	if from >= to {
		return
	}
	dst := row[x+from : x+to]
	src := r.pix[from:to]
	if r.alpha == nil {
		copy(dst, src)
		return
	}
	for i, a := range r.alpha[from:to] {
		dst[i] = over(dst[i], src[i], uint32(a)+uint32(a>>7))
	}
}
