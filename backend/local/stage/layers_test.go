package stage

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

func TestABrowsersSimulcastIsShownAtItsBest(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	pc := newClient(t)
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	var tracks []*webrtc.TrackLocalStaticRTP
	for _, rid := range []string{"l", "h"} {
		track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		tracks = append(tracks, track)
	}
	transceiver, err := pc.AddTransceiverFromTrack(tracks[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	if err := transceiver.Sender().AddEncoding(tracks[1]); err != nil {
		t.Fatal(err)
	}
	s.connect(pc, s.url+"/st/publish/game", s.invite("st", "game", "publish"))
	s.awaitEvent(PublishStarted, "game", 1)

	stop, only := make(chan struct{}), make(chan struct{}) // only: the large layer is sent no more
	done := make(chan struct{})
	go func() {
		defer close(done)
		sizes := []picture{{sps: makeSPS(66, 320, 180), bytes: 500}, {sps: makeSPS(66, 1280, 720), bytes: 2500}}
		var packetizers []rtp.Packetizer
		for range sizes {
			packetizers = append(packetizers, rtp.NewPacketizer(1100, 0, 0, &codecs.H264Payloader{}, rtp.NewFixedSequencer(uint16(rand.Uint32())), 90_000)) //nolint:gosec // a test
		}
		ids := map[string]uint8{}
		for _, e := range transceiver.Sender().GetParameters().HeaderExtensions {
			ids[e.URI] = uint8(e.ID) //nolint:gosec // a test
		}
		ticker := time.NewTicker(time.Second / 30)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			for i, size := range sizes {
				select {
				case <-only:
					if i == 1 {
						continue
					}
				default:
				}
				frame := accessUnit(slice(0x61, 0x98, size.bytes))
				if n%15 == 0 {
					frame = accessUnit(size.sps, []byte{0x68, 0xce, 0x3c, 0x80}, slice(0x65, 0x88, size.bytes))
				}
				for _, p := range packetizers[i].Packetize(frame, 3000) {
					_ = p.SetExtension(ids["urn:ietf:params:rtp-hdrext:sdes:mid"], []byte(transceiver.Mid()))
					_ = p.SetExtension(ids["urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"], []byte(tracks[i].RID()))
					_ = tracks[i].WriteRTP(p)
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })

	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	width := func(want int) func(*rtp.Packet) bool {
		return func(p *rtp.Packet) bool {
			set, err := parseSPS(look(p.Payload).sps)
			return err == nil && set.width == want
		}
	}
	large := v.next(t, "the large layer", width(1280))
	close(only)
	last := v.next(t, "the small layer, when the large one is sent no more", width(320))
	if last.SSRC != large.SSRC {
		t.Error("the layers came as two streams")
	}
	for range 30 {
		p := v.next(t, "a continuous stream", anyPacket)
		if p.SequenceNumber != last.SequenceNumber+1 {
			t.Fatalf("sequence %d follows %d", p.SequenceNumber, last.SequenceNumber)
		}
		last = p
	}
}
