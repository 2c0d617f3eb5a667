package stage

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// What one subscriber may have sent again. Ten per cent loss at the bitrate limit needs 100 a second; a
// subscriber that asks for much more is beyond help, and would have the stage do its work twice.
const (
	resendsPerSecond = 250
	resendBurst      = 128
)

// How often one subscriber that has been shown the picture may have a key frame made for everybody. Key frames cost
// all the others bitrate: one with a bad line must not turn the broadcast into key frames.
const (
	wishesPerSecond = 0.25
	wishBurst       = 5
)

// sayInterval keeps the log readable when a subscriber's line is too narrow.
const sayInterval = 10 * time.Second

// output is one stream on its way to one subscriber. To the WebRTC stack it is the track being sent.
type output struct {
	stream   *stream // that it began with
	ladder   *ladder // of a feed's video; nil otherwise
	lane     *lane
	streamID string
	pc       *webrtc.PeerConnection
	viewer   string // the subscribing participant
	resends  *rate.Limiter
	wishes   *rate.Limiter
	counts   deliveryCounts
	line     line

	// Set by Bind, before start.
	writer webrtc.TrackLocalWriter
	header rtp.Header // what all packets to this subscriber have in common
	timed  timedHeader
	stamps atomic.Pointer[stampLog] // nil: none of its packets had a time

	place, trying *branch // where it is, and where it is to come to; of the lane's goroutine
	padder        padder  // of the lane's goroutine

	turns   turns   // of the lane's goroutine alone, as backlog is
	backlog backlog // what it has been promised, and waits for its turn
	queued  bool    // it is among those of the lane that wait

	added   atomic.Bool // to its stream
	waiting atomic.Bool // for a key frame, the first or the next
	begun   atomic.Bool // has been sent one
	cut     atomic.Bool // the session has ended: not a packet more
	packets atomic.Uint32
	octets  atomic.Uint32

	route    atomic.Pointer[route] // nil: never moved, and what is sent has the stream's numbers
	switches atomic.Uint64
	probe    atomic.Int64 // bits a second of padding to send beyond the stream
}

var _ webrtc.TrackLocal = (*output)(nil)

// newOutput makes one of a participant's stream for a viewer.
func newOutput(s *stream, on *lane, participant, viewer string, pc *webrtc.PeerConnection) *output {
	o := &output{
		stream: s, lane: on, streamID: participant, viewer: viewer, pc: pc,
		resends: rate.NewLimiter(resendsPerSecond, resendBurst), wishes: rate.NewLimiter(wishesPerSecond, wishBurst),
	}
	o.waiting.Store(s.kind == webrtc.RTPCodecTypeVideo)
	return o
}

func (o *output) ID() string                { return o.stream.kind.String() }
func (o *output) RID() string               { return "" }
func (o *output) StreamID() string          { return o.streamID }
func (o *output) Kind() webrtc.RTPCodecType { return o.stream.kind }

// Bind is called when the codecs are settled. The connection is not there yet: what is written now is lost
// without an error, so the output becomes part of its stream later, by start.
func (o *output) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, err := o.choose(ctx.CodecParameters())
	if err != nil {
		return codec, err
	}
	o.header = rtp.Header{Version: 2, PayloadType: uint8(codec.PayloadType), SSRC: uint32(ctx.SSRC())}
	for _, extension := range ctx.HeaderExtensions() {
		if extension.URI == sendTimeURI {
			o.timed.id = uint8(extension.ID) //nolint:gosec // 1 to 14, in the one-byte form that the offer has
		}
		if extension.URI != playoutDelayURI {
			continue
		}
		value, err := rtp.PlayoutDelayExtension{MinDelay: 0, MaxDelay: 0}.Marshal()
		if err == nil {
			err = o.header.SetExtension(uint8(extension.ID), value) //nolint:gosec // 1 to 255 by RFC 8285
		}
		if err != nil {
			return codec, fmt.Errorf("playout delay as extension %d: %w", extension.ID, err)
		}
	}
	o.timed.of(o.header)
	o.writer = ctx.WriteStream()
	return codec, nil
}

// start lets the stream flow. The connection is secured.
func (o *output) start() {
	if o.writer != nil && o.added.CompareAndSwap(false, true) { // nil: the subscriber wanted none of this kind
		o.stream.add(o, o.lane)
		if o.ladder != nil {
			o.ladder.enter(o)
		}
	}
}

