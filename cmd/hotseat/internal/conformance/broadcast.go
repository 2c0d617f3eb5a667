package conformance

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// The broadcast: Constrained Baseline, 1280x720 by its parameter set, with noise for slices: no server looks
// inside, and every frame carries the mark in an SEI message. Sound is Opus's packet for silence.
var (
	pictureParameters  = []byte{0x68, 0xce, 0x3c, 0x80}
	sequenceParameters = []byte{
		0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03,
		0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80,
	}
	silence = []byte{0xf8, 0xff, 0xfe}
)

const (
	frameTime = time.Second / 30
	soundTime = 20 * time.Millisecond
	keyEvery  = 30 // frames
	sliceSize = 2000
)

// send adds both tracks and sends until the peer ends. Key frames come each second, and when asked for.
func (p *peer) send(mark []byte) error {
	video, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "conformance")
	if err != nil {
		return fmt.Errorf("making the video track: %w", err)
	}
	audio, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2,
	}, "audio", "conformance")
	if err != nil {
		return fmt.Errorf("making the audio track: %w", err)
	}
	wanted := make(chan struct{}, 1)
	for _, track := range []webrtc.TrackLocal{video, audio} {
		transceiver, err := p.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("offering to send: %w", err)
		}
		p.work.Go(func() { heed(transceiver.Sender(), wanted) })
	}
	p.work.Go(func() { p.broadcast(video, audio, mark, wanted) })
	return nil
}

// heed waits for key frame requests.
func heed(sender *webrtc.RTPSender, wanted chan<- struct{}) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				select {
				case wanted <- struct{}{}:
				default:
				}
			}
		}
	}
}

func (p *peer) broadcast(video, audio *webrtc.TrackLocalStaticSample, mark []byte, wanted <-chan struct{}) {
	frames, sounds := time.NewTicker(frameTime), time.NewTicker(soundTime)
	defer frames.Stop()
	defer sounds.Stop()
	for n := 0; ; {
		select {
		case <-p.stop:
			return
		case <-sounds.C:
			_ = audio.WriteSample(media.Sample{Data: silence, Duration: soundTime}) // not connected yet: nobody hears it
			continue
		case <-frames.C:
		}
		key := n%keyEvery == 0
		select {
		case <-wanted:
			key = true
		default:
		}
		_ = video.WriteSample(media.Sample{Data: frame(key, mark), Duration: frameTime})
		n++
	}
}

// frame is an access unit (H.264 annex B).
func frame(key bool, mark []byte) []byte {
	// user_data_unregistered: type 5, a UUID of 16 bytes, which is the mark, and the end of the unit.
	units := [][]byte{append(append([]byte{0x06, 0x05, byte(len(mark))}, mark...), 0x80)}
	noise := make([]byte, sliceSize)
	_, _ = rand.Read(noise) // never fails
	for i, b := range noise {
		noise[i] = b | 1 // no start code can be in it
	}
	if key {
		noise[0], noise[1] = 0x65, 0x88 // IDR, I slice
		units = append(units, sequenceParameters, pictureParameters)
	} else {
		noise[0], noise[1] = 0x61, 0x98 // P slice
	}
	var out bytes.Buffer
	for _, unit := range append(units, noise) {
		out.Write([]byte{0, 0, 0, 1})
		out.Write(unit)
	}
	return out.Bytes()
}
