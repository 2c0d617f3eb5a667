package world

import "math"

// Star is something to collect.
type Star struct {
	X, Y   float64
	Phase  float64 // radians, for its twinkle
	Bonus  bool    // sent by the audience: worth three
	Missed bool    // flown past; it still moves
	vy     float64
}

// Comet is something to dodge, or to smash with a dash.
type Comet struct {
	X, Y, VX, VY float64
	Radius       float64
	Seed         uint32 // for its looks
}

const (
	starRadius = 15.0
	restart    = 2.2 // seconds from a crash to the next run
	maxStars   = 160
	maxComets  = 24

	// comboStep stars in a row raise the worth of a star by one, to maxCombo.
	comboStep = 8
	maxCombo  = 5
)

// Multiplier is what a star is worth now.
func (w *World) Multiplier() int { return min(1+w.Combo/comboStep, maxCombo) }

// spawn adds what comes next beyond the right edge.
func (w *World) spawn() {
	if w.Now >= w.nextStars {
		w.nextStars = w.Now + 1.9 + w.level.Float64()*1.5
		w.formation()
	}
	if w.Now >= w.nextComet && !w.Crashed() {
		// One every 1.8 s at first, one every 0.7 s after two minutes.
		pause := 1.8 - 1.1*min((w.Now-w.started)/120, 1)
		w.nextComet = w.Now + pause*(0.6+0.8*w.level.Float64())
		w.comet()
	}
}

func (w *World) formation() {
	x := w.Width + 60
	y := 170 + w.level.Float64()*(Height-380)
	put := func(dx, dy float64) {
		if len(w.Stars) < maxStars {
			w.Stars = append(w.Stars, Star{X: x + dx, Y: clamp(y+dy, marginTop+10, Height-marginFloor-14), Phase: dx * 0.02})
		}
	}
	switch w.level.IntN(5) {
	case 0: // a line
		for i := range 6 {
			put(float64(i)*54, 0)
		}
	case 1: // a wave
		for i := range 8 {
			put(float64(i)*48, 74*math.Sin(float64(i)*0.8))
		}
	case 2: // an arc
		for i := range 7 {
			a := math.Pi * float64(i) / 6
			put(150-150*math.Cos(a), -110*math.Sin(a)+50)
		}
	case 3: // a ring
		for i := range 8 {
			a := 2 * math.Pi * float64(i) / 8
			put(70+70*math.Cos(a), 70*math.Sin(a))
		}
	case 4: // a staircase
		for i := range 6 {
			put(float64(i)*50, float64(i)*38-95)
		}
	}
}

func (w *World) comet() {
	if len(w.Comets) >= maxComets {
		return
	}
	speed := 300 + 160*w.level.Float64() + min(w.Now-w.started, 120)
	angle := math.Pi - 0.05 - 0.42*w.level.Float64() // to the left and down
	y := 60 + w.level.Float64()*(Height-280)
	w.Comets = append(w.Comets, Comet{
		X: w.Width + 90, Y: y,
		VX: speed * math.Cos(angle), VY: speed * math.Sin(angle) * 0.6,
		Radius: 13 + 9*w.level.Float64(),
		Seed:   w.level.Uint32(),
	})
}

func (w *World) moveStars(speed float64) {
	kept := w.Stars[:0]
	for _, s := range w.Stars {
		s.X -= speed * step
		if s.Bonus {
			s.vy = min(s.vy+140*step, 170)
			s.Y += s.vy * step
		}
		if !w.Crashed() {
			w.pull(&s)
			if math.Hypot(s.X-w.Plane.X, s.Y-w.Plane.Y) < starRadius+planeRadius+4 {
				w.collect(s)
				continue
			}
			if s.X < w.Plane.X-200 && !s.Missed && !s.Bonus {
				s.Missed = true // counts once
				w.Combo = max(0, w.Combo-2)
			}
		}
		if s.X > -40 && s.Y < Height+40 {
			kept = append(kept, s)
		}
	}
	w.Stars = kept
}

// pull draws a star that is close towards the plane: flying should feel kind.
func (w *World) pull(s *Star) {
	dx, dy := w.Plane.X-s.X, w.Plane.Y-s.Y
	const reach = 92.0
	if d := math.Hypot(dx, dy); d < reach && d > 1 {
		k := 260 * (1 - d/reach) * step
		s.X += dx / d * k
		s.Y += dy / d * k
	}
}

func (w *World) collect(s Star) {
	worth := w.Multiplier()
	if s.Bonus {
		worth *= 3
	}
	w.Score += worth
	w.Best = max(w.Best, w.Score)
	w.Combo++
	if w.Combo%(comboStep*4) == 0 && w.Shields < MaxShields {
		w.Shields++
	}
	for range 7 {
		a := w.show.Float64() * 2 * math.Pi
		v := 60 + w.show.Float64()*150
		w.emit(Particle{Kind: Spark, X: s.X, Y: s.Y, VX: v*math.Cos(a) - 60, VY: v * math.Sin(a), Life: 0.55, Size: 2 + w.show.Float64()*2, Color: 0xffe08a})
	}
	w.ring(Ring{X: s.X, Y: s.Y, Speed: 130, Life: 0.35, Color: 0xffe9b0})
}

func (w *World) moveComets() {
	kept := w.Comets[:0]
	p := &w.Plane
	for _, c := range w.Comets {
		c.X += c.VX * step
		c.Y += c.VY * step
		if math.Hypot(c.X-p.X, c.Y-p.Y) < c.Radius+planeRadius-3 && !w.Crashed() {
			switch {
			case w.Dashing():
				w.smash(c)
				continue
			case !w.Safe():
				w.hit(c)
				continue
			}
		}
		if c.X > -140 && c.Y < Height+120 {
			kept = append(kept, c)
		}
	}
	w.Comets = kept
}

func (w *World) smash(c Comet) {
	w.Score += 5
	w.Best = max(w.Best, w.Score)
	w.debris(c, 0x9fe8ff)
	w.ring(Ring{X: c.X, Y: c.Y, Speed: 260, Life: 0.45, Color: 0xbdf3ff})
}

func (w *World) hit(c Comet) {
	w.debris(c, 0xff9d6b)
	w.ring(Ring{X: c.X, Y: c.Y, Speed: 340, Life: 0.5, Color: 0xff7a5c})
	w.Combo = 0
	w.Shields--
	w.Plane.SafeUntil = w.Now + 1.6
	w.Plane.VX += c.VX * 0.5
	w.Plane.VY += c.VY * 0.5
	if w.Shields > 0 {
		return
	}
	w.CrashedAt = w.Now
	w.started = w.Now + restart
	w.Score = 0
	w.Shields = MaxShields
	w.Plane.SafeUntil = w.Now + restart + 1.5
	for range 30 {
		a := w.show.Float64() * 2 * math.Pi
		v := 60 + w.show.Float64()*300
		w.emit(Particle{Kind: Confetti, X: w.Plane.X, Y: w.Plane.Y, VX: v * math.Cos(a), VY: v*math.Sin(a) - 60, Gravity: 260, Life: 1.8, Size: 5, Color: palette[w.show.IntN(len(palette))].color, Spin: w.show.Float64() * 9})
	}
}

func (w *World) debris(c Comet, color Color) {
	for range 16 {
		a := w.show.Float64() * 2 * math.Pi
		v := 80 + w.show.Float64()*260
		w.emit(Particle{Kind: Spark, X: c.X, Y: c.Y, VX: v*math.Cos(a) + c.VX*0.3, VY: v*math.Sin(a) + c.VY*0.3, Life: 0.7, Size: 2 + w.show.Float64()*3, Color: color})
	}
}
