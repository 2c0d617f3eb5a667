package stage

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// sendTimeURI names the header extension that says when a packet left. A browser that is told estimates by it what its
// line takes, and sends that back (REMB).
// https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/abs-send-time
const sendTimeURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

// timedHeader is an output's header with the time of sending in it. It has one user, the lane's goroutine.
type timedHeader struct {
	id     uint8 // of the extension; 0: the subscriber knows none
	header rtp.Header
	stamp  [3]byte // that the header's extension shows
}

// of makes it of the header that it is to be otherwise.
func (t *timedHeader) of(header rtp.Header) {
	t.header = header
	if t.id == 0 {
		return
	}
	t.header = header.Clone()
	if err := t.header.SetExtension(t.id, t.stamp[:]); err != nil {
		t.id, t.header = 0, header // not of the one-byte form: without it, then
	}
}

// now is the header of packets that leave now.
func (t *timedHeader) now(at time.Time) rtp.Header {
	if t.id != 0 {
		stampTime(t.stamp[:], at)
	}
	return t.header
}

// stampLog is what send times packets left with. A packet that is sent again must be the same to the bit: SRTP's nonce
// is made of SSRC and sequence number, and the header is authenticated, so that two versions of one packet would give
// AES-GCM's authentication key away (NIST SP 800-38D section 8). The lane's goroutine writes, others read.
type stampLog struct {
	first uint16 // the first that had a stamp
	slots [ringSize]atomic.Uint64
	count atomic.Uint32 // stamped so far
}

const stamped = 1 << 24 // a slot is sequence<<32, this, and 24 bits of time

// put notes what a packet leaves with.
func (l *stampLog) put(sequence uint16, stamp [3]byte) {
	l.slots[sequence%ringSize].Store(uint64(sequence)<<32 | stamped | uint64(stamp[0])<<16 | uint64(stamp[1])<<8 | uint64(stamp[2]))
	l.count.Add(1)
}

// header sets the header to that with which the packet left. It returns false when that is not known any more: then it
// cannot be sent again.
func (l *stampLog) header(t *timedHeader, plain rtp.Header, sequence uint16) (rtp.Header, bool) {
	if l == nil {
		return plain, true // none has left with a stamp
	}
	if slot := l.slots[sequence%ringSize].Load(); slot>>32 == uint64(sequence) && slot&stamped != 0 {
		t.stamp = [3]byte{byte(slot >> 16), byte(slot >> 8), byte(slot)}
		return t.header, true
	}
	// Those before the first had none, while it is not so long ago that numbers have come round.
	return plain, before(sequence, l.first) && l.count.Load() < 1<<14
}

// stampTime writes seconds in 6.18 bits.
func stampTime(to []byte, at time.Time) {
	fixed := uint32(at.UnixNano() % int64(64*time.Second) << 18 / int64(time.Second)) //nolint:gosec // 24 bits
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], fixed)
	copy(to, b[1:])
}

// Padding shows whether a line takes more than what is sent on it: packets that hold nothing but padding (RFC 3550
// section 5.1), with sequence numbers of the output, behind a picture. A receiver drops them and counts them. One that
// is lost is reported missing like any other, and sent again, since a decoder may wait for its number.
const (
	// paddingSize is the most that one packet can have.
	paddingSize = 255
	// maxPadding bounds what follows one picture.
	maxPadding = 64
)

// padding is the payload of all those packets: its last byte says how much of it there is.
var padding = func() []byte {
	p := make([]byte, paddingSize)
	p[paddingSize-1] = paddingSize
	return p
}()

// padder knows how much padding is due. The lane's goroutine uses it.
type padder struct {
	since time.Time
	due   float64 // bytes
}

// take returns how many packets of padding are due at so many bits a second.
func (p *padder) take(bits int64, now time.Time) int {
	if bits <= 0 {
		*p = padder{}
		return 0
	}
	if !p.since.IsZero() {
		p.due += now.Sub(p.since).Seconds() * float64(bits) / 8
	}
	p.since = now
	n := int(p.due / paddingSize)
	p.due -= float64(n * paddingSize)
	return min(n, maxPadding)
}

// pad sends the padding that is due behind a picture that was sent. The lane's goroutine uses it.
func (o *output) pad(after burst) {
	now := time.Now()
	n := o.padder.take(o.probe.Load(), now)
	last := after.packets[len(after.packets)-1]
	if n == 0 || !last.marker || o.place == nil {
		return
	}
	if newest := o.place.newest; newest != nil && before(last.sequence, newest.sequence) {
		return // repaired after newer ones were sent
	}
	may := o.turns.take(n, now)
	o.padder.due += float64((n - may) * paddingSize)
	n = may
	r := o.route.Load()
	if r == nil {
		from := last.sequence - seamAge
		r = &route{seams: []seam{{stream: o.stream, in: from, out: from}}}
	}
	s := r.newest()
	count := last.sequence + 1 - s.in
	next := seam{stream: s.stream, in: s.in + count, out: s.out + count, ticks: s.ticks}
	header := o.timed.now(now)
	header.Padding, header.Marker, header.Timestamp = true, false, last.timestamp+s.ticks
	for range n {
		header.SequenceNumber = next.out
		o.stamp(next.out)
		if sent, err := o.writer.WriteRTP(&header, padding); err != nil || sent == 0 {
			break
		}
		o.packets.Add(1) // and no octets: they do not count padding (RFC 3550 section 6.4.1)
		next.out++
	}
	o.route.Store(r.with(next, count))
}

// stamp notes that a packet leaves with the time that the timed header shows.
func (o *output) stamp(sequence uint16) {
	if o.timed.id == 0 {
		return
	}
	l := o.stamps.Load()
	if l == nil {
		l = &stampLog{first: sequence}
		o.stamps.Store(l)
	}
	l.put(sequence, o.timed.stamp)
}

// sent returns what an output sent by a sequence number, and its shift; nil if that is gone, or never was.
func (o *output) sent(r *route, sequence uint16) (*packet, shift) {
	if r == nil {
		return o.stream.ring.get(sequence), shift{}
	}
	p, by, filler := r.find(sequence)
	if filler {
		return &packet{sequence: sequence, timestamp: p.timestamp + by.timestamp, padding: true, payload: padding}, shift{}
	}
	return p, by
}
