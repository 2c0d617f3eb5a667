package stage

import (
	"slices"
	"time"
)

// A viewer that is moved to another layer is to see one stream: sequence numbers that go on, timestamps that grow as
// the pictures were taken. So each output has seams, from which on other packets of other numbers are sent as its own.

const (
	// maxSeams bounds what an output remembers, for packets that are asked for once more.
	maxSeams = 64
	// seamAge is how many packets after a seam its numbers are no longer compared with those before it: they would
	// seem newer after 32768.
	seamAge = 1 << 14
	// maxSkew is by how many seconds two layers' sender reports may disagree with what their arrival says.
	maxSkew = 1
)

// shift is what is added to the numbers of a stream's packets to get those of an output.
type shift struct {
	sequence  uint16
	timestamp uint32
}

// seam is where an output began to send a stream, or to send it with another shift.
type seam struct {
	stream  *stream
	in, out uint16 // sequence numbers of the first packet: the stream's, and the output's
	count   uint16 // packets up to the next seam; what is between them was padding
	ticks   uint32 // added to timestamps
}

func (s *seam) shift() shift { return shift{s.out - s.in, s.ticks} }

// route is an output's seams, the newest last. It is never changed, but replaced.
type route struct{ seams []seam }

func (r *route) newest() *seam { return &r.seams[len(r.seams)-1] }

// before reports whether one sequence number is before another (RFC 1982).
func before(a, b uint16) bool { return int16(a-b) < 0 } //nolint:gosec // wraps

// current is the stream that the output sends.
func (o *output) current() *stream {
	if r := o.route.Load(); r != nil {
		return r.newest().stream
	}
	return o.stream
}

// shift is that of a burst of the stream that the output sends. A packet that was repaired after its frame may be from
// before the newest seam; ok is false if it is not for this output at all.
func (r *route) shift(b burst) (_ shift, ok bool) {
	first := b.packets[0].sequence
	now := r.newest().stream
	for i := len(r.seams) - 1; i >= 0 && r.seams[i].stream == now; i-- {
		if s := &r.seams[i]; !before(first, s.in) {
			return s.shift(), true
		}
	}
	return shift{}, false
}

// find returns the packet that an output sent by this number, with its shift. padding says that it was padding
// behind that packet.
func (r *route) find(sequence uint16) (p *packet, _ shift, padding bool) {
	for i := len(r.seams) - 1; i >= 0; i-- {
		s := &r.seams[i]
		if before(sequence, s.out) {
			continue
		}
		n := sequence - s.out
		if i < len(r.seams)-1 && n >= s.count {
			if p = s.stream.ring.get(s.in + s.count - 1); p == nil {
				return nil, shift{}, false // too old
			}
			return p, shift{timestamp: s.ticks}, true
		}
		return s.stream.ring.get(s.in + n), s.shift(), false
	}
	return nil, shift{}, false
}

// The rest is of the lane's goroutine.

// try has an output come to the branch with its next key frame. If it is there already, it stays.
func (b *branch) try(o *output) {
	o.stay()
	if o.place == nil || o.place == b {
		b.stream.shrink(b)
		return
	}
	if len(b.outputs)+len(b.comers) == 0 {
		b.newest = nil // of long ago
	}
	b.comers = append(b.comers, o)
	o.trying = b
}

// stay ends what try began.
func (o *output) stay() {
	if t := o.trying; t != nil {
		o.trying = nil
		t.comers = without(t.comers, o)
		t.stream.shrink(t)
	}
}

// unplace takes an output off its branch.
func (o *output) unplace() {
	o.stay()
	if b := o.place; b != nil {
		o.place = nil
		b.outputs = without(b.outputs, o)
		b.stream.shrink(b)
	}
}

func without(outputs []*output, o *output) []*output {
	i := slices.Index(outputs, o)
	if i < 0 {
		return outputs
	}
	last := len(outputs) - 1
	outputs[i], outputs[last] = outputs[last], nil
	return outputs[:last]
}

// admit lets those come who have waited for this key frame.
func (b *branch) admit(key burst) {
	for _, o := range b.comers {
		o.trying = nil
		from := o.place
		o.join(b, key)
		from.outputs = without(from.outputs, o)
		from.stream.shrink(from)
		b.take(o)
	}
	clear(b.comers)
	b.comers, b.passed = b.comers[:0], 0
}

// take has an output be on the branch.
func (b *branch) take(o *output) {
	if len(b.outputs)+len(b.comers) == 0 {
		b.newest = nil // of long ago
	}
	b.outputs = append(b.outputs, o)
	o.place = b
}

