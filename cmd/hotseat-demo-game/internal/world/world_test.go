package world_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotseat/cmd/hotseat-demo-game/internal/world"
)

const width = 1280

// play advances frame by frame at 30 frames a second and gives the last moment.
func play(w *world.World, c *world.Controls, from, span time.Duration) time.Duration {
	for at := from; at <= from+span; at += time.Second / 30 {
		w.Advance(at, c)
	}
	return from + span
}

var mara = world.Person{ID: "id-1", Name: "Player One"}

func TestSameSeedAndInputGiveTheSameWorld(t *testing.T) {
	run := func() *world.World {
		w, c := world.New(7, width), &world.Controls{}
		at := play(w, c, 0, 3*time.Second)
		w.SetSeat(1, &mara)
		c.Press("KeyD")
		at = play(w, c, at, 2*time.Second)
		w.React(world.Fire)
		w.Say(mara, "!star")
		c.Release("KeyD")
		play(w, c, at, 10*time.Second)
		return w
	}
	a, b := run(), run()
	if !reflect.DeepEqual(a, b) {
		t.Error("two runs differ")
	}
	if a.Score == 0 && a.Best == 0 {
		t.Error("nothing was collected in fifteen seconds")
	}
}

func TestAudienceDoesNotChangeWhatTheLevelBrings(t *testing.T) {
	// given two worlds, one with a noisy audience
	quiet, noisy := world.New(7, width), world.New(7, width)
	for i := range 60 {
		at := time.Duration(i) * time.Second / 30
		quiet.Advance(at, nil)
		noisy.Advance(at, nil)
		noisy.React(world.Applause)
		noisy.React(world.Amazed)
	}
	// then the stars ahead are the same
	if len(quiet.Stars) == 0 || len(quiet.Stars) != len(noisy.Stars) {
		t.Fatalf("%d and %d stars", len(quiet.Stars), len(noisy.Stars))
	}
	for i := range quiet.Stars {
		if quiet.Stars[i] != noisy.Stars[i] {
			t.Errorf("star %d differs", i)
		}
	}
}

func TestFrameRateDoesNotChangeTheSpeedOfTheWorld(t *testing.T) {
	at := func(fps int) *world.World {
		w := world.New(3, width)
		for n := range 10*fps + 1 {
			w.Advance(time.Duration(n)*time.Second/time.Duration(fps), nil)
		}
		return w
	}
	slow, fast := at(30), at(60)
	if math.Abs(slow.Now-10) > 0.02 || math.Abs(fast.Now-10) > 0.02 {
		t.Errorf("world time %v and %v after ten seconds", slow.Now, fast.Now)
	}
	if math.Abs(slow.Plane.X-fast.Plane.X) > 1 {
		t.Errorf("plane at %v and %v", slow.Plane.X, fast.Plane.X)
	}
}

func TestPauseIsNotCaughtUp(t *testing.T) {
	w := world.New(3, width)
	w.Advance(0, nil)
	w.Advance(time.Hour, nil)
	if w.Now > 0.3 {
		t.Errorf("world ran %v seconds at once", w.Now)
	}
	w.Advance(time.Hour-time.Minute, nil) // a clock that goes back
	w.Advance(time.Hour+100*time.Millisecond, nil)
	if w.Now > 0.5 {
		t.Errorf("world ran %v seconds", w.Now)
	}
}

func TestKeysFlyThePlane(t *testing.T) {
	for code, moved := range map[string]func(dx, dy float64) bool{
		"KeyD":       func(dx, dy float64) bool { return dx > 100 },
		"ArrowRight": func(dx, dy float64) bool { return dx > 100 },
		"KeyA":       func(dx, dy float64) bool { return dx < -100 },
		"KeyW":       func(dx, dy float64) bool { return dy < -100 },
		"ArrowDown":  func(dx, dy float64) bool { return dy > 100 },
		"Space":      func(dx, dy float64) bool { return dx > 100 },
		"KeyK":       func(dx, dy float64) bool { return math.Abs(dx) < 2 && math.Abs(dy) < 40 },
	} {
		t.Run(code, func(t *testing.T) {
			w, c := world.New(1, width), &world.Controls{}
			w.SetSeat(1, &mara)
			at := play(w, c, 0, 100*time.Millisecond)
			x, y := w.Plane.X, w.Plane.Y
			c.Press(code)
			play(w, c, at, 600*time.Millisecond)
			if dx, dy := w.Plane.X-x, w.Plane.Y-y; !moved(dx, dy) {
				t.Errorf("moved by %.0f, %.0f", dx, dy)
			}
		})
	}
}

