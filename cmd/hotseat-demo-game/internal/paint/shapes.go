package paint

import (
	"math"

	"golang.org/x/image/vector"
)

// shape names a mask that is drawn once a size.
type shape int

const (
	shapeDisc shape = iota
	shapeGlow
	shapeHeart
	shapeStar
	shapeFlame
	shapeSmile
	shapeHands
	shapeConfetti
	shapeDrop
)

type shapeKey struct {
	shape shape
	size  int // pixels, half the width
	turn  int // of turns
}

// turns is the number of directions in which a turning shape is kept.
const turns = 16

// shapes keeps masks by shape, size and direction. Sizes are whole pixels and
// bounded, so the number of masks is, too.
type shapes struct {
	masks map[shapeKey]*Mask
}

func newShapes() *shapes { return &shapes{masks: map[shapeKey]*Mask{}} }

const maxShapeSize = 420

// get gives a shape of the given half width in pixels; angle in radians only
// counts for shapes that look different when turned.
func (s *shapes) get(sh shape, size, angle float64) *Mask {
	n := int(size + 0.5)
	if n < 1 {
		n = 1
	}
	if n > maxShapeSize {
		n = maxShapeSize
	}
	if n > 24 { // large ones in steps of four pixels
		n = n &^ 3
	}
	key := shapeKey{shape: sh, size: n}
	switch sh {
	case shapeStar, shapeConfetti, shapeSmile:
		period := 2 * math.Pi
		if sh == shapeStar {
			period /= 5
		}
		part := angle / period
		key.turn = int((part-math.Floor(part))*turns) % turns
		angle = float64(key.turn) / turns * period
	default:
		angle = 0
	}
	if m, ok := s.masks[key]; ok {
		return m
	}
	m := drawShape(sh, float64(n), angle)
	s.masks[key] = m
	return m
}

// pen draws paths in units of the shape's half width, turned by an angle.
type pen struct {
	ras                  *vector.Rasterizer
	size, middle, cs, sn float64
}

func newPen(size, angle float64) *pen {
	side := int(math.Ceil(size))*2 + 3
	return &pen{ras: vector.NewRasterizer(side, side), size: size, middle: float64(side) / 2, cs: math.Cos(angle), sn: math.Sin(angle)}
}

func (p *pen) xy(x, y float64) (float32, float32) {
	x, y = x*p.size, y*p.size
	return float32(p.middle + x*p.cs - y*p.sn), float32(p.middle + x*p.sn + y*p.cs)
}

func (p *pen) move(x, y float64) { p.ras.MoveTo(p.xy(x, y)) }
func (p *pen) line(x, y float64) { p.ras.LineTo(p.xy(x, y)) }
func (p *pen) cube(bx, by, cx, cy, dx, dy float64) {
	x1, y1 := p.xy(bx, by)
	x2, y2 := p.xy(cx, cy)
	x3, y3 := p.xy(dx, dy)
	p.ras.CubeTo(x1, y1, x2, y2, x3, y3)
}
func (p *pen) close() { p.ras.ClosePath() }

func (p *pen) polygon(xy ...float64) {
	p.move(xy[0], xy[1])
	for i := 2; i < len(xy); i += 2 {
		p.line(xy[i], xy[i+1])
	}
	p.close()
}

// circle adds a circle; a hole is drawn the other way round.
func (p *pen) circle(x, y, r float64, hole bool) {
	const k = 0.5523 // distance of the control points that makes a Bézier arc round
	s := 1.0
	if hole {
		s = -1
	}
	p.move(x+r, y)
	p.cube(x+r, y+s*k*r, x+k*r, y+s*r, x, y+s*r)
	p.cube(x-k*r, y+s*r, x-r, y+s*k*r, x-r, y)
	p.cube(x-r, y-s*k*r, x-k*r, y-s*r, x, y-s*r)
	p.cube(x+k*r, y-s*r, x+r, y-s*k*r, x+r, y)
	p.close()
}

func (p *pen) mask() *Mask { s := p.ras.Size(); return rasterized(p.ras, s.X, s.Y) }

