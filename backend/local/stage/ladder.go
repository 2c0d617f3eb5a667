package stage

import (
	"cmp"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// maxLayers is how many encodings of one picture a publisher may send (simulcast): browsers send up to three.
	maxLayers = 3
	// layerGone is how long a layer may be silent before those who have it are given another. A browser with too
	// little bandwidth stops the largest first.
	layerGone = time.Second
	// lookInterval is how often the viewers of a publisher with several layers are looked at.
	lookInterval = 100 * time.Millisecond
	// stillTime without any packet of any layer is a pause of the publisher.
	stillTime = 300 * time.Millisecond
	// askInterval is how often a layer is asked for the key frame with which a viewer is to come to it.
	askInterval = time.Second
	// paceTime is over what a layer's bitrate is measured: long enough for a key frame to be no surprise.
	paceTime = time.Second
)

// ladder is the video of one participant: as many rungs as it sends encodings of its picture at once (simulcast, RFC
// 9725 section 4.8), mostly one. Each viewer is on one rung, and is moved between them as its line allows. Rungs
// outlive publishers: the next one's layers continue those that there were.
//
// While there is one rung, a ladder does nothing: packets go from the stream to its outputs.
type ladder struct {
	on   lanes
	many atomic.Bool // there has been more than one rung: viewers have a choice

	mu      sync.Mutex // guards what follows
	rungs   []*rung
	viewers map[*output]*viewer
	looked  time.Time
}

// rung is one layer.
type rung struct {
	*stream
	shape atomic.Uint64 // width<<32 | height, of the newest parameter set; 0: none yet

	// guarded by ladder.mu
	rid   string // of the newest layer on it
	taken bool   // by the publisher that there is
	heard time.Time
	speed speed
}

// viewer is an output on a ladder.
type viewer struct {
	to    *rung // that it is being moved to; nil: none
	moves uint64
	asked time.Time // for the key frame to come with
	said  time.Time
}

// moved is a viewer that is being moved, for the log.
type moved struct {
	log                   *slog.Logger
	viewer, from, to, why string
	estimate, moves       int
}

// mostSaid is how many moves of one moment have a line each.
const mostSaid = 3

func sayMoved(all []moved) {
	for n, m := range all {
		if n == mostSaid {
			m.log.Info("and so are others", "from", m.from, "viewers", len(all)-n)
			return
		}
		m.log.Info("a viewer is moved to another layer", "viewer", m.viewer, "from", m.from, "layer", m.to, "why", m.why, "estimate", m.estimate, "moves", m.moves)
	}
}

func newLadder(on lanes) *ladder {
	l := &ladder{on: on, viewers: make(map[*output]*viewer)}
	l.rungs = []*rung{{stream: newStream(webrtc.RTPCodecTypeVideo, on)}}
	return l
}

// attach gives a publisher's layer its rung: the one that had a layer of this name before, else a free one. The first
// layer of a publisher puts all those of the one before out.
func (l *ladder) attach(rid string, src *source, first bool) *rung {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first {
		for _, r := range l.rungs {
			r.taken = false
			r.vacate()
		}
	}
	i := slices.IndexFunc(l.rungs, func(r *rung) bool { return !r.taken && r.rid == rid })
	if i < 0 {
		i = slices.IndexFunc(l.rungs, func(r *rung) bool { return !r.taken })
	}
	if i < 0 {
		i = len(l.rungs)
		l.rungs = append(l.rungs, &rung{stream: newStream(webrtc.RTPCodecTypeVideo, l.on)})
		l.many.Store(true)
	}
	r := l.rungs[i]
	r.rid, r.taken, r.heard, r.speed = rid, true, time.Time{}, speed{}
	r.shape.Store(0)
	r.attach(src)
	return r
}

// hear takes note of a packet of r. The viewers of a publisher with several layers are looked at by the way.
func (l *ladder) hear(r *rung, width, height int, now time.Time) {
	if shape := uint64(width)<<32 | uint64(height); shape != r.shape.Load() { //nolint:gosec // checked by the inspector
		r.shape.Store(shape)
	}
	if !l.many.Load() {
		return
	}
	l.mu.Lock()
	r.heard = now
	var moved []moved
	if now.Sub(l.looked) >= lookInterval {
		l.excuse(r, now)
		l.looked = now
		moved = l.look(now)
	}
	l.mu.Unlock()
	sayMoved(moved) // a log that is slow holds up nobody but this reader
}

// excuse forgives the other layers a pause of all: the publisher stood still, or its line. One that has been stopped
// grows older by stillTime in each pause, so that it is noticed in a picture of one frame a second too. mu is held.
func (l *ladder) excuse(heard *rung, now time.Time) {
	pause := now.Sub(l.looked) - stillTime
	if l.looked.IsZero() || pause <= 0 {
		return
	}
	for _, r := range l.rungs {
		if r != heard && !r.heard.IsZero() {
			r.heard = r.heard.Add(pause)
		}
	}
}

// sent are the rungs whose layers are being sent, from the smallest. mu is held.
func (l *ladder) sent(now time.Time) (rungs []*rung, steps []step) {
	for _, r := range l.rungs {
		if r.taken && r.shape.Load() != 0 && now.Sub(r.heard) < layerGone {
			rungs = append(rungs, r)
		}
	}
	slices.SortStableFunc(rungs, func(a, b *rung) int {
		return cmp.Or(cmp.Compare(a.pixels(), b.pixels()), cmp.Compare(a.speed.bits, b.speed.bits))
	})
	for _, r := range rungs {
		steps = append(steps, step{bits: r.speed.bits})
	}
	return rungs, steps
}