// note remembers the newest packet that the outputs were given. It is not the last of a frame whose packets were
// reordered on the way.
func (b *branch) note(sent burst) {
	for _, p := range sent.packets {
		if b.newest == nil || before(b.newest.sequence, p.sequence) {
			b.newest = p
		}
	}
}

// mostHeadless is how many key frames may pass by those who wait for one.
const mostHeadless = 3

// headless reports whether packets may be missing in front of a key frame. If they come late they are from before the
// seam of those who begin with it, who would never miss them, and could be the parameter sets.
func (b *branch) headless(key burst) bool {
	if b.newest == nil || b.passed >= mostHeadless {
		return false
	}
	for _, p := range key.packets {
		if p.sequence == b.newest.sequence+1 {
			return false
		}
	}
	b.passed++
	return true
}

// join makes a seam: the output goes on with what begins with key on b.
func (o *output) join(b *branch, key burst) {
	first := key.packets[0]
	for _, p := range key.packets {
		if before(p.sequence, first.sequence) {
			first = p
		}
	}
	next := seam{stream: b.stream, in: first.sequence, out: first.sequence}
	if last := o.place.newest; last != nil {
		now := o.seams()
		end := now.newest()
		next.out = end.out + (last.sequence + 1 - end.in)
		next.ticks = o.ticks(last, end.ticks, b.stream, first)
		o.route.Store(now.with(next, last.sequence+1-end.in))
	} else {
		o.route.Store(&route{seams: []seam{next}})
	}
	o.switches.Add(1)
}

// seams are those of the output, the first of them where it came.
func (o *output) seams() *route {
	if r := o.route.Load(); r != nil {
		return r
	}
	from := o.place.newest.sequence - seamAge
	return &route{seams: []seam{{stream: o.stream, in: from, out: from}}}
}

// with is the route with another seam after count packets of the one before.
func (r *route) with(next seam, count uint16) *route {
	kept := r.seams[max(0, len(r.seams)-maxSeams+1):]
	out := &route{seams: make([]seam, 0, len(kept)+1)}
	out.seams = append(out.seams, kept...)
	out.newest().count = count
	out.seams = append(out.seams, next)
	return out
}

// renew moves the newest seam on, when it is so old that nobody asks for what was before, and its numbers are about to
// be taken for newer ones.
func (o *output) renew(r *route, sequence uint16) *route {
	s := *r.newest()
	if n := sequence - s.in; n < 2*seamAge && n > seamAge {
		s.in, s.out = s.in+seamAge/2, s.out+seamAge/2
		r = &route{seams: []seam{s}}
		o.route.Store(r)
	}
	return r
}

// ticks is what to add to the timestamps of a stream that begins with first, so that it goes on after last, which was
// sent with ticks of its own. Layers' RTP clocks have nothing in common but what sender reports say (RFC 3550 section
// 6.4.1); without them, when their packets arrive.
func (o *output) ticks(last *packet, lastTicks uint32, to *stream, first *packet) uint32 {
	from := o.place.stream
	a, b := from.clocks(), to.clocks()
	rate := float64(to.clockRate)
	// When first was taken, as a timestamp of from.
	at := a.stamp + uint32(int64(b.at.Sub(a.at).Seconds()*rate)) + first.timestamp - b.stamp //nolint:gosec // wraps
	if a.report.ntp != 0 && b.report.ntp != 0 {
		between := float64(int64(b.report.ntp-a.report.ntp)) / (1 << 32) //nolint:gosec // 32.32 fixed point, signed
		told := a.report.rtp + uint32(int64(between*rate)) + first.timestamp - b.report.rtp
		if skew := int32(told - at); max(skew, -skew) < maxSkew*int32(to.clockRate) { //nolint:gosec // wraps
			at = told
		}
	}
	if int32(at-last.timestamp) <= 0 { //nolint:gosec // wraps: both layers have the picture
		at = last.timestamp + 1
	}
	return at + lastTicks - first.timestamp
}

// clocks relate a stream's timestamps to time: the newest with its arrival, and the newest sender report if there is one.
type clocks struct {
	stamp  uint32
	at     time.Time
	report clockPair
}

func (s *stream) clocks() clocks {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := clocks{stamp: s.last.timestamp, at: s.lastTime}
	if s.source != nil {
		c.report = s.source.clock
	}
	return c
}

// try has an output of another layer come to this one, with its next key frame.
func (s *stream) try(o *output) {
	s.order.Lock()
	defer s.order.Unlock()
	for _, br := range s.branches {
		if br.lane == o.lane {
			br.size++
			br.lane.put(job{to: br, try: o})
		}
	}
}

// shrink says that one who counted on the branch counts no more.
func (s *stream) shrink(b *branch) {
	s.order.Lock()
	b.size--
	s.order.Unlock()
}
