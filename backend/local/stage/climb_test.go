package stage

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// viewing drives a climb as the stage does: ten looks a second, a report each second.
type viewing struct {
	climb
	t     time.Time
	began time.Time
	steps []step
	at    int
	probe float64
	moves []string
}

func newViewing(at int, bits ...float64) *viewing {
	v := &viewing{t: time.Unix(1_800_000_000, 0), at: at}
	v.began = v.t
	for _, b := range bits {
		v.steps = append(v.steps, step{b})
	}
	return v
}

func (v *viewing) look() move {
	v.t = v.t.Add(lookInterval)
	m := v.choose(v.t, v.steps, v.at)
	if v.probe = m.probe; m.to != v.at {
		v.moves = append(v.moves, fmt.Sprintf("%v: %d", v.t.Sub(v.began).Round(time.Second), m.to))
		v.at = m.to
		v.settled()
	}
	return m
}

// stay lets time pass, with an estimate (0: none) and a fraction lost (below 0: no reports).
func (v *viewing) stay(d time.Duration, estimate, lost float64) {
	for n := range int(d / lookInterval) {
		if n%10 == 5 && lost >= 0 {
			v.lost(lost, v.t)
		}
		if n%2 == 0 && estimate > 0 {
			v.estimated(estimate, v.t)
		}
		v.look()
	}
}

// narrowFor gives what a browser behind a line of so many bits a second reports: an estimate that climbs to 1.5 times
// of what arrives, and falls to 0.85 of it when the line is full, which then loses.
func (v *viewing) narrowFor(d time.Duration, bits float64) {
	for n := range int(d / lookInterval) {
		sent := v.steps[v.at].bits + v.probe
		arrives := min(sent, bits)
		switch {
		case sent > bits && v.estimate > 0.85*arrives:
			v.estimated(0.85*arrives, v.t)
		case sent <= bits && v.estimate < 1.5*arrives:
			v.estimated(min(1.5*arrives, max(v.estimate, 50_000)*1.008), v.t)
		default:
			v.estimated(v.estimate, v.t)
		}
		if n%10 == 5 {
			v.lost(max(0, 1-bits/sent), v.t)
		}
		v.look()
	}
}

func (v *viewing) is(t *testing.T, what string, at int) {
	t.Helper()
	if v.at != at {
		t.Errorf("%s: on step %d, want %d; moves %v", what, v.at, at, v.moves)
	}
}

func TestWhoNeverHadTroubleGetsTheLargestAtOnce(t *testing.T) {
	v := newViewing(0, 150e3, 500e3, 1500e3)
	v.estimated(200e3, v.t) // no more than the small layer arrives, so it says little
	v.look()
	v.is(t, "at once", 2)
}

func TestALayerThatDoesNotFitIsLeftAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(*viewing)
		within time.Duration
		to     int
	}{
		{"an estimate that falls below it", func(v *viewing) { v.estimated(700e3, v.t) }, lookInterval, 1},
		{"an estimate that falls below the next, too", func(v *viewing) { v.estimated(300e3, v.t) }, lookInterval, 0},
		{"one that falls far enough, if not for the next", func(v *viewing) { v.estimated(1100e3, v.t) }, lookInterval, 1},
		{"an estimate below everything", func(v *viewing) { v.estimated(50e3, v.t) }, lookInterval, 0},
		{"a queue that is full", func(v *viewing) { v.overflowed(v.t) }, lookInterval, 1},
		{"one report of a fifth lost", func(v *viewing) { v.lost(0.2, v.t) }, lookInterval, 1},
		{"two reports of a tenth lost", func(v *viewing) { v.lost(0.1, v.t); v.lost(0.1, v.t) }, lookInterval, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newViewing(2, 150e3, 500e3, 1500e3)
			v.stay(10*time.Second, 2000e3, 0)
			v.is(t, "before", 2)
			c.happen(v)
			v.look()
			v.is(t, "after", c.to)
		})
	}
}

func TestWhatIsNoTroubleMovesNobody(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(*viewing)
	}{
		{"an estimate that climbs from little", func(v *viewing) {
			for bits := 300e3; bits < 3000e3; bits *= 1.06 {
				v.stay(time.Second, bits, 0)
			}
		}},
		{"an estimate that falls, but not below the layer", func(v *viewing) { v.stay(time.Second, 3000e3, 0); v.stay(10*time.Second, 1600e3, 0) }},
		{"an estimate that falls a little below it, and climbs", func(v *viewing) {
			v.stay(time.Second, 2000e3, 0)
			for bits := 1250e3; bits < 3000e3; bits *= 1.06 {
				v.stay(time.Second, bits, 0)
			}
		}},
		{"a report now and then of some loss", func(v *viewing) {
			for range 10 {
				v.lost(0.12, v.t)
				v.stay(3*time.Second, 0, 0.03)
			}
		}},
		{"nothing heard at all", func(v *viewing) { v.stay(time.Minute, 0, -1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newViewing(2, 150e3, 500e3, 1500e3)
			c.happen(v)
			if len(v.moves) > 0 {
				t.Errorf("moves %v", v.moves)
			}
		})
	}
}

func TestAnEstimateThatStaysTooLowIsBelievedAfterTwoSeconds(t *testing.T) {
	v := newViewing(1, 150e3, 1500e3)
	v.stay(lowTime, 300e3, 0)
	v.is(t, "just before", 1)
	v.stay(2*lookInterval, 300e3, 0)
	v.is(t, "after", 0)
}