func drawShape(sh shape, size, angle float64) *Mask {
	p := newPen(size, angle)
	switch sh {
	case shapeGlow:
		return glow(size)
	case shapeDisc:
		p.circle(0, 0, 1, false)
	case shapeHeart:
		p.move(0, 0.92)
		p.cube(-0.5, 0.5, -1, 0.15, -1, -0.32)
		p.cube(-1, -0.72, -0.72, -0.9, -0.48, -0.9)
		p.cube(-0.25, -0.9, -0.07, -0.76, 0, -0.55)
		p.cube(0.07, -0.76, 0.25, -0.9, 0.48, -0.9)
		p.cube(0.72, -0.9, 1, -0.72, 1, -0.32)
		p.cube(1, 0.15, 0.5, 0.5, 0, 0.92)
		p.close()
	case shapeStar:
		const points = 5
		for i := range points * 2 {
			r := 1.0
			if i%2 == 1 {
				r = 0.5
			}
			a := math.Pi*float64(i)/points - math.Pi/2
			if i == 0 {
				p.move(r*math.Cos(a), r*math.Sin(a))
			} else {
				p.line(r*math.Cos(a), r*math.Sin(a))
			}
		}
		p.close()
	case shapeFlame:
		p.move(0, -1)
		p.cube(0.15, -0.45, 0.68, -0.2, 0.62, 0.35)
		p.cube(0.58, 0.8, 0.25, 1, 0, 1)
		p.cube(-0.25, 1, -0.6, 0.8, -0.62, 0.35)
		p.cube(-0.62, 0, -0.35, -0.1, -0.3, -0.42)
		p.cube(-0.12, -0.3, -0.05, -0.6, 0, -1)
		p.close()
	case shapeSmile:
		p.circle(0, 0, 1, false)
		p.circle(-0.36, -0.26, 0.15, true)
		p.circle(0.36, -0.26, 0.15, true)
		// The open mouth, drawn against the face's direction: a hole.
		p.move(-0.62, 0.1)
		p.cube(-0.55, 0.95, 0.55, 0.95, 0.62, 0.1)
		p.cube(0.3, 0.22, -0.3, 0.22, -0.62, 0.1)
		p.close()
	case shapeHands:
		// Two palms that meet, and three strokes of sound above them.
		for _, m := range []float64{1, -1} {
			p.move(m*0.05, -0.2)
			p.cube(m*0.1, -0.52, m*0.36, -0.5, m*0.36, -0.2)
			p.cube(m*0.4, 0.02, m*0.5, 0.1, m*0.66, -0.02)
			p.cube(m*0.84, -0.1, m*0.92, 0.12, m*0.78, 0.3)
			p.cube(m*0.62, 0.6, m*0.5, 0.96, m*0.26, 0.96)
			p.cube(m*0.1, 0.96, m*0.05, 0.8, m*0.05, 0.6)
			p.close()
		}
		p.polygon(-0.07, -1, 0.07, -1, 0.05, -0.62, -0.05, -0.62)
		p.polygon(-0.66, -0.82, -0.55, -0.9, -0.32, -0.6, -0.4, -0.54)
		p.polygon(0.66, -0.82, 0.4, -0.54, 0.32, -0.6, 0.55, -0.9)
	case shapeConfetti:
		p.polygon(-0.9, -0.5, 0.9, -0.5, 0.9, 0.5, -0.9, 0.5)
	case shapeDrop:
		p.polygon(0.22, -1, 0.3, -1, -0.1, 1, -0.24, 1)
	}
	return p.mask()
}

// glow is a disc that fades from its middle to its edge.
func glow(size float64) *Mask {
	side := int(size)*2 + 1
	a := make([]uint8, side*side)
	for y := range side {
		for x := range side {
			d := math.Hypot(float64(x)-size, float64(y)-size) / size
			if d < 1 {
				k := 1 - d
				a[y*side+x] = uint8(255 * k * k * (0.6 + 0.4*k))
			}
		}
	}
	return newMask(a, side, side)
}

// ring draws a circle line, row by row: only the pixels of the line are touched.
func (c *Canvas) ring(cx, cy, radius, thick float64, color uint32, alpha float64) {
	outer, inner := radius+thick/2+0.5, max(radius-thick/2-0.5, 0)
	_, y0, _, y1 := c.clip(0, int(cy-outer), 0, int(cy+outer)+2)
	for y := y0; y < y1; y++ {
		dy := float64(y) - cy
		if outer*outer < dy*dy {
			continue
		}
		xo := math.Sqrt(outer*outer - dy*dy)
		xi := 0.0
		if inner*inner > dy*dy {
			xi = math.Sqrt(inner*inner - dy*dy)
		}
		row := c.Pix[y*c.Width : (y+1)*c.Width]
		span := func(from, to float64) {
			for x := max(int(from), 0); x <= min(int(to)+1, c.Width-1); x++ {
				d := math.Hypot(float64(x)-cx, dy)
				cover := min(d-inner, outer-d, 1)
				if cover > 0 {
					row[x] = over(row[x], color, alpha256(alpha*cover))
				}
			}
		}
		if xi < 2 {
			span(cx-xo, cx+xo)
			continue
		}
		span(cx-xo, cx-xi)
		span(cx+xi, cx+xo)
	}
}

// panel is a rounded rectangle, kept by size.
func (s *shapes) panel(w, h, radius int) *Mask {
	key := shapeKey{shape: -1 - shape(radius), size: w, turn: h}
	if m, ok := s.masks[key]; ok {
		return m
	}
	if len(s.masks) > 4000 { // widths follow texts of the audience: start over
		clear(s.masks)
	}
	ras := vector.NewRasterizer(w, h)
	r, fw, fh := float32(radius), float32(w), float32(h)
	const k = 0.4477 // 1 minus the distance of the control points of a round arc
	ras.MoveTo(r, 0)
	ras.LineTo(fw-r, 0)
	ras.CubeTo(fw-r*k, 0, fw, r*k, fw, r)
	ras.LineTo(fw, fh-r)
	ras.CubeTo(fw, fh-r*k, fw-r*k, fh, fw-r, fh)
	ras.LineTo(r, fh)
	ras.CubeTo(r*k, fh, 0, fh-r*k, 0, fh-r)
	ras.LineTo(0, r)
	ras.CubeTo(0, r*k, r*k, 0, r, 0)
	ras.ClosePath()
	m := rasterized(ras, w, h)
	s.masks[key] = m
	return m
}
