package player

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

const (
	videoClock = 90000 // Hz, RFC 6184 section 8.1
	audioClock = 48000 // Hz, RFC 7587 section 4.1

	// payloadSize keeps packets, with RTP header, extension, SRTP tag, UDP and IP
	// headers, below the 1280 bytes that every IPv6 path carries.
	payloadSize = 1180

	// keyFrameGap is the least time between two key frames made on request: a
	// page that lost much asks many times, and each costs forty times a delta.
	keyFrameGap = 250 * time.Millisecond
)

// Sample is one encoded unit: an H.264 access unit with start codes (key frames
// with their parameter sets), or one Opus packet.
type Sample struct {
	Data        []byte
	RunningTime time.Duration // when it was captured; video and audio on the same clock
	KeyFrame    bool          // video only
}

// Source is where picture and sound come from. Video and Audio wait for the next
// sample and each have one caller; they end with an error when ctx is done or the
// source has failed.
type Source interface {
	Video(ctx context.Context) (Sample, error)
	Audio(ctx context.Context) (Sample, error)
	ForceKeyFrame()
	Close()
}

// stream sends one Source to one connection.
type stream struct {
	video, audio *webrtc.TrackLocalStaticRTP
}

// addStream puts both tracks on the connection. They are in two media streams: the
// page plays them in two elements, and a picture is never held back for sound.
func addStream(connection *webrtc.PeerConnection) (*stream, *webrtc.RTPSender, error) {
	video, err := webrtc.NewTrackLocalStaticRTP(h264, "video", "picture")
	if err != nil {
		return nil, nil, fmt.Errorf("make the video track: %w", err)
	}
	audio, err := webrtc.NewTrackLocalStaticRTP(opus, "audio", "sound")
	if err != nil {
		return nil, nil, fmt.Errorf("make the audio track: %w", err)
	}
	sender, err := connection.AddTrack(video)
	if err != nil {
		return nil, nil, fmt.Errorf("add the video track: %w", err)
	}
	if _, err := connection.AddTrack(audio); err != nil {
		return nil, nil, fmt.Errorf("add the audio track: %w", err)
	}
	return &stream{video: video, audio: audio}, sender, nil
}

// sendVideo sends access units until ctx is done or the source fails. It begins
// with a key frame: before one a decoder can show nothing.
func (s *stream) sendVideo(ctx context.Context, source Source) error {
	var payloader codecs.H264Payloader
	clock := newRTPClock(videoClock)
	begun := false
	source.ForceKeyFrame()
	for {
		sample, err := source.Video(ctx)
		if err != nil {
			return err
		}
		if begun = begun || sample.KeyFrame; !begun {
			continue
		}
		payloads := payloader.Payload(payloadSize, sample.Data)
		for n, payload := range payloads {
			packet := clock.packet(sample.RunningTime, payload)
			packet.Marker = n == len(payloads)-1 // last packet of the picture, RFC 6184 section 5.1
			if err := s.video.WriteRTP(packet); err != nil {
				return err
			}
		}
	}
}

// sendAudio sends Opus packets until ctx is done or the source fails.
func (s *stream) sendAudio(ctx context.Context, source Source) error {
	clock := newRTPClock(audioClock)
	for {
		sample, err := source.Audio(ctx)
		if err != nil {
			return err
		}
		if err := s.audio.WriteRTP(clock.packet(sample.RunningTime, sample.Data)); err != nil {
			return err
		}
	}
}

// rtpClock numbers and stamps the packets of one track, from random starts as RFC
// 3550, section 5.1, wants. Payload type and SSRC are set by the track.
type rtpClock struct {
	rate     time.Duration // Hz
	start    uint32
	sequence uint16
}

func newRTPClock(rate time.Duration) *rtpClock {
	return &rtpClock{rate: rate, start: rand.Uint32(), sequence: uint16(rand.Uint32())}
}

func (c *rtpClock) packet(at time.Duration, payload []byte) *rtp.Packet {
	c.sequence++
	return &rtp.Packet{
		Header: rtp.Header{
			Version:        2,
			SequenceNumber: c.sequence,
			Timestamp:      c.start + uint32(at*c.rate/time.Second),
		},
		Payload: payload,
	}
}

// watchFeedback reads RTCP of the video track until the connection closes, and
// calls keyFrame for each request (PLI, RFC 4585; FIR, RFC 5104), at most one
// every keyFrameGap.
func watchFeedback(sender *webrtc.RTPSender, keyFrame func()) {
	var last time.Time
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				if now := time.Now(); now.Sub(last) >= keyFrameGap {
					last = now
					keyFrame()
				}
			}
		}
	}
}
