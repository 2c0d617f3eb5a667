package world

// Kind is the look of a particle.
type Kind int

// The looks.
const (
	Spark Kind = iota
	Heart
	Flame
	Gold
	Laugh
	Confetti
	Drop
	Wow
	Clap
)

// Particle is something that flies a little and fades.
type Particle struct {
	Kind         Kind
	X, Y, VX, VY float64
	Gravity      float64 // points per second squared
	Sway         float64 // points of sideways swing
	Age, Life    float64 // seconds
	Size         float64 // points
	Spin         float64 // radians per second
	Color        Color
	Delay        float64 // seconds until it appears
}

// Ring is a circle that grows and fades.
type Ring struct {
	X, Y      float64
	Radius    float64
	Speed     float64 // points per second
	Age, Life float64
	Color     Color
}

// Bounds keep a storm of reactions from costing more than a frame.
const (
	maxParticles = 420
	maxRings     = 24
)

func (w *World) emit(p Particle) {
	if len(w.Particles) >= maxParticles {
		// The oldest give way: newest reactions are the ones people wait for.
		w.Particles = append(w.Particles[:0], w.Particles[maxParticles/8:]...)
	}
	w.Particles = append(w.Particles, p)
}

func (w *World) ring(r Ring) {
	if len(w.Rings) >= maxRings {
		w.Rings = append(w.Rings[:0], w.Rings[1:]...)
	}
	w.Rings = append(w.Rings, r)
}

func (w *World) moveParticles() {
	kept := w.Particles[:0]
	for _, p := range w.Particles {
		if p.Delay > 0 {
			p.Delay -= step
			kept = append(kept, p)
			continue
		}
		p.Age += step
		p.VY += p.Gravity * step
		p.X += p.VX * step
		p.Y += p.VY * step
		if p.Kind == Laugh && p.Y > Height-40 && p.VY > 0 {
			p.VY *= -0.72 // laughter bounces
			p.Y = Height - 40
		}
		if p.Age < p.Life && p.Y < Height+60 {
			kept = append(kept, p)
		}
	}
	w.Particles = kept
	rings := w.Rings[:0]
	for _, r := range w.Rings {
		r.Age += step
		r.Radius += r.Speed * step
		if r.Age < r.Life {
			rings = append(rings, r)
		}
	}
	w.Rings = rings
}