// look moves those who are to be on another rung. mu is held.
func (l *ladder) look(now time.Time) (said []moved) {
	for _, r := range l.rungs {
		r.mu.Lock()
		bytes := r.bytes
		r.mu.Unlock()
		r.speed.add(bytes, now)
	}
	rungs, steps := l.sent(now)
	if len(rungs) == 0 {
		return nil
	}
	for o, v := range l.viewers {
		if m := l.lookAt(o, v, rungs, steps, now); m.why != "" {
			said = append(said, m)
		}
	}
	return said
}

// lookAt moves one, if so, and returns what is to be said.
func (l *ladder) lookAt(o *output, v *viewer, rungs []*rung, steps []step, now time.Time) (_ moved) {
	current := o.current()
	if v.to != nil && v.to.stream == current {
		v.to = nil
		o.line.settled()
	}
	on := current
	if v.to != nil {
		on = v.to.stream
	}
	at := slices.IndexFunc(rungs, func(r *rung) bool { return r.stream == on })
	if v.to != nil && at >= 0 {
		if now.Sub(v.asked) >= askInterval { // until one has come, and the viewer with it
			v.asked = now
			on.wantKeyFrame()
		}
		return
	}
	m := o.line.choose(now, steps, at)
	o.probe.Store(int64(m.probe))
	to := rungs[m.to]
	if m.to == at {
		return
	}
	v.to = to
	if to.stream != current { // else it goes back to what it still has
		v.moves++
		v.asked = now
		to.wantKeyFrame()
	}
	to.try(o)
	if now.Sub(v.said) < sayInterval {
		return
	}
	v.said = now
	return moved{o.lane.log, o.viewer, o.streamID, to.String(), m.why, int(o.line.estimated(now)), int(v.moves)} //nolint:gosec // small
}

// best is the rung that a viewer begins with: the largest that is sent.
func (l *ladder) best(now time.Time) *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rungs, _ := l.sent(now); len(rungs) > 0 {
		return rungs[len(rungs)-1].stream
	}
	i := max(0, slices.IndexFunc(l.rungs, func(r *rung) bool { return r.taken }))
	return l.rungs[i].stream
}

// enter has the ladder look after an output, until it leaves.
func (l *ladder) enter(o *output) {
	l.mu.Lock()
	l.viewers[o] = &viewer{}
	l.mu.Unlock()
}

func (l *ladder) leave(o *output) {
	l.mu.Lock()
	delete(l.viewers, o)
	l.mu.Unlock()
}

// idle forgets wishes for key frames that nobody is left to wait for.
func (l *ladder) idle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rungs {
		r.idle()
	}
}

// size is that of the picture on a stream of the ladder.
func (l *ladder) size(of *stream) (width, height int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rungs {
		if r.stream == of {
			return r.size()
		}
	}
	return 0, 0
}

// stats are those of all rungs together, and of each from the smallest.
func (l *ladder) stats(now time.Time) (all StreamStats, each []LayerStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rungs := slices.Clone(l.rungs)
	published, silent := false, true // all that are published
	slices.SortStableFunc(rungs, func(a, b *rung) int { return cmp.Compare(a.pixels(), b.pixels()) })
	for _, r := range rungs {
		s := r.stats(now)
		if r.taken {
			published, silent = true, silent && s.Silent
		}
		width, height := r.size()
		heard := r.clocks().at
		if l.many.Load() {
			heard = r.heard // which does not count empty packets
		}
		each = append(each, LayerStats{RID: r.rid, Sent: r.taken && now.Sub(heard) < layerGone, Width: width, Height: height, StreamStats: s})
		for o := range l.viewers {
			if o.current() == r.stream {
				each[len(each)-1].Viewers++
			}
		}
		all.add(s)
	}
	all.Silent = published && silent
	return all, each
}

// add takes another layer in: counts are sums, frames a second and the newest key frame those of the best.
func (s *StreamStats) add(l StreamStats) {
	s.Packets += l.Packets
	s.Bytes += l.Bytes
	s.Frames += l.Frames
	s.Lost += l.Lost
	s.KeyFrames += l.KeyFrames
	s.KeyFrameRequests += l.KeyFrameRequests
	s.NACKs += l.NACKs
	s.Resent += l.Resent
	s.ViewerDrops += l.ViewerDrops
	s.BitsPerSecond += l.BitsPerSecond
	s.FramesPerSecond = max(s.FramesPerSecond, l.FramesPerSecond)
	if s.KeyFrameAge == 0 || l.KeyFrameAge > 0 && l.KeyFrameAge < s.KeyFrameAge {
		s.KeyFrameAge = l.KeyFrameAge
	}
}

func (r *rung) size() (width, height int) {
	shape := r.shape.Load()
	return int(shape >> 32), int(shape & 0xffff_ffff) //nolint:gosec // put there as ints
}

func (r *rung) pixels() int {
	width, height := r.size()
	return width * height
}

func (r *rung) String() string {
	width, height := r.size()
	return strconv.Itoa(width) + "x" + strconv.Itoa(height)
}

// speed measures a layer's bitrate: quick to grow, slow to shrink, because what a line has to take is the most.
type speed struct {
	bits  float64 // a second; 0: not known yet
	at    time.Time
	bytes uint64
}

// add takes the layer's bytes up to now.
func (s *speed) add(bytes uint64, now time.Time) {
	if s.at.IsZero() {
		s.at, s.bytes = now, bytes
		return
	}
	took := now.Sub(s.at)
	if took < paceTime {
		return
	}
	bits := float64(bytes-s.bytes) * 8 / took.Seconds()
	if bits < s.bits {
		bits = 0.8*s.bits + 0.2*bits
	}
	s.bits, s.at, s.bytes = bits, now, bytes
}
