// Package world is the demo game without its picture: a paper plane over dusk
// hills collects stars, dodges or smashes comets, and feels what the audience
// does. Everything that moves is decided here.
//
// The package is deterministic: it reads no clock and no global random source.
// The same seed, the same inputs and the same moments give the same world. It
// does not know pixels, X11, or how the audience's messages arrive.
//
// Lengths are points: the sky is always 720 points high, whatever the screen.
package world

import (
	"math/rand/v2"
	"time"
)

// Height of the world in points.
const Height = 720.0

const (
	// stepsPerSecond is a multiple of the usual frame rates (24, 30, 60), so
	// that every frame shows the same number of steps and motion stays even.
	stepsPerSecond = 120
	step           = 1.0 / stepsPerSecond // seconds

	// maxCatchUp bounds the work after a pause (a stopped process, a suspended
	// laptop): the world continues where it was instead of racing.
	maxCatchUp = 250 * time.Millisecond
)

// Color is 0xRRGGBB.
type Color uint32

// Person is whoever holds the seat or speaks, as far as the game cares.
type Person struct {
	ID, Name string
}

// World is the state of the game. Fields are for reading; change them through
// methods only. It has one owner: the goroutine of the game loop.
type World struct {
	Width    float64 // points
	Now      float64 // seconds of world time
	Distance float64 // points the scenery has moved

	Plane     Plane
	Stars     []Star
	Comets    []Comet
	Particles []Particle
	Rings     []Ring

	Score, Best, Combo int
	Shields            int // comets the plane survives
	CrashedAt          float64

	Seat    Seat
	Lines   []Line   // the last chat lines, oldest first
	Notices []Notice // short announcements, oldest first

	RainUntil, BoostUntil float64 // world time
	Pilot                 Pilot   // who flies right now
	Counts                Counts

	steps     int64 // steps done: Now = steps/stepsPerSecond
	asked     time.Duration
	seen      bool
	started   float64 // world time of the start of this run
	lastInput float64
	nextStars float64
	nextComet float64
	level     *rand.Rand // what the player meets: the same for one seed whatever the audience does
	show      *rand.Rand // what only looks
	bonus     []shower
}

// Counts are totals since the start of the game, for tests and the state strip.
type Counts struct {
	KeyPresses int
	Reactions  int
	ChatLines  int
}

// Pilot says who flies.
type Pilot int

// The plane flies by itself until somebody with the seat (or, without a seat,
// anybody at the keyboard) takes over.
const (
	Auto Pilot = iota
	Human
)

// MaxShields is what a run starts with.
const MaxShields = 3

// New makes a world of the given width in points, which is at least 640.
func New(seed uint64, width float64) *World {
	w := &World{
		Width:   max(width, 640),
		Shields: MaxShields,
		level:   rand.New(rand.NewPCG(seed, 1)),
		show:    rand.New(rand.NewPCG(seed, 2)),
	}
	w.CrashedAt = -1e9
	w.lastInput = -1e9
	w.Plane = newPlane(w.Width)
	w.nextStars = 0.4
	w.nextComet = 3
	return w
}

// Advance moves the world to a moment of the caller's clock, which starts
// anywhere and never goes back; controls are what is held meanwhile.
func (w *World) Advance(to time.Duration, controls *Controls) {
	if !w.seen {
		w.seen, w.asked = true, to
		return
	}
	elapsed := min(max(to-w.asked, 0), maxCatchUp)
	// What maxCatchUp cut off is forgotten; the rest of a step is kept.
	target := w.steps + int64(elapsed*stepsPerSecond/time.Second)
	if w.steps == target {
		return
	}
	done := time.Duration(target-w.steps) * time.Second / stepsPerSecond
	if elapsed == maxCatchUp {
		w.asked = to
	} else {
		w.asked += done
	}
	for w.steps < target {
		w.steps++
		w.Now = float64(w.steps) * step
		w.advance(controls)
	}
}

func (w *World) advance(c *Controls) {
	wish := w.wish(c)
	speed := w.Speed()
	w.Distance += speed * step
	w.fly(wish)
	w.moveStars(speed)
	w.moveComets()
	w.moveParticles()
	w.spawn()
	w.shower()
	w.forget()
}

// Speed of the scenery in points per second.
func (w *World) Speed() float64 {
	const cruise = 150
	speed := cruise + min(w.Now-w.started, 120)*0.6
	if w.Boosted() {
		speed *= 1.9
	}
	if w.Crashed() {
		speed *= 0.5
	}
	return speed
}

// Boosted tells whether somebody in the audience sent a tailwind.
func (w *World) Boosted() bool { return w.Now < w.BoostUntil }

// Raining tells whether somebody in the audience made it rain.
func (w *World) Raining() bool { return w.Now < w.RainUntil }

// wish decides who flies and what they want.
func (w *World) wish(c *Controls) wish {
	// handBack is how long a keyboard may rest, when nobody holds the seat,
	// until the plane flies by itself again.
	const handBack = 6.0
	if c != nil && c.takeActivity() {
		w.lastInput = w.Now
	}
	held := w.Seat.Known && w.Seat.Holder != nil
	if held || w.Now-w.lastInput < handBack {
		w.Pilot = Human
		if c == nil {
			return wish{}
		}
		return c.wish(w)
	}
	w.Pilot = Auto
	return w.autopilot()
}
