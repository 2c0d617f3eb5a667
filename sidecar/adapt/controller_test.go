package adapt_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotseat/sidecar/adapt"
)

var most = adapt.Target{BitrateKbps: 4000, Framerate: 30, Width: 1280, Height: 720}

// rig steps a controller once a second against a simulated world.
type rig struct {
	c   *adapt.Controller
	now time.Time
}

func newRig(t adapt.Target) *rig { return &rig{adapt.New(t), time.Unix(1_790_000_000, 0)} }

func (r *rig) step(in adapt.Input) adapt.Target {
	r.now = r.now.Add(time.Second)
	return r.c.Step(r.now, in)
}

// well is a quiet world in which everything that is asked for is sent.
func well(t adapt.Target) adapt.Input {
	return adapt.Input{Live: true, EstimateKbps: 2 * t.BitrateKbps, SentKbps: t.BitrateKbps, LossPercent: 0.1,
		RTT: 30 * time.Millisecond, Encode: 9 * time.Millisecond, FPS: float64(t.Framerate), CPUWait: 0.02}
}

// narrow is a network that carries so much and no more.
func narrow(t adapt.Target, kbps int) adapt.Input {
	in := well(t)
	in.EstimateKbps = kbps
	if t.BitrateKbps > kbps {
		in.SentKbps, in.LossPercent = kbps, 100*float64(t.BitrateKbps-kbps)/float64(t.BitrateKbps)
	}
	return in
}

func TestAllIsWellAndNothingChanges(t *testing.T) {
	r := newRig(most)
	for range 600 {
		if got := r.step(well(r.c.Target())); got != most || r.c.Why() != adapt.WhyNothing {
			t.Fatalf("target %+v (%s)", got, r.c.Why())
		}
	}
}

func TestBitrateFallsFirstThenFrameRateThenSize(t *testing.T) {
	r := newRig(most)
	got := r.step(narrow(r.c.Target(), 2000))
	if got.BitrateKbps > 2000 || got.Framerate != 30 || got.Width != 1280 {
		t.Errorf("after a second at 2000 kbit/s: %+v, want only the bitrate lowered", got)
	}
	var rateFell, sizeFell int
	for i := 1; i < 30; i++ {
		got = r.step(narrow(r.c.Target(), 300))
		if got.Framerate < 30 && rateFell == 0 {
			rateFell = i
		}
		if got.Width < 1280 && sizeFell == 0 {
			sizeFell = i
		}
	}
	if rateFell == 0 || sizeFell == 0 || rateFell >= sizeFell {
		t.Errorf("at 300 kbit/s the rate fell after %d s, the size after %d s; want the rate first", rateFell, sizeFell)
	}
	if got.BitrateKbps > 300 || got.Width >= 1280 || got.Framerate != 15 {
		t.Errorf("at 300 kbit/s in the end: %+v", got)
	}
}

// What arrives says what the network carries, though the estimate has collapsed and reports are of the past.
func TestWhatArrivedBoundsTheCut(t *testing.T) {
	r := newRig(most)
	r.step(well(most))
	sent := most.BitrateKbps
	for i := range 20 {
		in := well(r.c.Target())
		in.EstimateKbps, in.SentKbps = 100, sent
		in.DeliveredKbps, in.LossPercent = min(sent, 1500), 100*max(0, 1-1500/float64(sent))
		sent = r.step(in).BitrateKbps // which the next report is about
		if sent < 1000 {
			t.Fatalf("after %d s at 1500 kbit/s the target is %d", i+1, sent)
		}
	}
	if got := r.c.Target(); got.Framerate != 30 || got.BitrateKbps > 2500 {
		t.Errorf("after 20 s at 1500 kbit/s: %+v", got)
	}
}

// What a still picture makes says nothing of what would fit, whether it arrives or not.
func TestLossOfAStillPictureCutsLittle(t *testing.T) {
	for _, reports := range []int{1, 3} {
		r := newRig(adapt.Target{BitrateKbps: 3000, Framerate: 30, Width: 1280, Height: 720})
		still := func(loss float64) adapt.Target {
			in := well(r.c.Target())
			in.EstimateKbps, in.SentKbps, in.DeliveredKbps, in.LossPercent = 130, 120, int(120*(1-loss/100)), loss
			return r.step(in)
		}
		still(0)
		for range reports {
			before := r.c.Target()
			if got := still(10); got.BitrateKbps < before.BitrateKbps/2 {
				t.Fatalf("one report of loss took %d kbit/s to %d", before.BitrateKbps, got.BitrateKbps)
			}
		}
		lowest := r.c.Target()
		for range 30 {
			got := still(0)
			lowest.BitrateKbps, lowest.Framerate = min(lowest.BitrateKbps, got.BitrateKbps), min(lowest.Framerate, got.Framerate)
		}
		if least := map[int]int{1: 1500, 3: 750}[reports]; lowest.BitrateKbps < least || reports == 1 && lowest.Framerate != 30 {
			t.Errorf("after %d reports of loss it fell to %+v", reports, lowest)
		}
	}
}

