package adapt

import (
	"math"
	"time"
)

// Target is what the encoder is asked for.
type Target struct {
	BitrateKbps   int
	Framerate     int
	Width, Height int
}

// Input is what was measured since the last step. What is not known is zero.
type Input struct {
	Live         bool // somebody is sent to; else the network says nothing
	EstimateKbps int  // what the network carries in all
	SentKbps     int  // of video, over the last second
	// DeliveredKbps is what of the video arrived, over the second before the last report.
	DeliveredKbps int
	// LossPercent is 0 to 100, of packets: what was still missing when the stage reported. A packet that was
	// sent again in time counts as received (RFC 3550 appendix A.3 counts packets, whichever copy).
	LossPercent float64
	RTT         time.Duration // to the stage
	Encode      time.Duration // from picture to access unit, mean
	FPS         float64       // pictures encoded, over the last second
	Skipped     float64       // pictures a second that were not taken because the encoder was at work
	// CPUWait is the part of the time, 0 to 1, in which this process could run and did not get
	// a processor.
	CPUWait float64
}

// Why names what keeps the target below the operator's.
type Why string

// Reasons.
const (
	WhyNothing Why = ""          // the target is the operator's own
	WhyNetwork Why = "network"   // the network carries no more
	WhyCPU     Why = "processor" // the machine has none to spare
	WhyProbing Why = "recovering"
)

const (
	// lossHigh lowers the bitrate; retransmission repairs what is below. GCC's loss controller
	// has 10 % (draft-ietf-rmcat-gcc-02 section 6), too much for a live picture without FEC.
	lossHigh = 8.0
	// lossLow is what a good wireless network loses; above it nothing is raised.
	lossLow = 3.0
	// rttGrowth over the least seen is a queue that fills.
	rttGrowth = 250 * time.Millisecond
	// rttHint over the least seen lends weight to an estimate that is low.
	rttHint = 60 * time.Millisecond
	// rttForget: the least seen follows what is measured by this part in a step, so that a
	// longer way is no queue for ever; it takes a minute or two.
	rttForget = 0.01
	// cut is what remains of the bitrate after loss or growing delay, when there is no estimate.
	cut = 0.75
	// deepest is what remains after one cut, whatever the estimate: it falls to nothing for a moment
	// of loss, and the way back up is slow.
	deepest = 0.5
	// leap is the same for a cut to what arrived, which was measured.
	leap = 0.15
	// delivered is what is kept of what arrived, when packets are lost: that much the network carries,
	// whatever an estimate says, and a queue in it must become empty.
	delivered = 0.85
	// settle is how long after a cut to what arrived reports may still speak of the time before it.
	settle = 2 * time.Second
	// headroom of an estimate is for sound, retransmissions and RTP itself.
	headroom = 0.9
	// limited: an estimate counts when at least this part of it is sent, and what arrived when at least
	// this part of the target is. A still picture makes little, and neither knows what would fit.
	limited = 0.8
	// raise is how much the bitrate rises in a step up, and raiseEvery how often.
	// It is less than a second, because steps that are a second apart are so by about a millisecond.
	raise      = 1.08
	raiseEvery = 900 * time.Millisecond
	// calm must pass after a cut before anything rises.
	calm = 4 * time.Second
	// minKbps keeps a picture that can be recognised.
	minKbps = 150
	// poor and rich are bits per pixel of a picture: below poor, fewer pixels look better; a
	// richer level is worth it only when it would have rich. The gap is the hysteresis.
	poor, rich = 0.028, 0.045
	// networkPatience: bits per pixel are poor for so long before pixels are given up, so that a
	// short dip costs only sharpness.
	networkPatience = 2 * time.Second
	// cpuPatience: a load of a second, as when a game loads, changes nothing.
	cpuPatience = 3 * time.Second
	// busy is how many frames' time a picture may take to be encoded. It covers the grab, the
	// conversion and the encoder, which work on different pictures at once, so one may be passed.
	busy = 1.5
	// late is the part of the asked frames that must come.
	late = 0.85
	// waiting is the CPUWait from which missing pictures are the machine's fault and not the game's. It is
	// the sum over all threads, each of which waits a little on a machine that is only well used: by itself
	// it says nothing, while every picture comes in time.
	waiting = 0.3
	// skipping is the part of the asked frames that may be skipped.
	skipping = 0.1
	// climbFirst is the calm time before a better level is tried, doubled up to climbMost each
	// time a try fails within climbTrial.
	climbFirst = 8 * time.Second
	climbMost  = 2 * time.Minute
	climbTrial = 15 * time.Second
)

