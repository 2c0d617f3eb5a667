package stage

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// maxBurst flushes a frame that never seems to end. The largest key frame within a stage's bitrate has
// about 130 packets.
const maxBurst = 256

// burst is a frame, or the part of one that is sent together.
type burst struct {
	packets  []*packet
	keyFrame bool // a decoder can begin here
}

// stream is the audio or the video of one participant, across all the connections it publishes with.
type stream struct {
	kind      webrtc.RTPCodecType
	clockRate uint32
	keyFrames *keyFrameGate // nil for audio
	ring      ring
	counts    streamCounts
	pace      pace

	order    sync.Mutex // guards what follows, and that all lanes are given the same in the same order
	branches []*branch  // one for each lane
	group    group      // of video

	mu       sync.Mutex // guards everything below and the numbering of sources
	source   *source    // whose packets count; nil between two publishers
	frame    burst      // being collected
	begun    bool       // something was delivered: a new source goes on from last
	last     packet     // newest sequence number and timestamp, no payload
	lastTime time.Time  // when last.timestamp appeared

	packets, bytes, frames, keyCount uint64
	keyTime                          time.Time // when the newest key frame began
	keyStamp                         uint32    // its timestamp
}

// source is one publisher connection's track. Its numbers are shifted so that one source continues
// the one before it.
type source struct {
	ask func() // sends a key frame request to this publisher

	started        bool
	first, highest int64 // extended sequence numbers of the publisher
	received       int64 // packets, without duplicates
	sequenceShift  uint16
	timestampShift uint32
	lastReport     time.Time
	clock          clockPair // its newest sender report, in the stream's numbering; the zero value: none yet
}

func newStream(kind webrtc.RTPCodecType, on lanes) *stream {
	s := &stream{kind: kind, clockRate: 48_000}
	for _, l := range on {
		s.branches = append(s.branches, &branch{stream: s, lane: l})
	}
	if kind == webrtc.RTPCodecTypeVideo {
		s.clockRate = 90_000
		s.keyFrames = &keyFrameGate{send: s.requestKeyFrame}
	}
	return s
}

// attach makes src the stream's source; the one before it, if any, is no longer heard.
func (s *stream) attach(src *source) {
	s.mu.Lock()
	s.source = src
	s.frame = burst{}
	s.mu.Unlock()
	s.forget()
	s.wantKeyFrame()
}

// vacate takes the source out, whoever it is.
func (s *stream) vacate() {
	s.mu.Lock()
	src := s.source
	s.mu.Unlock()
	s.detach(src)
}

func (s *stream) detach(src *source) {
	s.mu.Lock()
	last := s.source == src
	if last {
		s.source = nil
		s.frame = burst{}
	}
	s.mu.Unlock()
	if last {
		s.forget()
	}
}

func (s *stream) wantKeyFrame() {
	if s.keyFrames != nil {
		s.keyFrames.ask()
	}
}

func (s *stream) requestKeyFrame() {
	s.mu.Lock()
	src := s.source
	s.mu.Unlock()
	if src != nil {
		src.ask()
	}
}

// accept takes one packet of a publisher and delivers what is complete by it.
func (s *stream) accept(src *source, in *rtp.Packet, keyFrame bool, now time.Time) {
	before, after := s.take(src, in, keyFrame, now)
	s.deliver(before)
	s.deliver(after)
}

// take numbers a packet and puts it into its frame. It returns up to two bursts that are ready: the frame
// before, whose end was lost, and this packet's own.
func (s *stream) take(src *source, in *rtp.Packet, keyFrame bool, now time.Time) (before, after burst) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source != src {
		return burst{}, burst{}
	}
	if !src.started {
		if s.kind == webrtc.RTPCodecTypeVideo && !keyFrame {
			s.wantKeyFrame()
			return burst{}, burst{}
		}
		s.join(src, in, now)
	}
	number := src.highest + int64(int16(in.SequenceNumber-uint16(src.highest))) //nolint:gosec // RFC 3550 A.1
	late := number <= src.highest
	p := &packet{
		sequence:  in.SequenceNumber + src.sequenceShift,
		timestamp: in.Timestamp + src.timestampShift,
		marker:    in.Marker,
		payload:   slices.Clone(in.Payload),
	}
	switch {
	case number < src.first, number <= src.highest-ringSize:
		return burst{}, burst{} // of the stream before, or too old for anyone
	case late && s.ring.get(p.sequence) != nil:
		return burst{}, burst{} // seen
	}
	s.ring.put(p)
	s.count(src, p, keyFrame, now)
	if !late {
		src.highest = number
		s.last.sequence = p.sequence
		if !s.begun || int32(p.timestamp-s.last.timestamp) > 0 { //nolint:gosec // wraps as RTP does
			s.last.timestamp, s.lastTime = p.timestamp, now
		}
		s.begun = true
	}

	pending := len(s.frame.packets) > 0
	same := pending && s.frame.packets[0].timestamp == p.timestamp
	if late && !same {
		return burst{}, burst{packets: []*packet{p}} // repaired after its frame went out
	}
	if pending && !same {
		before, s.frame = s.frame, burst{}
	}
	s.frame.packets = append(s.frame.packets, p)
	s.frame.keyFrame = s.frame.keyFrame || keyFrame
	if p.marker || s.kind == webrtc.RTPCodecTypeAudio || len(s.frame.packets) >= maxBurst {
		after, s.frame = s.frame, burst{}
	}
	return before, after
}

