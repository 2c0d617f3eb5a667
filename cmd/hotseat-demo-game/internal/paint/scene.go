package paint

import (
	"fmt"
	"math"

	"hotseat/cmd/hotseat-demo-game/internal/world"
)

// Painter draws worlds onto canvases of one size. It keeps masks and texts from
// frame to frame and belongs to one goroutine.
type Painter struct {
	width, height int
	scale         float64 // pixels per point
	reserved      int     // pixels on the left of the top row that belong to the time code
	scenery       *scenery
	shapes        *shapes
	text          *typesetter
	planes        map[int][3]*Mask // by tilt
	ribbon        ribbon
}

// Smallest picture in pixels; texts and the time code need that much.
const (
	MinWidth  = 640
	MinHeight = 360
	maxSide   = 4096
)

// New prepares to draw pictures of width x height pixels. reserved pixels on the
// left of the top row are kept free for the time code.
func New(width, height, reserved int) (*Painter, error) {
	if width < MinWidth || height < MinHeight || width > maxSide || height > maxSide {
		return nil, fmt.Errorf("size %dx%d is not possible: use %dx%d to %dx%d", width, height, MinWidth, MinHeight, maxSide, maxSide)
	}
	text, err := newTypesetter()
	if err != nil {
		return nil, fmt.Errorf("prepare letters: %w", err)
	}
	return &Painter{
		width: width, height: height, scale: float64(height) / world.Height, reserved: reserved,
		scenery: newScenery(width, height), shapes: newShapes(), text: text, planes: map[int][3]*Mask{},
	}, nil
}

// WorldWidth is how many points of the world such a picture shows.
func WorldWidth(width, height int) float64 { return float64(width) * world.Height / float64(height) }

// ToWorld turns a pixel into a point of the world.
func (p *Painter) ToWorld(x, y int) (float64, float64) {
	return float64(x) / p.scale, float64(y) / p.scale
}

// Draw paints one frame.
func (p *Painter) Draw(c *Canvas, w *world.World, controls *world.Controls) {
	p.scenery.draw(c, p.shapes, w.Distance, w.Now, p.scale)
	if w.Boosted() {
		p.wind(c, w)
	}
	p.stars(c, w)
	p.comets(c, w)
	p.particles(c, w, true)
	p.plane(c, w)
	p.particles(c, w, false)
	for _, r := range w.Rings {
		fade := 1 - r.Age/r.Life
		c.ring(r.X*p.scale, r.Y*p.scale, r.Radius*p.scale, (2+4*fade)*p.scale, uint32(r.Color), fade*0.85)
	}
	p.hud(c, w, controls)
}

// at draws a shape at a point of the world.
func (p *Painter) at(c *Canvas, sh shape, x, y, size, angle float64, color world.Color, alpha float64) {
	c.stampAt(p.shapes.get(sh, size*p.scale, angle), x*p.scale, y*p.scale, uint32(color), alpha)
}

func (p *Painter) wind(c *Canvas, w *world.World) {
	for i := range 16 {
		k := float64(i)
		length := 120 + 90*math.Abs(math.Sin(k*5.1))
		x := w.Width + 200 - math.Mod(w.Now*(900+50*math.Mod(k*7, 11))+k*331, w.Width+500)
		y := 110 + math.Mod(k*137.5, 480)
		c.fill(int(x*p.scale), int(y*p.scale), int(length*p.scale), max(1, int(1.6*p.scale)), 0xffffff, 0.24)
	}
}

func (p *Painter) stars(c *Canvas, w *world.World) {
	for _, s := range w.Stars {
		alpha, color := 1.0, world.Color(0xffd75e)
		if s.Missed {
			alpha = 0.45
		}
		if s.Bonus {
			color = 0xaef3ff
		}
		y := s.Y + 3*math.Sin(w.Now*2.2+s.Phase)
		p.at(c, shapeGlow, s.X, y, 30, 0, color, 0.42*alpha)
		p.at(c, shapeStar, s.X, y, 14.5+0.9*math.Sin(w.Now*5+s.Phase*2), math.Sin(w.Now*1.4+s.Phase)*0.5, color, alpha)
		p.at(c, shapeStar, s.X-1, y-2, 6.5, math.Sin(w.Now*1.4+s.Phase)*0.5, 0xfffbe6, 0.75*alpha)
	}
}

func (p *Painter) comets(c *Canvas, w *world.World) {
	for _, k := range w.Comets {
		speed := math.Hypot(k.VX, k.VY)
		ux, uy := -k.VX/speed, -k.VY/speed
		const tail = 12
		for i := tail; i > 0; i-- {
			t := float64(i) / tail
			d := t * k.Radius * 6.2
			wave := 2.4 * t * math.Sin(w.Now*11+t*6+float64(k.Seed%7))
			p.at(c, shapeGlow, k.X+ux*d-uy*wave, k.Y+uy*d+ux*wave, k.Radius*(1.75-1.3*t), 0, cometTail(t), 0.75*(1-t)+0.12)
		}
		p.at(c, shapeGlow, k.X, k.Y, k.Radius*2.3, 0, 0xff8a54, 0.5)
		p.at(c, shapeDisc, k.X, k.Y, k.Radius, 0, 0x7a2f4a, 1)
		p.at(c, shapeDisc, k.X-k.Radius*0.14, k.Y-k.Radius*0.1, k.Radius*0.82, 0, 0xd4575a, 1)
		p.at(c, shapeDisc, k.X-k.Radius*0.28, k.Y-k.Radius*0.2, k.Radius*0.5, 0, 0xffa270, 1)
		p.at(c, shapeDisc, k.X+k.Radius*0.34, k.Y+k.Radius*0.3, k.Radius*0.2, 0, 0x8c3850, 1)
		p.at(c, shapeDisc, k.X-k.Radius*0.1, k.Y+k.Radius*0.5, k.Radius*0.14, 0, 0x9d4152, 1)
	}
}

