package stage

import "time"

// How a viewer is moved between layers. Down is for at once, since a line that is too narrow loses or delays pictures;
// up is for when it will last.
const (
	// roomBelow is what a layer that is being shown may lack of its bitrate in the estimate: a browser that finds its
	// line too narrow estimates 0.85 of it, and bitrates are means over a second.
	roomBelow = 0.95
	// farBelow is too little whatever comes. Between the two a fall may be a mistake of a busy computer: then the
	// estimate climbs.
	farBelow = 0.75
	// roomAbove is what the estimate must have beyond the bitrate of a layer to go up to.
	roomAbove = 1.15
	// A browser's estimate climbs by 4 to 8 per cent a second while nothing is wrong, and falls by 15 or more.
	estimateFalls, estimateClimbs = 0.95, 1.03
	// squeezeTime is how long after a sign of a narrow line an estimate that is too low is believed at once.
	squeezeTime = 2 * time.Second
	// lowTime is how long an estimate that is too low, but does not fall, may take to climb. One that is written
	// while little was sent is low for no other reason (it is at most 1.5 times what arrives).
	lowTime = 2 * time.Second
	// estimateAge is how long an estimate counts. Browsers repeat theirs with each report.
	estimateAge = 10 * time.Second
	// heavyLoss in two reports in a row, or twice as much in one, is a narrow line even if there is no estimate: the bound
	// beyond which Google's controller sends less (draft-ietf-rmcat-gcc-02 section 6). lightLoss, below which that one
	// sends more, ends a probe without an estimate.
	heavyLoss, lightLoss = 0.10, 0.02

	// fitTime is how long an estimate must allow the next layer.
	fitTime = 3 * time.Second
	// calmTime must have passed since the newest sign of a narrow line, and before a layer that was gone up to is probed
	// beyond.
	calmTime = 5 * time.Second
	// A probe lasts probeTime, and is given up after probeMost if it says neither yes nor no. It grows for probeGrows: what
	// comes at once looks like a line that has become slower, and a line that does not take half is spared the rest.
	probeTime, probeMost = 3 * time.Second, 6 * time.Second
	probeGrows           = 1500 * time.Millisecond
	// afterProbe is how long what is reported may still be the probe's doing: no reason to leave a layer.
	afterProbe = 2 * time.Second
	// probeClimbs is how much an estimate climbs in a probe that goes well.
	probeClimbs = 1.04
	// trialTime is how long a layer must be borne. What fails sooner doubles the wait before the next attempt, and what is
	// borne for provenTime ends that.
	trialTime, provenTime = 15 * time.Second, time.Minute
	// The wait after a failure, at first and at most.
	firstWait, longestWait = 5 * time.Second, 30 * time.Second
	// forgiveTime without any sign of a narrow line makes a line as good as one never doubted.
	forgiveTime = 3 * time.Minute
)

// Why a viewer is moved, for the log.
const (
	whyEstimate = "its line takes less than the layer has"
	whyLoss     = "it loses too much"
	whyFull     = "its connection did not take more"
	whyGone     = "the layer is sent no more"
	whyLarger   = "a larger layer is sent"
	whyRoom     = "its line takes more"
	whyProbed   = "its line took as much for a while"
)

// climb decides which layer one viewer gets. It knows nothing but what it is told, and the time. Not safe for
// concurrent use.
type climb struct {
	estimate    float64 // bits/s, of the receiver; 0: none
	estimatedAt time.Time
	squeezed    time.Time // the newest sign of a narrow line
	narrow      bool      // there was one: up only with care
	bad         int       // reports of heavy loss in a row; 2 are enough
	full        time.Time // when something was dropped on the way
	lowSince    time.Time // since when the estimate is too low and does not climb
	lowest      float64   // the estimate at that time
	fitSince    time.Time // since when it allows the next layer

	probing      time.Time // since when; the zero time: not
	probeBegan   float64   // the estimate at that time
	probeReports int
	probed       time.Time // when the newest probe ended that led to nothing

	rose   time.Time // the newest move up on trial
	trials backoff   // not up before
	probes backoff   // no probe before
}

// step is a layer that is being sent. Steps are ordered from the smallest to the largest.
type step struct{ bits float64 } // a second; 0: not known yet

// move is a decision: which step to be on, what to send beyond it as a probe (bits/s), and why if it is another.
type move struct {
	to    int
	probe float64
	why   string
}

// estimated takes a receiver's estimate of its line (bits/s).
func (c *climb) estimated(bits float64, now time.Time) {
	if c.known(now) && bits < c.estimate*estimateFalls {
		c.squeezed = now
	}
	c.estimate, c.estimatedAt = bits, now
}

// lost takes the fraction (0 to 1) that a receiver report says was lost since the one before.
func (c *climb) lost(fraction float64, now time.Time) {
	c.probeReports++
	switch {
	case c.disturbed(now):
	case fraction >= 2*heavyLoss:
		c.bad += 2
	case fraction >= heavyLoss:
		c.bad++
	default:
		c.bad = 0
	}
	if fraction >= heavyLoss || !c.probing.IsZero() && c.probeBegan == 0 && fraction >= lightLoss {
		c.squeezed = now
	}
}

// overflowed says that a connection that queues did not take more.
func (c *climb) overflowed(now time.Time) { c.full, c.squeezed = now, now }

// settled says that a move has happened: what was lost before counts no more.
func (c *climb) settled() {
	c.bad, c.full, c.lowSince, c.fitSince = 0, time.Time{}, time.Time{}, time.Time{}
}

