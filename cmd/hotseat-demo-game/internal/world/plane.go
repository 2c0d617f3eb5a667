package world

import "math"

// Plane is the player.
type Plane struct {
	X, Y, VX, VY float64 // points, points per second
	Tilt         float64 // radians, positive is nose down
	Color        Color   // of the ribbon behind it
	DashUntil    float64 // world time; a dashing plane smashes comets
	DashReady    float64 // world time of the next possible dash
	SafeUntil    float64 // world time until which comets do no harm
	Trail        []Point // where it was, newest last
	trailAt      float64
}

// Point of the sky, in points.
type Point struct{ X, Y float64 }

// wish is what a pilot wants: a direction, and perhaps a dash.
type wish struct {
	x, y   float64 // -1…1
	dash   bool
	dashTo *Point // nil: the way the plane flies
}

const (
	planeRadius = 20.0
	marginX     = 48.0
	marginTop   = 104.0 // keeps the plane below the score
	marginFloor = 96.0  // and above the trees

	acceleration = 2100.0 // points per second squared
	drag         = 4.2    // per second: top speed is acceleration/drag
	dashSpeed    = 900.0
	dashTime     = 0.24 // seconds
	dashRest     = 0.65 // seconds from one dash to the next

	trailEvery = 1.0 / 30
	trailMax   = 42
)

func newPlane(width float64) Plane {
	return Plane{X: width * 0.3, Y: Height * 0.45, Color: DefaultColor}
}

// Dashing tells whether the plane is in a dash now.
func (w *World) Dashing() bool { return w.Now < w.Plane.DashUntil }

// Safe tells whether the plane cannot be hurt now.
func (w *World) Safe() bool { return w.Now < w.Plane.SafeUntil || w.Dashing() }

// Crashed tells whether the run has just ended and the next one is about to
// start.
func (w *World) Crashed() bool { return w.Now-w.CrashedAt < restart }

func (w *World) fly(want wish) {
	p := &w.Plane
	if w.Crashed() {
		want = wish{y: 0.2}
	}
	length := math.Hypot(want.x, want.y)
	if length > 1 {
		want.x, want.y = want.x/length, want.y/length
	}
	if want.dash && w.Now >= p.DashReady {
		w.dash(want)
	}
	if !w.Dashing() {
		p.VX += (want.x*acceleration - p.VX*drag) * step
		p.VY += (want.y*acceleration - p.VY*drag) * step
	}
	// A breeze: a plane in no one's hands still breathes.
	p.X += p.VX * step
	p.Y += (p.VY + 14*math.Sin(w.Now*1.7)) * step
	p.X, p.VX = keep(p.X, p.VX, marginX, w.Width-marginX)
	p.Y, p.VY = keep(p.Y, p.VY, marginTop, Height-marginFloor)

	tilt := math.Atan2(p.VY+40*math.Sin(w.Now*1.7), 620) + 0.02
	p.Tilt += (tilt - p.Tilt) * min(1, 9*step)

	// The trail drifts back with the scenery.
	for i := range p.Trail {
		p.Trail[i].X -= (w.Speed() + 90) * step
	}
	if w.Now-p.trailAt >= trailEvery {
		p.trailAt = w.Now
		p.Trail = append(p.Trail, Point{p.X - 24*math.Cos(p.Tilt), p.Y - 24*math.Sin(p.Tilt)})
		if len(p.Trail) > trailMax {
			p.Trail = append(p.Trail[:0], p.Trail[1:]...)
		}
	}
}

func (w *World) dash(want wish) {
	p := &w.Plane
	dx, dy := want.x, want.y
	if want.dashTo != nil {
		dx, dy = want.dashTo.X-p.X, want.dashTo.Y-p.Y
	}
	length := math.Hypot(dx, dy)
	if length < 0.01 {
		dx, dy, length = 1, 0, 1
	}
	p.VX, p.VY = dx/length*dashSpeed, dy/length*dashSpeed
	p.DashUntil, p.DashReady = w.Now+dashTime, w.Now+dashRest
	for range 14 {
		a := math.Atan2(-dy, -dx) + (w.show.Float64()-0.5)*1.1
		s := 120 + w.show.Float64()*240
		w.emit(Particle{Kind: Spark, X: p.X, Y: p.Y, VX: s * math.Cos(a), VY: s * math.Sin(a), Life: 0.5, Size: 3, Color: p.Color})
	}
}

// keep holds a coordinate within bounds and stops it there.
func keep(x, v, low, high float64) (float64, float64) {
	switch {
	case x < low:
		return low, max(v, 0)
	case x > high:
		return high, min(v, 0)
	}
	return x, v
}

// autopilot flies towards the nearest good star and away from comets. It is no
// great player: the seat should look worth asking for.
func (w *World) autopilot() wish {
	p := &w.Plane
	target := Point{w.Width * (0.36 + 0.12*math.Sin(w.Now*0.23)), Height * (0.46 + 0.2*math.Sin(w.Now*0.61))}
	best := math.Inf(1)
	for _, s := range w.Stars {
		ahead := s.X - p.X
		if ahead < -10 || ahead > 460 || s.Missed {
			continue
		}
		if d := ahead + 1.3*math.Abs(s.Y-p.Y); d < best {
			best = d
			target.Y = s.Y
		}
	}
	out := wish{x: clamp((target.X-p.X)/160, -0.6, 0.6), y: clamp((target.Y-p.Y)/90, -0.7, 0.7)}
	for _, c := range w.Comets {
		// Where the comet is closest in the next second.
		rx, ry := c.X-p.X, c.Y-p.Y
		rvx, rvy := c.VX-p.VX, c.VY-p.VY
		t := clamp(-(rx*rvx+ry*rvy)/(rvx*rvx+rvy*rvy+1), 0, 1)
		cx, cy := rx+rvx*t, ry+rvy*t
		near := math.Hypot(cx, cy)
		if reach := c.Radius + planeRadius + 46; near < reach {
			away := -1.0
			if cy < 0 || (cy == 0 && p.Y < Height/2) {
				away = 1
			}
			out.y = clamp(out.y+away*2*(1-near/reach)+away*0.5, -1, 1)
			if near < c.Radius+planeRadius && t < 0.18 {
				out.dash = true
			}
		}
	}
	return out
}

func clamp(x, low, high float64) float64 { return min(max(x, low), high) }
