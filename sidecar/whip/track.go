package whip

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// codec is one of the two formats that IVS Real-Time takes.
type codec struct {
	kind      webrtc.RTPCodecType
	params    webrtc.RTPCodecParameters
	payloader func() rtp.Payloader
}

var (
	// h264 is constrained baseline, level 3.1 (42e01f), which is 720p at 30; encoders and
	// decoders are asymmetric enough to take 60. packetization-mode=1 allows fragments
	// (RFC 6184 section 6.3).
	h264 = codec{
		kind: webrtc.RTPCodecTypeVideo,
		params: webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
				SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
				RTCPFeedback: []webrtc.RTCPFeedback{
					{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
					{Type: webrtc.TypeRTCPFBNACK},
					{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
					{Type: webrtc.TypeRTCPFBGoogREMB},
					{Type: webrtc.TypeRTCPFBTransportCC},
				},
			},
			PayloadType: 108,
		},
		payloader: func() rtp.Payloader { return &codecs.H264Payloader{} },
	}
	opus = codec{
		kind: webrtc.RTPCodecTypeAudio,
		params: webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, // always 48000/2 (RFC 7587 section 7)
				SDPFmtpLine:  "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}},
			},
			PayloadType: 111,
		},
		payloader: func() rtp.Payloader { return &codecs.OpusPayloader{} },
	}
)

// mtu leaves room for SRTP, UDP, IP and a tunnel below the usual 1500 bytes.
const mtu = 1200

// track turns samples into RTP. Time stamps come from the running time of the sample, so that
// a skipped picture leaves a gap instead of a drift.
type track struct {
	sender     *webrtc.RTPSender
	local      *webrtc.TrackLocalStaticRTP
	packetizer rtp.Packetizer
	clockRate  uint32
	packets    atomic.Uint32
	octets     atomic.Uint32 // of payload
	first      uint32        // RTP time stamp of running time 0, random (RFC 3550 section 5.1)
}

func newTrack(pc *webrtc.PeerConnection, c codec) (*track, error) {
	local, err := webrtc.NewTrackLocalStaticRTP(c.params.RTPCodecCapability, c.kind.String(), "hotseat")
	if err != nil {
		return nil, fmt.Errorf("whip: %s track: %w", c.kind, err)
	}
	tr, err := pc.AddTransceiverFromTrack(local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, fmt.Errorf("whip: %s track: %w", c.kind, err)
	}
	return &track{
		sender:     tr.Sender(),
		local:      local,
		packetizer: rtp.NewPacketizer(mtu, 0, 0, c.payloader(), rtp.NewRandomSequencer(), c.params.ClockRate),
		clockRate:  c.params.ClockRate,
		first:      rand.Uint32(),
	}, nil
}

// ssrc is the stream's number in reports about it, 0 when there is none.
func (t *track) ssrc() uint32 {
	for _, e := range t.sender.GetParameters().Encodings {
		return uint32(e.SSRC)
	}
	return 0
}

// write sends a sample and says how many packets it took.
func (t *track) write(data []byte, at time.Duration) (sent int) {
	stamp := t.first + rtpTime(at, t.clockRate)
	for _, p := range t.packetizer.Packetize(data, 0) {
		p.Timestamp = stamp
		if err := t.local.WriteRTP(p); err != nil {
			return sent // the connection is going; its state change tells
		}
		sent++
		t.packets.Add(1)
		t.octets.Add(uint32(len(p.Payload)))
	}
	return sent
}

// rtpTime converts a running time without the overflow that a plain product has after days.
func rtpTime(at time.Duration, clockRate uint32) uint32 {
	seconds, rest := at/time.Second, at%time.Second
	return uint32(uint64(seconds)*uint64(clockRate) + uint64(rest)*uint64(clockRate)/uint64(time.Second))
}