// Controller steers one encoder. Make it with New; it is owned by one goroutine.
type Controller struct {
	most      Target
	sizeSteps int // down from most

	kbps  float64
	level level
	why   Why

	minRTT     time.Duration
	lastCut    time.Time
	lastRaise  time.Time
	poorSince  time.Time
	shortSince time.Time
	wellSince  time.Time
	climbed    time.Time // the last step up of the level
	climbAfter time.Duration
	cpuDepth   int // levels given up for the processor, not the network
}

// New makes a controller whose Targets never pass most.
func New(most Target) *Controller {
	return &Controller{most: most, sizeSteps: len(sizes) - 1, kbps: float64(most.BitrateKbps), climbAfter: climbFirst}
}

// NewFixedSize makes a controller that never changes the size: for streams to servers that take their
// pictures' size from the beginning of a connection.
func NewFixedSize(most Target) *Controller {
	c := New(most)
	c.sizeSteps = 0
	return c
}

// Target is the last decision.
func (c *Controller) Target() Target {
	return Target{
		BitrateKbps: min(c.most.BitrateKbps, max(min(minKbps, c.most.BitrateKbps), int(c.kbps))),
		Framerate:   rate(c.most.Framerate, rates[c.level.rate]),
		Width:       side(c.most.Width, sizes[c.level.size]),
		Height:      side(c.most.Height, sizes[c.level.size]),
	}
}

// Why says what keeps the target down.
func (c *Controller) Why() Why { return c.why }

// Step decides once more; call it about once a second, at least, and at most ten times.
func (c *Controller) Step(now time.Time, in Input) Target {
	in = in.sane()
	congested := c.network(now, in)
	short := c.processor(now, in)
	c.pixels(now)
	if congested || short || !c.kbpsIsWell() {
		c.wellSince = time.Time{}
	} else if c.wellSince.IsZero() {
		c.wellSince = now
	}
	c.climb(now)
	switch t := c.Target(); {
	case t == c.most:
		c.why = WhyNothing
	case short || c.cpuDepth > 0:
		c.why = WhyCPU
	case congested || now.Sub(c.lastCut) < calm:
		c.why = WhyNetwork
	default:
		c.why = WhyProbing
	}
	return c.Target()
}

// sane drops what cannot be measured, so that no arithmetic below meets it.
func (in Input) sane() Input {
	number := func(v *float64, most float64) {
		if !(*v >= 0) { // and NaN
			*v = 0
		}
		*v = min(*v, most)
	}
	number(&in.LossPercent, 100)
	number(&in.CPUWait, 1)
	number(&in.FPS, 1000)
	number(&in.Skipped, 1000)
	in.EstimateKbps, in.SentKbps, in.DeliveredKbps = max(0, in.EstimateKbps), max(0, in.SentKbps), max(0, in.DeliveredKbps)
	in.RTT, in.Encode = max(0, in.RTT), max(0, in.Encode)
	return in
}

// network moves the bitrate, and says whether the network is short.
func (c *Controller) network(now time.Time, in Input) (congested bool) {
	if !in.Live {
		c.minRTT = 0 // the next connection may take another way
		return false
	}
	switch {
	case in.RTT == 0:
	case c.minRTT == 0, in.RTT < c.minRTT:
		c.minRTT = in.RTT
	default:
		c.minRTT += time.Duration(rttForget * float64(in.RTT-c.minRTT))
	}
	lossy := in.LossPercent >= lossHigh
	growing := c.minRTT > 0 && in.RTT > c.minRTT+rttGrowth
	// An estimate alone is not believed: a single late packet takes it down to what is sent, which
	// is little when the game draws little. A network that is too narrow also loses or delays.
	felt := in.LossPercent >= lossLow || (c.minRTT > 0 && in.RTT > c.minRTT+rttHint)
	room := math.Inf(1)
	if felt && in.EstimateKbps > 0 && float64(in.SentKbps) >= limited*float64(in.EstimateKbps) {
		room = headroom * float64(in.EstimateKbps)
	}
	// full: what arrived says what the network carries, and not only what the game drew.
	full := float64(in.SentKbps) >= limited*c.kbps
	carried := delivered * float64(in.DeliveredKbps)
	// A cut without a measurement is repeated when its effect could be seen. Where more arrives than is asked
	// for, the reports are of before a cut, or the encoder overshoots: which of the two shows later.
	pause := raiseEvery
	if !full || lossy && carried > 0 {
		pause = settle
	}
	switch {
	case lossy && full && carried > 0 && carried < c.kbps:
		congested = true
		if now.Sub(c.lastCut) >= settle {
			c.lower(now, max(carried, c.kbps*leap))
		}
	case max(room, carried) < c.kbps:
		// While reports speak of losses that a cut has ended, the estimate is of no more use than they.
		if carried == 0 || now.Sub(c.lastCut) >= settle {
			c.lower(now, max(room, carried, c.kbps*deepest))
		}
		congested = true
	case (lossy || growing) && now.Sub(c.lastCut) >= pause:
		// From what is sent where that is less: a bitrate that is not used is cut in vain.
		from := c.kbps
		if in.SentKbps > 0 {
			from = min(from, max(float64(in.SentKbps), c.kbps/2))
		}
		c.lower(now, max(from*cut, c.kbps*deepest))
		congested = true
	case lossy || growing || room < c.kbps:
		congested = true
	}
	quiet := !congested && in.LossPercent < lossLow && now.Sub(c.lastCut) >= calm && now.Sub(c.lastRaise) >= raiseEvery
	if quiet && c.kbps < float64(c.most.BitrateKbps) {
		c.kbps = min(float64(c.most.BitrateKbps), c.kbps*raise, max(c.kbps, room))
		c.lastRaise = now
	}
	return congested
}