func cometTail(t float64) world.Color {
	return world.Color(pack(mix([3]float64{255, 196, 112}, [3]float64{226, 74, 110}, t)))
}

func (p *Painter) particles(c *Canvas, w *world.World, behind bool) {
	for _, q := range w.Particles {
		back := q.Kind == world.Flame || q.Kind == world.Spark
		if back != behind || q.Delay > 0 {
			continue
		}
		t := q.Age / q.Life
		fade := min(1, (1-t)*2.2)
		x := q.X + q.Sway*math.Sin(q.Age*4+q.Size)
		switch q.Kind {
		case world.Spark:
			p.at(c, shapeDisc, x, q.Y, q.Size*(1-0.6*t), 0, q.Color, fade)
		case world.Heart:
			grow := min(1, q.Age*5)
			p.at(c, shapeHeart, x, q.Y, q.Size*grow, 0, q.Color, fade)
			p.at(c, shapeDisc, x-q.Size*0.42*grow, q.Y-q.Size*0.42*grow, q.Size*0.17, 0, 0xffffff, fade*0.6)
		case world.Flame:
			size := q.Size * (1 - 0.75*t)
			p.at(c, shapeGlow, x, q.Y, size*1.9, 0, 0xff6a2a, 0.3*fade)
			p.at(c, shapeFlame, x, q.Y, size, 0, q.Color, fade)
			p.at(c, shapeFlame, x, q.Y+size*0.36, size*0.5, 0, 0xfff0b8, fade)
		case world.Gold:
			p.at(c, shapeGlow, x, q.Y, q.Size*1.5, 0, q.Color, 0.3*fade)
			p.at(c, shapeStar, x, q.Y, q.Size*0.8, q.Spin*q.Age, q.Color, fade)
		case world.Laugh:
			p.at(c, shapeDisc, x, q.Y, q.Size*0.94, 0, 0x5a2f14, fade)
			p.at(c, shapeSmile, x, q.Y, q.Size, q.Spin*q.Age, q.Color, fade)
		case world.Confetti:
			p.at(c, shapeConfetti, x, q.Y, q.Size*(0.55+0.45*math.Abs(math.Sin(q.Age*q.Spin))), q.Spin*q.Age, q.Color, fade)
		case world.Drop:
			p.at(c, shapeDrop, x, q.Y, q.Size, 0, q.Color, 0.5)
		case world.Wow:
			p.shout(c, "WOW!", x, q.Y, q.Size*(0.8+0.25*math.Sin(min(q.Age*9, math.Pi/2))), q.Color, fade)
		case world.Clap:
			beat := 1 + 0.16*math.Abs(math.Sin(q.Age*11))
			p.at(c, shapeHands, x, q.Y, q.Size*beat, 0, q.Color, fade)
		}
	}
}

// plane draws the ribbon and the paper plane.
func (p *Painter) plane(c *Canvas, w *world.World) {
	pl := &w.Plane
	p.ribbon.draw(c, w, p.scale)
	if w.Crashed() {
		return
	}
	if w.Now < pl.SafeUntil && math.Mod(w.Now*7, 1) < 0.4 && !w.Dashing() {
		return // blinks while nothing can hurt it
	}
	if w.Dashing() {
		p.at(c, shapeGlow, pl.X, pl.Y, 74, 0, pl.Color, 0.75)
	}
	p.at(c, shapeGlow, pl.X, pl.Y, 58, 0, pl.Color, 0.34)
	masks := p.planeMasks(pl.Tilt)
	for i, color := range []uint32{0xb9a7d6, 0xffffff, uint32(pl.Color)} {
		c.stampAt(masks[i], pl.X*p.scale, pl.Y*p.scale, color, 1)
	}
}

// planeMasks gives the three folds of the plane (far wing, near wing, keel) for
// a tilt, in steps of about three degrees.
func (p *Painter) planeMasks(tilt float64) [3]*Mask {
	const steps = 20 // a radian
	key := int(math.Round(tilt * steps))
	if m, ok := p.planes[key]; ok {
		return m
	}
	angle := float64(key) / steps
	var m [3]*Mask
	for i, fold := range [][]float64{
		{1, 0.02, -0.78, -0.62, -0.36, 0.06},
		{1, 0.02, -0.98, -0.2, -0.5, 0.2},
		{1, 0.02, -0.5, 0.2, -0.62, 0.62, -0.26, 0.2},
	} {
		// At least as large as the world's plane is for a comet.
		pen := newPen(38*p.scale, angle)
		pen.polygon(fold...)
		m[i] = pen.mask()
	}
	p.planes[key] = m
	return m
}