func TestClickDashesTowardsThePointer(t *testing.T) {
	w, c := world.New(1, width), &world.Controls{}
	w.SetSeat(1, &mara)
	at := play(w, c, 0, 100*time.Millisecond)
	x, y := w.Plane.X, w.Plane.Y
	c.Point(x+300, y+200)
	c.Button(0, true)
	c.Button(0, false)
	play(w, c, at, 200*time.Millisecond)
	if w.Plane.X < x+60 || w.Plane.Y < y+40 || !w.Dashing() {
		t.Errorf("plane went from %.0f,%.0f to %.0f,%.0f", x, y, w.Plane.X, w.Plane.Y)
	}
}

func TestNobodyInheritsHeldKeys(t *testing.T) {
	w, c := world.New(1, width), &world.Controls{}
	w.SetSeat(1, &mara)
	c.Press("KeyD")
	c.Button(0, true)
	at := play(w, c, 0, 300*time.Millisecond)
	// when the seat changes hands
	if !w.SetSeat(2, &world.Person{ID: "id-2", Name: "Player Two"}) {
		t.Fatal("change of holder was not noticed")
	}
	c.Clear()
	at = play(w, c, at, 2*time.Second) // the glide of the old holder ends
	x := w.Plane.X
	play(w, c, at, time.Second)
	if c.HeldCount() != 0 || math.Abs(w.Plane.X-x) > 2 {
		t.Errorf("%d keys held, plane moved by %.1f", c.HeldCount(), w.Plane.X-x)
	}
	// and a late release of a key that is not held does nothing
	c.Release("KeyD")
	if w.SetSeat(2, &world.Person{ID: "id-2", Name: "renamed"}) {
		t.Error("same person and epoch counts as a change")
	}
	if !w.SetSeat(3, &world.Person{ID: "id-2", Name: "Player Two"}) {
		t.Error("another epoch of the same person is no change")
	}
}

func TestPlaneFliesByItselfWhileTheSeatIsFree(t *testing.T) {
	for name, seat := range map[string]func(*world.World){
		"no bridge": func(*world.World) {},
		"seat free": func(w *world.World) { w.SetSeat(0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w, c := world.New(5, width), &world.Controls{}
			seat(w)
			var xs, ys []float64
			for at := time.Duration(0); at < 30*time.Second; at += time.Second / 30 {
				w.Advance(at, c)
				xs, ys = append(xs, w.Plane.X), append(ys, w.Plane.Y)
				if w.Pilot != world.Auto {
					t.Fatal("nobody took over, yet the pilot is human")
				}
			}
			if spread(xs) < 40 || spread(ys) < 80 {
				t.Errorf("plane kept within %.0f x %.0f points", spread(xs), spread(ys))
			}
			if w.Best == 0 {
				t.Error("autopilot collects nothing")
			}
			c.Press("KeyD")
			play(w, c, 30*time.Second, 100*time.Millisecond)
			if w.Pilot != world.Human {
				t.Error("a key does not take over")
			}
			c.Release("KeyD")
			play(w, c, 31*time.Second, 8*time.Second)
			if w.Pilot != world.Auto {
				t.Error("plane is not handed back to the autopilot")
			}
		})
	}
}

func TestHolderWhoDoesNothingKeepsThePlane(t *testing.T) {
	w, c := world.New(5, width), &world.Controls{}
	w.SetSeat(1, &mara)
	play(w, c, 0, 15*time.Second)
	if w.Pilot != world.Human {
		t.Error("autopilot took the plane from its holder")
	}
}

func TestCometsHurtAndDashesSmashThem(t *testing.T) {
	ahead := func(w *world.World) world.Comet {
		return world.Comet{X: w.Plane.X + 60, Y: w.Plane.Y, VX: -300, Radius: 16}
	}
	t.Run("hit", func(t *testing.T) {
		w, c := world.New(5, width), &world.Controls{}
		at := play(w, c, 0, 100*time.Millisecond)
		w.SetSeat(1, &mara)
		w.Plane.SafeUntil = 0
		for left := world.MaxShields - 1; left > 0; left-- {
			w.Comets = append(w.Comets, ahead(w))
			at = play(w, c, at, 300*time.Millisecond)
			if w.Shields != left {
				t.Fatalf("%d shields, want %d", w.Shields, left)
			}
			at = play(w, c, at, 2*time.Second) // safe for a while after a hit
			w.Comets = nil
		}
		w.Score = 10
		w.Comets = append(w.Comets, ahead(w))
		play(w, c, at, 300*time.Millisecond)
		if !w.Crashed() || w.Score != 0 || w.Shields != world.MaxShields {
			t.Errorf("crashed %v, score %d, shields %d", w.Crashed(), w.Score, w.Shields)
		}
	})
	t.Run("smash", func(t *testing.T) {
		w, c := world.New(5, width), &world.Controls{}
		at := play(w, c, 0, 100*time.Millisecond)
		w.SetSeat(1, &mara)
		w.Plane.SafeUntil = 0
		w.Comets, w.Stars = []world.Comet{ahead(w)}, nil
		c.Press("Space")
		play(w, c, at, 200*time.Millisecond)
		if len(w.Comets) != 0 || w.Shields != world.MaxShields || w.Score != 5 {
			t.Errorf("%d comets, %d shields, score %d", len(w.Comets), w.Shields, w.Score)
		}
	})
}