// choose takes the first profile of videoProfiles that the subscriber can decode; the stage's streams
// are all Baseline, so any will do. Audio is Opus.
func (o *output) choose(offered []webrtc.RTPCodecParameters) (webrtc.RTPCodecParameters, error) {
	for _, profile := range videoProfiles {
		for _, codec := range offered {
			switch {
			case o.stream.kind == webrtc.RTPCodecTypeAudio && strings.EqualFold(codec.MimeType, webrtc.MimeTypeOpus):
				return codec, nil
			case strings.EqualFold(codec.MimeType, webrtc.MimeTypeH264) &&
				strings.Contains(strings.ToLower(codec.SDPFmtpLine), "profile-level-id="+profile[:4]):
				return codec, nil
			}
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind takes the output out of its stream.
func (o *output) Unbind(webrtc.TrackLocalContext) error {
	if o.added.CompareAndSwap(true, false) {
		if o.ladder != nil {
			o.ladder.leave(o)
		}
		o.stream.remove(o, o.lane)
	}
	return nil
}

// send writes a burst, or reports false when the subscriber still waits for a key frame. What is more than may leave in
// one turn waits for the next, and so does what follows it. Over UDP nothing waits for a receiver. Over TCP a queue of
// tcpQueue bytes does: when it is full, what follows is dropped up to the next key frame, since a decoder can do nothing
// with the rest. A connection that restarts ICE has no way at all for a moment, and is treated alike.
func (o *output) send(b burst, now time.Time) bool {
	if o.cut.Load() {
		return true
	}
	var by shift
	r := o.route.Load()
	if r != nil {
		r = o.renew(r, b.packets[0].sequence)
		var ok bool
		if by, ok = r.shift(b); !ok {
			return true
		}
	}
	waiting := o.waiting.Load()
	if waiting && !b.keyFrame {
		return false
	}
	if waiting && o.begun.Load() {
		o.dropped()
	}
	n := 0
	if o.backlog.empty() {
		n = o.turns.take(len(b.packets), now)
	}
	rest := b.packets[n:]
	if n > 0 && !o.writeAll(b.packets[:n], by, len(rest) > 0) {
		return false
	}
	if len(rest) > 0 {
		if !o.backlog.add(promise{rest, by}) {
			return o.fail()
		}
		o.lane.await(o)
	}
	if waiting {
		o.begun.Store(true)
		o.waiting.Store(false)
	}
	if len(rest) == 0 && o.many() {
		o.pad(b)
	}
	return true
}

// many reports whether the output is of a publisher with several layers.
func (o *output) many() bool { return o.ladder != nil && o.ladder.many.Load() }

// resume sends what waits and may leave now. It reports false when the subscriber now waits for a key frame.
func (o *output) resume(now time.Time) bool {
	if o.cut.Load() {
		o.backlog.clear()
	}
	for !o.backlog.empty() {
		n := o.turns.take(turnPackets, now)
		if n == 0 {
			return true
		}
		packets, by, rest := o.backlog.pop(n)
		o.turns.left += n - len(packets)
		if !o.writeAll(packets, by, rest) {
			return false
		}
	}
	return true
}

// writeAll writes a frame, or a part of one: then more says that the rest follows.
func (o *output) writeAll(packets []*packet, by shift, more bool) bool {
	header := o.header // the extension inside is shared and only read
	many := o.many()
	if many {
		header = o.timed.now(time.Now())
	}
	for _, p := range packets {
		if many {
			o.stamp(p.sequence + by.sequence)
		}
		if !o.write(&header, p, by) {
			return o.fail()
		}
	}
	if !more {
		o.counts.frames.Add(1)
	}
	return true
}

// fail notes that a packet could not be written. Sound goes on with the next; of a picture nothing is of use before the
// next key frame, and fail reports false.
func (o *output) fail() bool {
	if o.stream.kind != webrtc.RTPCodecTypeVideo {
		return true
	}
	o.backlog.clear()
	o.waiting.Store(true)
	o.line.overflowed(time.Now())
	return false
}

// dropped says that the subscriber was left waiting until this key frame. It is said no sooner, because one that just
// leaves takes no more either, and is gone by then.
func (o *output) dropped() {
	o.counts.drops.Add(1)
	o.current().counts.drops.Add(1)
	now := time.Now()
	o.counts.mu.Lock()
	say := now.Sub(o.counts.said) >= sayInterval
	if say {
		o.counts.said = now
	}
	o.counts.mu.Unlock()
	if say {
		o.lane.log.Warn("a viewer was dropped to the next key frame: its connection did not take more",
			"viewer", o.viewer, "from", o.streamID, "times", o.counts.drops.Load())
	}
}

// wish asks for a key frame on behalf of the subscriber. One that has never been shown the picture may always wish;
// the gate then merges all wishes. What somebody has wished for already costs nothing.
func (o *output) wish() {
	s := o.current()
	if s.keyFrames == nil || s.keyFrames.wanted() {
		return
	}
	if !o.begun.Load() || o.wishes.Allow() {
		s.wantKeyFrame()
	}
}

func (o *output) write(header *rtp.Header, p *packet, by shift) (sent bool) {
	if o.cut.Load() {
		return false
	}
	header.SequenceNumber = p.sequence + by.sequence
	header.Timestamp = p.timestamp + by.timestamp
	header.Marker = p.marker
	n, err := o.writer.WriteRTP(header, p.payload)
	if err != nil || n == 0 { // 0: the connection is not secured yet, or its way is full
		return false
	}
	o.packets.Add(1)
	if !p.padding { // which does not count (RFC 3550 section 6.4.1)
		o.octets.Add(uint32(len(p.payload))) //nolint:gosec // a packet
	}
	o.counts.bytes.Add(uint64(len(p.payload)))
	return true
}

// receiveMTU is above what fits an Ethernet frame; nobody sends larger packets.
const receiveMTU = 1600
