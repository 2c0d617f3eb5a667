package stage

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// What one subscriber may have sent again. Ten per cent loss at the bitrate limit needs 100 a second; a
// subscriber that asks for much more is beyond help, and would have the stage do its work twice.
const (
	resendsPerSecond = 500
	resendBurst      = 256
)

// output is one stream on its way to one subscriber. To the WebRTC stack it is the track being sent.
type output struct {
	stream   *stream
	lane     *lane
	streamID string
	pc       *webrtc.PeerConnection
	resends  *rate.Limiter

	// Set by Bind, before start.
	writer webrtc.TrackLocalWriter
	header rtp.Header // what all packets to this subscriber have in common

	added   atomic.Bool // to its stream
	waiting atomic.Bool // for a first key frame
	packets atomic.Uint32
	octets  atomic.Uint32
}

var _ webrtc.TrackLocal = (*output)(nil)

func newOutput(s *stream, on *lane, participant string, pc *webrtc.PeerConnection) *output {
	o := &output{stream: s, lane: on, streamID: participant, pc: pc, resends: rate.NewLimiter(resendsPerSecond, resendBurst)}
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
	o.writer = ctx.WriteStream()
	return codec, nil
}

// start lets the stream flow. The connection is secured.
func (o *output) start() {
	if o.writer != nil && o.added.CompareAndSwap(false, true) { // nil: the subscriber wanted none of this kind
		o.stream.add(o, o.lane)
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
		o.stream.remove(o, o.lane)
	}
	return nil
}

// send writes a burst, or reports false when the subscriber still waits for a key frame. Errors are those of a
// connection that is being closed: the packets are lost, as on any network.
func (o *output) send(b burst) bool {
	waiting := o.waiting.Load()
	if waiting && !b.keyFrame {
		return false
	}
	header := o.header // the extension inside is shared and only read
	for i, p := range b.packets {
		if sent := o.write(&header, p); i == 0 && waiting {
			if !sent {
				return false
			}
			o.waiting.Store(false)
		}
	}
	return true
}

func (o *output) write(header *rtp.Header, p *packet) (sent bool) {
	header.SequenceNumber = p.sequence
	header.Timestamp = p.timestamp
	header.Marker = p.marker
	n, err := o.writer.WriteRTP(header, p.payload)
	if err != nil || n == 0 { // 0: the connection is not secured yet
		return false
	}
	o.packets.Add(1)
	o.octets.Add(uint32(len(p.payload))) //nolint:gosec // a packet
	return true
}

// resend answers a NACK (RFC 4585 section 6.2.1) from the ring, within what one subscriber may ask for.
func (o *output) resend(nack *rtcp.TransportLayerNack) {
	header := o.header
	for _, pair := range nack.Nacks {
		pair.Range(func(sequence uint16) bool {
			p := o.stream.ring.get(sequence)
			if p == nil {
				return true
			}
			if !o.resends.Allow() {
				return false
			}
			o.write(&header, p)
			return true
		})
	}
}

func (o *output) report(ntp uint64, timestamp uint32) {
	if o.waiting.Load() {
		return
	}
	_ = o.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{ // a report that is lost is followed by the next
		SSRC: o.header.SSRC, NTPTime: ntp, RTPTime: timestamp,
		PacketCount: o.packets.Load(), OctetCount: o.octets.Load(),
	}})
}

// listen serves what a subscriber reports about this output, until its connection ends.
func (o *output) listen(sender *webrtc.RTPSender) {
	buffer := make([]byte, receiveMTU)
	for {
		n, _, err := sender.Read(buffer)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				o.stream.wantKeyFrame()
			case *rtcp.TransportLayerNack:
				o.resend(p)
			}
		}
	}
}

// receiveMTU is above what fits an Ethernet frame; nobody sends larger packets.
const receiveMTU = 1600