// count keeps the books of a packet that counts. mu is held.
func (s *stream) count(src *source, p *packet, keyFrame bool, now time.Time) {
	src.received++
	s.packets++
	s.bytes += uint64(len(p.payload))
	if p.marker || s.kind == webrtc.RTPCodecTypeAudio {
		s.frames++
	}
	if !keyFrame || s.keyFrames == nil {
		return
	}
	s.keyFrames.served()
	if s.keyCount == 0 || s.keyStamp != p.timestamp { // several packets of a frame may say that it is one
		s.keyCount++
		s.keyTime, s.keyStamp = now, p.timestamp
	}
}

// join lets src continue the numbering where the stream stands: the next sequence number, and a timestamp as
// much later as time has passed.
func (s *stream) join(src *source, in *rtp.Packet, now time.Time) {
	src.started, src.received = true, 0
	// One round up, so that a reordered packet before the first does not become negative.
	src.first = 1<<16 + int64(in.SequenceNumber)
	src.highest = src.first - 1
	if !s.begun {
		return
	}
	ticks := uint32(max(1, now.Sub(s.lastTime).Seconds()*float64(s.clockRate)))
	src.sequenceShift = s.last.sequence + 1 - in.SequenceNumber
	src.timestampShift = s.last.timestamp + ticks - in.Timestamp
}

// deliver gives a burst to every lane with a subscriber of the stream.
func (s *stream) deliver(b burst) {
	if len(b.packets) == 0 {
		return
	}
	s.order.Lock()
	if s.kind == webrtc.RTPCodecTypeVideo {
		s.group.add(b)
	}
	kept := true
	for _, br := range s.branches {
		if br.size > 0 {
			kept = br.lane.put(job{to: br, burst: b}) && kept
		}
	}
	s.order.Unlock()
	if !kept {
		s.wantKeyFrame()
	}
}

// report passes a publisher's sender report on, in the stream's numbering: it is what tells a
// receiver which audio belongs to which picture (RFC 3550 section 6.4.1).
func (s *stream) report(src *source, sr *rtcp.SenderReport, now time.Time) {
	s.mu.Lock()
	pass := s.source == src && src.started && now.Sub(src.lastReport) >= reportInterval
	timestamp := sr.RTPTime + src.timestampShift
	if pass {
		src.lastReport, src.clock = now, clockPair{sr.NTPTime, timestamp}
	}
	s.mu.Unlock()
	if !pass {
		return
	}
	s.order.Lock()
	defer s.order.Unlock()
	for _, br := range s.branches {
		if br.size > 0 {
			br.lane.put(job{to: br, report: &clockPair{sr.NTPTime, timestamp}})
		}
	}
}

// reportInterval keeps reports to a few per mille of the packets even if a publisher reports often.
const reportInterval = time.Second

// add lets an output have the stream: what is kept of it at once, and then what comes.
func (s *stream) add(o *output, on *lane) {
	s.order.Lock()
	start := slices.Clone(s.group.bursts)
	for _, br := range s.branches {
		if br.lane == on {
			br.size++
			br.lane.put(job{to: br, join: o, start: start})
		}
	}
	s.order.Unlock()
	if len(start) == 0 {
		s.wantKeyFrame()
	}
}

func (s *stream) remove(o *output, from *lane) {
	s.order.Lock()
	defer s.order.Unlock()
	for _, br := range s.branches {
		if br.lane == from {
			br.lane.put(job{to: br, leave: o}) // from whichever branch it is on by then
		}
	}
}

// forget drops what is kept: it is of a publisher that is gone.
func (s *stream) forget() {
	s.order.Lock()
	s.group = group{}
	s.order.Unlock()
}

// idle forgets a wish for a key frame that nobody is left to wait for.
func (s *stream) idle() {
	if s.keyFrames != nil {
		s.keyFrames.served()
	}
}