// Though more arrives than was asked for.
func TestAnEncoderThatOvershootsIsCutWhenPacketsAreLost(t *testing.T) {
	for name, estimate := range map[string]float64{"without an estimate": 0, "with one that is lower": 1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(most)
			r.step(well(most))
			for range 10 {
				kbps := float64(r.c.Target().BitrateKbps)
				in := well(r.c.Target())
				in.EstimateKbps, in.SentKbps, in.DeliveredKbps, in.LossPercent = int(estimate*kbps), int(1.4*kbps), int(1.26*kbps), 10
				r.step(in)
			}
			if got := r.c.Target(); got.BitrateKbps > 1500 || r.c.Why() != adapt.WhyNetwork {
				t.Errorf("after ten seconds: %+v (%s)", got, r.c.Why())
			}
		})
	}
}

func TestASizeThatIsFixedIsNeverGivenUp(t *testing.T) {
	r := newRig(most)
	r.c = adapt.NewFixedSize(most)
	for range 60 {
		in := narrow(r.c.Target(), 300)
		in.Encode = time.Second
		if got := r.step(in); got.Width != most.Width || got.Height != most.Height {
			t.Fatalf("target %+v", got)
		}
	}
	if got := r.c.Target(); got.BitrateKbps > 300 || got.Framerate != 15 {
		t.Errorf("at 300 kbit/s in the end: %+v", got)
	}
	for i := 0; r.step(well(r.c.Target())) != most; i++ {
		if i == 600 {
			t.Fatalf("after 10 minutes of calm it is still %+v", r.c.Target())
		}
	}
}

func TestItComesBackSlowlyAndWhole(t *testing.T) {
	r := newRig(most)
	for range 30 {
		r.step(narrow(r.c.Target(), 300))
	}
	low, before := r.c.Target(), r.c.Target()
	steps := 0
	for r.c.Target() != most {
		got := r.step(well(r.c.Target()))
		if got.BitrateKbps > int(float64(before.BitrateKbps)*1.1)+1 {
			t.Fatalf("the bitrate jumped from %d to %d", before.BitrateKbps, got.BitrateKbps)
		}
		if before = got; steps > 600 {
			t.Fatalf("after 10 minutes of calm it is still %+v", got)
		}
		steps++
	}
	t.Logf("from %+v back to the whole in %d s", low, steps)
	if steps < 15 {
		t.Errorf("back after %d s: too quick to be sure of anything", steps)
	}
}

func TestAStillPictureIsNoNarrowNetwork(t *testing.T) {
	r := newRig(most)
	for range 120 {
		in := well(r.c.Target())
		in.SentKbps, in.EstimateKbps = 200, 450 // the estimate follows what is sent
		if got := r.step(in); got != most {
			t.Fatalf("a still picture lowered the target to %+v", got)
		}
	}
}

func TestAnEstimateThatNothingElseConfirmsCutsNothing(t *testing.T) {
	r := newRig(most)
	for range 120 {
		in := well(r.c.Target())
		in.SentKbps, in.EstimateKbps = 300, 250 // after one late packet, with little to send
		if got := r.step(in); got != most {
			t.Fatalf("target %+v", got)
		}
	}
}

func TestALongerWayIsNoQueueForEver(t *testing.T) {
	r := newRig(most)
	r.step(well(most))
	for range 900 {
		in := well(r.c.Target())
		in.RTT, in.EstimateKbps = 400*time.Millisecond, 0
		r.step(in)
	}
	if got := r.c.Target(); got != most {
		t.Errorf("a quarter of an hour after the way became longer: %+v (%s)", got, r.c.Why())
	}
}

func TestLossAndDelayCountWithoutAnEstimate(t *testing.T) {
	for name, change := range map[string]func(*adapt.Input){
		"loss":  func(in *adapt.Input) { in.LossPercent = 30 },
		"delay": func(in *adapt.Input) { in.RTT = 600 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(most)
			in := well(most)
			in.EstimateKbps = 0
			r.step(in)
			for range 10 {
				in = well(r.c.Target())
				in.EstimateKbps = 0
				change(&in)
				r.step(in)
			}
			if got := r.c.Target(); got.BitrateKbps > 1000 || r.c.Why() != adapt.WhyNetwork {
				t.Errorf("after ten bad seconds: %+v (%s)", got, r.c.Why())
			}
		})
	}
}

func TestAShortProcessorCostsFramesNotTheGame(t *testing.T) {
	for name, change := range map[string]func(*adapt.Input){
		"slow encoder":           func(in *adapt.Input) { in.Encode = 60 * time.Millisecond },
		"skipped pictures":       func(in *adapt.Input) { in.Skipped = 5 },
		"late pictures and wait": func(in *adapt.Input) { in.FPS, in.CPUWait = 15, 0.4 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(most)
			for i := range 4 {
				in := well(r.c.Target())
				change(&in)
				if got := r.step(in); i < 3 && got != most {
					t.Fatalf("a load of %d s changed the target to %+v", i+1, got)
				}
			}
			if got := r.c.Target(); got.Framerate != 20 || got.Width != 1280 || got.BitrateKbps != 4000 || r.c.Why() != adapt.WhyCPU {
				t.Errorf("after 4 s: %+v (%s), want only fewer frames", got, r.c.Why())
			}
		})
	}
}