func TestUpOnlyWhenTheEstimateHasAllowedItForSeconds(t *testing.T) {
	v := newViewing(1, 150e3, 1500e3)
	v.stay(time.Second, 2000e3, 0)
	v.stay(time.Second, 300e3, 0)
	v.is(t, "down", 0)
	v.stay(30*time.Second, 1600e3, 0) // less than the margin
	v.is(t, "too little", 0)
	v.stay(time.Minute, 300e3, 0) // probes fail: the estimate does not climb
	v.stay(2*time.Second, 1800e3, 0)
	v.is(t, "too short", 0)
	v.stay(6*time.Second, 1800e3, 0)
	v.is(t, "long enough, however many probes have failed", 1)
}

func TestALayerThatIsSentNoMoreIsReplacedAtOnce(t *testing.T) {
	v := newViewing(2, 150e3, 500e3, 1500e3)
	v.steps, v.at = v.steps[:2], -1
	v.look()
	v.is(t, "the largest that is left", 1)
	v.narrowFor(10*time.Second, 300e3)
	v.is(t, "narrow", 0)
	v.steps, v.at = []step{{150e3}, {500e3}}, -1
	v.look()
	v.is(t, "what fits", 0)
}

func TestAfterItsLayerIsGoneANarrowLineOfUnknownWidthGetsTheSmallest(t *testing.T) {
	v := newViewing(2, 100e3, 400e3, 2e6)
	v.stay(3*time.Second, 0, 0.3)
	if v.at != 0 && v.at != 1 {
		t.Fatalf("on %d after heavy loss", v.at)
	}
	v.at = -1
	if m := v.look(); m.to != 0 || m.why != whyGone {
		t.Errorf("%+v", m)
	}
}

func TestANarrowLineGetsWhatFitsAndIsTriedLessAndLess(t *testing.T) {
	v := newViewing(2, 150e3, 500e3, 1500e3)
	v.stay(5*time.Second, 2000e3, 0)
	v.narrowFor(10*time.Minute, 800e3)
	v.is(t, "the middle", 1)
	if n := len(v.moves); n > 4 {
		t.Errorf("%d moves in ten minutes: %v", n, v.moves)
	}
	v.narrowFor(longestWait+30*time.Second, 5000e3)
	v.is(t, "wide again", 2)
	t.Logf("moves %v", v.moves)
}

func TestALineThatWidensSoonIsUsedSoon(t *testing.T) {
	v := newViewing(2, 150e3, 500e3, 1500e3)
	v.stay(5*time.Second, 2000e3, 0)
	v.narrowFor(4*time.Second, 300e3)
	v.is(t, "narrow", 0)
	v.narrowFor(25*time.Second, 5000e3)
	v.is(t, "wide again", 2)
}

func TestWithoutAnEstimateALossyLineIsLeftAloneLongerEachTime(t *testing.T) {
	v := newViewing(1, 150e3, 1500e3)
	var ups []time.Duration
	for v.t.Sub(v.began) < 10*time.Minute {
		was := v.at
		lost := 0.0
		if v.at == 1 || v.probe > 700e3 {
			lost = 0.3
		}
		v.stay(time.Second, 0, lost)
		if v.at > was {
			ups = append(ups, v.t.Sub(v.began))
		}
	}
	if len(ups) > 12 {
		t.Errorf("%d attempts: %v", len(ups), ups)
	}
}

// Whatever the line says, a viewer that has had trouble is not moved up sooner than it should be, and failures make
// the wait longer.
func TestNobodyIsMovedToAndFro(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := newViewing(2, 150e3, 500e3, 1500e3)
		v.estimated(1, v.t)
		v.narrow, v.squeezed = true, v.t
		var up, down time.Time // the newest moves
		failures := 0
		for range rapid.IntRange(50, 400).Draw(t, "looks") {
			switch rapid.SampledFrom([]string{"estimate", "loss", "full", "nothing", "long"}).Draw(t, "event") {
			case "estimate":
				v.estimated(rapid.Float64Range(10e3, 4000e3).Draw(t, "bits"), v.t)
			case "loss":
				v.lost(rapid.SampledFrom([]float64{0, 0, 0, 0.01, 0.05, 0.1, 0.3}).Draw(t, "lost"), v.t)
			case "full":
				v.overflowed(v.t)
			case "long":
				v.t = v.t.Add(rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 20 * time.Second}).Draw(t, "pass"))
			}
			was := v.at
			m := v.look()
			if m.to < 0 || m.to >= len(v.steps) {
				t.Fatalf("step %d of %d", m.to, len(v.steps))
			}
			if m.probe < 0 || m.probe > v.steps[2].bits*roomAbove {
				t.Fatalf("a probe of %.0f bits/s", m.probe)
			}
			switch {
			case v.at > was:
				if v.at != was+1 {
					t.Fatalf("up by %d at once", v.at-was)
				}
				if v.t.Sub(down) < firstWait {
					t.Fatalf("up %v after down", v.t.Sub(down))
				}
				if wait := min(longestWait, firstWait<<max(0, failures-1)); failures > 0 && v.t.Sub(down) < wait {
					t.Fatalf("up %v after the failure number %d", v.t.Sub(down), failures)
				}
				if v.t.Sub(up) < probeTime {
					t.Fatalf("up twice within %v", v.t.Sub(up))
				}
				up = v.t
			case v.at < was:
				if !up.IsZero() && v.t.Sub(up) < trialTime && down.Before(up) {
					failures = min(failures+1, 6)
				}
				down = v.t
			}
		}
	})
}

func FuzzEstimates(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		v := newViewing(0, 100e3, 1000e3)
		for _, b := range script {
			switch {
			case b < 128:
				v.estimated(float64(b)*20e3, v.t)
			case b < 200:
				v.lost(float64(b-128)/72, v.t)
			case b == 255:
				v.steps = slices.Clone(v.steps[:1])
				v.at = -1
			}
			v.look()
		}
	})
}