func (c *climb) known(now time.Time) bool {
	return c.estimate > 0 && now.Sub(c.estimatedAt) < estimateAge
}

// choose decides for a viewer that is on step at, -1 if the layer it has is sent no more. There is at least one step.
func (c *climb) choose(now time.Time, steps []step, at int) move {
	if at < 0 {
		c.stopProbe(now)
		c.settled()
		switch {
		case !c.narrow:
			return move{to: len(steps) - 1, why: whyGone}
		case !c.known(now):
			return move{to: 0, why: whyGone} // a line that has been too narrow, and nobody knows for what
		}
		return move{to: c.fitting(now, steps, len(steps)-1), why: whyGone}
	}
	if c.narrow && now.Sub(c.squeezed) > forgiveTime {
		c.narrow, c.trials, c.probes = false, backoff{}, backoff{}
	}
	if !c.rose.IsZero() && now.Sub(c.rose) > provenTime {
		c.trials.wait = 0
	}
	why := c.tooMuch(now, steps[at])
	if why == "" {
		return c.upwards(now, steps, at)
	}
	c.narrow = true
	if !c.rose.IsZero() && now.Sub(c.rose) < trialTime {
		c.trials.failed(now)
	} else {
		c.trials.until = now.Add(firstWait)
	}
	c.rose = time.Time{}
	c.stopProbe(now)
	if at == 0 {
		return move{to: 0}
	}
	c.settled()
	return move{to: c.fitting(now, steps, at-1), why: why}
}

// disturbed reports whether the line has, or has had a moment ago, more on it than the layer.
func (c *climb) disturbed(now time.Time) bool {
	return !c.probing.IsZero() || now.Sub(c.probed) < afterProbe
}

// tooMuch says why the line does not take the step, if so.
func (c *climb) tooMuch(now time.Time, s step) string {
	if c.disturbed(now) {
		c.lowSince = time.Time{}
		return ""
	}
	low := c.known(now) && c.estimate < s.bits*roomBelow
	switch {
	case !low:
		c.lowSince = time.Time{}
	case c.lowSince.IsZero() || c.estimate > c.lowest*estimateClimbs:
		c.lowSince, c.lowest = now, c.estimate
	}
	switch {
	case now.Sub(c.full) < squeezeTime:
		c.full = time.Time{}
		return whyFull
	case c.bad >= 2:
		c.bad = 0
		return whyLoss
	case c.estimate < s.bits*farBelow && low && now.Sub(c.squeezed) < squeezeTime && c.squeezed.Sub(c.probed) > afterProbe:
		return whyEstimate
	case low && now.Sub(c.lowSince) >= lowTime:
		c.squeezed = now
		return whyEstimate
	}
	return ""
}

// upwards decides about going up, when there is nothing against staying.
func (c *climb) upwards(now time.Time, steps []step, at int) move {
	top := len(steps) - 1
	switch {
	case at == top:
		c.stopProbe(now)
		return move{to: at}
	case !c.narrow:
		return move{to: top, why: whyLarger}
	case steps[at+1].bits == 0:
		return move{to: at}
	}
	need := steps[at+1].bits * roomAbove
	if !c.probing.IsZero() && !c.squeezed.Before(c.probing) {
		c.probes.failed(now)
		c.stopProbe(now)
	}
	if now.Before(c.trials.until) || now.Sub(c.squeezed) < calmTime {
		c.fitSince = time.Time{}
		return move{to: at}
	}
	if c.known(now) && c.estimate >= need {
		c.stopProbe(now)
		if c.fitSince.IsZero() {
			c.fitSince = now
		}
		if now.Sub(c.fitSince) < fitTime {
			return move{to: at}
		}
		return c.rise(now, at+1, whyRoom)
	}
	c.fitSince = time.Time{}
	if now.Before(c.probes.until) || now.Sub(c.rose) < calmTime {
		return move{to: at}
	}
	if c.probing.IsZero() {
		c.probing, c.probeBegan, c.probeReports = now, 0, 0
		if c.known(now) {
			c.probeBegan = c.estimate
		}
	}
	took := now.Sub(c.probing)
	well := c.probeReports >= 2
	if c.probeBegan > 0 {
		well = c.estimate >= c.probeBegan*probeClimbs
	}
	switch {
	case took >= probeTime && well:
		return c.rise(now, at+1, whyProbed)
	case took >= probeMost:
		c.probes.failed(now)
		c.stopProbe(now)
		return move{to: at}
	}
	beyond := max(0, need-steps[at].bits)
	return move{to: at, probe: beyond * min(1, (took+lookInterval).Seconds()/probeGrows.Seconds())}
}

func (c *climb) rise(now time.Time, to int, why string) move {
	c.probing, c.probed, c.probes = time.Time{}, time.Time{}, backoff{}
	c.settled()
	c.rose = now
	return move{to: to, why: why}
}

// backoff puts attempts off, longer after each failure.
type backoff struct {
	until time.Time
	wait  time.Duration // after the next failure
}

func (b *backoff) failed(now time.Time) {
	b.wait = min(longestWait, max(firstWait, b.wait))
	b.until = now.Add(b.wait)
	b.wait *= 2
}

func (c *climb) stopProbe(now time.Time) {
	if !c.probing.IsZero() {
		c.probing, c.probed = time.Time{}, now
	}
}

// fitting is the largest step up to most that the estimate allows; without one, most; if none fits, the smallest.
func (c *climb) fitting(now time.Time, steps []step, most int) int {
	if !c.known(now) {
		return most
	}
	for i := most; i > 0; i-- {
		if steps[i].bits <= c.estimate {
			return i
		}
	}
	return 0
}