func TestReactionsEachHaveTheirEffect(t *testing.T) {
	looks := map[string]bool{}
	for i, r := range []world.Reaction{world.Like, world.Fire, world.StarUp, world.LaughOut, world.Applause, world.Amazed} {
		w := world.New(1, width)
		if !w.React(r) || w.Counts.Reactions != 1 {
			t.Errorf("%s: not counted", r)
		}
		look := ""
		for _, p := range w.Particles {
			look += string(rune('a' + p.Kind))
		}
		if look == "" || looks[look] {
			t.Errorf("reaction %d (%s) has no look of its own", i, r)
		}
		looks[look] = true
	}
	w := world.New(1, width)
	if w.React("dance") || w.Counts.Reactions != 0 || len(w.Particles) != 0 {
		t.Error("unknown reaction had an effect")
	}
}

func TestChatCommands(t *testing.T) {
	w, c := world.New(1, width), &world.Controls{}
	at := play(w, c, 0, 100*time.Millisecond)
	w.Say(mara, "!boost")
	w.Say(mara, "!rain")
	w.Say(mara, "!star")
	w.Say(mara, "!color red")
	w.Say(mara, "!color nosuch")
	w.Say(mara, "!")
	w.Say(mara, "! !!! \x00")
	if !w.Boosted() || !w.Raining() {
		t.Error("no boost or no rain")
	}
	if red, _ := world.ParseColor("red"); w.Plane.Color != red {
		t.Errorf("ribbon is %06x", w.Plane.Color)
	}
	play(w, c, at, time.Second)
	bonus := 0
	for _, s := range w.Stars {
		if s.Bonus {
			bonus++
		}
	}
	if bonus == 0 {
		t.Error("no bonus stars fell")
	}
	if w.Counts.ChatLines != 7 || len(w.Lines) != 4 {
		t.Errorf("%d lines counted, %d shown", w.Counts.ChatLines, len(w.Lines))
	}
	play(w, c, at+time.Second, 20*time.Second)
	if w.Boosted() || w.Raining() {
		t.Error("boost or rain never ends")
	}
}

func TestColors(t *testing.T) {
	for text, want := range map[string]world.Color{"#ffcc00": 0xffcc00, "#000000": 0x8c8c8c, "white": 0xffffff, "purple": 0xb08cff} {
		if got, ok := world.ParseColor(text); !ok || got != want {
			t.Errorf("%s: %06x %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "#", "#12345", "#1234567", "#gggggg", "#+12345"} {
		if _, ok := world.ParseColor(text); ok {
			t.Errorf("%q is a colour", text)
		}
	}
}

func TestStormOfEventsStaysBounded(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w, c := world.New(rapid.Uint64().Draw(r, "seed"), 1280), &world.Controls{}
		reactions := []world.Reaction{"like", "fire", "star", "laugh", "clap", "wow"}
		at := time.Duration(0)
		for range 60 {
			for range rapid.IntRange(0, 12).Draw(r, "burst") {
				w.React(rapid.SampledFrom(reactions).Draw(r, "reaction"))
				w.Say(mara, rapid.SampledFrom([]string{"!star", "!rain", "!boost", "hello"}).Draw(r, "chat"))
			}
			c.Press(rapid.SampledFrom([]string{"KeyA", "KeyD", "KeyW", "KeyS", "Space"}).Draw(r, "key"))
			at += time.Duration(rapid.IntRange(0, 200).Draw(r, "ms")) * time.Millisecond
			w.Advance(at, c)
			if len(w.Particles) > 420 || len(w.Rings) > 24 || len(w.Stars) > 160 || len(w.Notices) > 3 || len(w.Lines) > 4 {
				r.Fatalf("%d particles, %d rings, %d stars", len(w.Particles), len(w.Rings), len(w.Stars))
			}
			if p := w.Plane; !(p.X >= 0 && p.X <= w.Width && p.Y >= 0 && p.Y <= world.Height) {
				r.Fatalf("plane left the sky: %v", p)
			}
		}
	})
}

func spread(v []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range v {
		low, high = min(low, x), max(high, x)
	}
	return high - low
}

func BenchmarkAdvance(b *testing.B) {
	w, c := world.New(1, width), &world.Controls{}
	at := time.Duration(0)
	for b.Loop() {
		at += time.Second / 30
		w.Advance(at, c)
	}
}