func TestAGameThatDrawsLittleIsNoShortage(t *testing.T) {
	r := newRig(most)
	for range 60 {
		in := well(r.c.Target())
		in.FPS = 5
		if got := r.step(in); got != most {
			t.Fatalf("target %+v", got)
		}
	}
}

// While every picture comes in time, a well used machine is no shortage: the scheduler has let the game go
// first, and there was enough for both.
func TestAWaitThatCostsNoPictureIsNoShortage(t *testing.T) {
	r := newRig(most)
	for range 60 {
		in := well(r.c.Target())
		in.CPUWait = 1
		if got := r.step(in); got != most {
			t.Fatalf("target %+v", got)
		}
	}
}

// A machine that can do two thirds and not the whole must not swing between the two for ever.
func TestItDoesNotSwing(t *testing.T) {
	r := newRig(most)
	changes, before := 0, r.c.Target()
	for range 1800 {
		in := well(r.c.Target())
		if r.c.Target().Framerate == 30 {
			in.FPS, in.CPUWait = 21, 0.8
		}
		if got := r.step(in); got != before {
			changes, before = changes+1, got
		}
	}
	if changes > 40 {
		t.Errorf("%d changes in half an hour", changes)
	}
}

func TestOffTheAirNothingIsLearnt(t *testing.T) {
	r := newRig(most)
	for range 60 {
		if got := r.step(adapt.Input{LossPercent: 100, EstimateKbps: 1, SentKbps: 1, RTT: time.Minute}); got != most {
			t.Fatalf("target %+v", got)
		}
	}
}

func TestWhateverIsMeasuredTheLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := adapt.Target{
			BitrateKbps: rapid.IntRange(100, 8500).Draw(t, "kbps"), Framerate: rapid.IntRange(10, 60).Draw(t, "fps"),
			Width: 2 * rapid.IntRange(80, 640).Draw(t, "w/2"), Height: 2 * rapid.IntRange(80, 640).Draw(t, "h/2"),
		}
		c, now := adapt.New(limit), time.Unix(0, 0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			weird := rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 0.01, 0.3, 1, 10, 99, 1e300})
			before := c.Target()
			got := c.Step(now, adapt.Input{
				Live:          rapid.Bool().Draw(t, "live"),
				EstimateKbps:  rapid.SampledFrom([]int{math.MinInt, -1, 0, 1, 100, 500, 3000, 9000, math.MaxInt}).Draw(t, "estimate"),
				SentKbps:      rapid.SampledFrom([]int{math.MinInt, 0, 1, 100, 500, 3000, 9000, math.MaxInt}).Draw(t, "sent"),
				DeliveredKbps: rapid.SampledFrom([]int{math.MinInt, 0, 1, 100, 500, 3000, 9000, math.MaxInt}).Draw(t, "delivered"),
				LossPercent:   weird.Draw(t, "loss"), FPS: weird.Draw(t, "fps"), CPUWait: weird.Draw(t, "wait"),
				RTT:    time.Duration(rapid.Int64().Draw(t, "rtt")),
				Encode: time.Duration(rapid.Int64().Draw(t, "encode")),
			})
			switch {
			case got.BitrateKbps > limit.BitrateKbps || got.Framerate > limit.Framerate || got.Width > limit.Width || got.Height > limit.Height:
				t.Fatalf("%+v passes the operator's %+v", got, limit)
			case got.BitrateKbps < 100 || got.Framerate < 10 || got.Width < 160 || got.Height < 160:
				t.Fatalf("%+v is less than a stage takes", got)
			case got.Width%2 != 0 || got.Height%2 != 0:
				t.Fatalf("%+v is odd", got)
			case got.Width > before.Width && got.Framerate > before.Framerate:
				t.Fatalf("from %+v to %+v: two things rose at once", before, got)
			case got != c.Target():
				t.Fatal("Target is not what Step returned")
			}
		}
	})
}

// From any state, with a quiet network and an idle machine, the operator's own comes back.
func TestCalmBringsEverythingBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(most)
		for range rapid.IntRange(0, 60).Draw(t, "bad") {
			in := narrow(r.c.Target(), rapid.IntRange(50, 5000).Draw(t, "kbps"))
			in.CPUWait = rapid.Float64Range(0, 1).Draw(t, "wait")
			r.step(in)
		}
		for range 1200 {
			if r.step(well(r.c.Target())) == most {
				return
			}
		}
		t.Fatalf("after 20 minutes of calm: %+v (%s)", r.c.Target(), r.c.Why())
	})
}

func BenchmarkStep(b *testing.B) {
	c, now := adapt.New(most), time.Unix(0, 0)
	for i := range b.N {
		now = now.Add(time.Second)
		c.Step(now, narrow(c.Target(), 300+i%4000))
	}
}