func (c *Controller) lower(now time.Time, to float64) {
	c.kbps = max(min(minKbps, float64(c.most.BitrateKbps)), min(c.kbps, to))
	c.lastCut = now
}

// processor gives frames up, then pixels, while the machine is short; and says whether it is.
func (c *Controller) processor(now time.Time, in Input) (short bool) {
	t := c.Target()
	interval := time.Second / time.Duration(max(1, t.Framerate))
	slow := in.Encode > time.Duration(busy*float64(interval))
	// A game that draws less makes fewer pictures and no shortage: so frames that are missing
	// count only together with a wait.
	missing := in.FPS > 0 && in.FPS < late*float64(t.Framerate)
	skipped := in.Skipped >= skipping*float64(t.Framerate)
	short = slow || skipped || (missing && in.CPUWait >= waiting)
	if !short {
		c.shortSince = time.Time{}
		return false
	}
	if c.shortSince.IsZero() {
		c.shortSince = now
	}
	if now.Sub(c.shortSince) >= cpuPatience {
		if c.stepDown(now) {
			c.cpuDepth++
		}
		c.shortSince = now // the next step has to be seen to be needed
	}
	return true
}

// pixels gives up what the bitrate cannot draw.
func (c *Controller) pixels(now time.Time) {
	if c.kbpsIsWell() || c.kbps >= float64(c.most.BitrateKbps) {
		c.poorSince = time.Time{}
		return
	}
	if c.poorSince.IsZero() {
		c.poorSince = now
	}
	if now.Sub(c.poorSince) >= networkPatience {
		c.stepDown(now)
		c.poorSince = now
	}
}

func (c *Controller) stepDown(now time.Time) bool {
	next, ok := c.level.down(c.sizeSteps)
	if !ok {
		return false
	}
	if !c.climbed.IsZero() && now.Sub(c.climbed) < climbTrial {
		c.climbAfter = min(2*c.climbAfter, climbMost)
	}
	c.level, c.climbed, c.wellSince = next, time.Time{}, time.Time{}
	return true
}

// climb takes one level back after a calm time, if the bitrate can draw it.
func (c *Controller) climb(now time.Time) {
	if !c.climbed.IsZero() && now.Sub(c.climbed) >= climbTrial {
		c.climbAfter, c.climbed = max(climbFirst, c.climbAfter/2), time.Time{} // the last one holds
	}
	if c.wellSince.IsZero() || now.Sub(c.wellSince) < c.climbAfter {
		return
	}
	next, ok := c.level.up()
	// At the operator's full bitrate the operator's own choice of pixels is not questioned.
	if !ok || (c.bitsPerPixel(next) < rich && c.kbps < float64(c.most.BitrateKbps)) {
		return
	}
	c.level, c.climbed, c.wellSince = next, now, now
	c.cpuDepth = min(max(0, c.cpuDepth-1), c.level.depth())
}

func (c *Controller) kbpsIsWell() bool {
	return c.kbps >= float64(c.most.BitrateKbps) || c.bitsPerPixel(c.level) >= poor || c.atBottom()
}

func (c *Controller) atBottom() bool {
	_, lower := c.level.down(c.sizeSteps)
	return !lower
}

func (c *Controller) bitsPerPixel(l level) float64 {
	pixels := side(c.most.Width, sizes[l.size]) * side(c.most.Height, sizes[l.size]) * rate(c.most.Framerate, rates[l.rate])
	return c.kbps * 1000 / float64(max(1, pixels))
}
