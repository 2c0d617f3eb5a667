package stage

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// picture is what a test publisher shows.
type picture struct {
	sps    []byte
	bFrame bool
	bytes  int  // of a frame
	slow   bool // a third of the frames, for many viewers and the race detector on a small machine
}

var standard = picture{sps: makeSPS(66, 1280, 720), bytes: 3000}

// rate is how many frames there are in a second.
func (p picture) rate() uint32 {
	if p.slow {
		return 10
	}
	return 30
}

// publisher sends frames: a key frame first, and whenever it is asked for one.
type publisher struct {
	pc        *webrtc.PeerConnection
	location  string
	keyFrames atomic.Int64 // asked for
	silent    atomic.Bool  // nothing is sent
	stop      chan struct{}
	done      sync.WaitGroup
}

func (s *testStage) publish(stageID, participant, token string, shown picture) *publisher {
	s.t.Helper()
	return s.publishWith(newClient(s.t), stageID, participant, token, shown)
}

// publishWith publishes over a given connection.
func (s *testStage) publishWith(pc *webrtc.PeerConnection, stageID, participant, token string, shown picture) *publisher {
	s.t.Helper()
	p := &publisher{pc: pc, stop: make(chan struct{})}
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game")
	if err != nil {
		s.t.Fatal(err)
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		s.t.Fatal(err)
	}
	p.location = s.connect(p.pc, s.url+"/"+stageID+"/publish/"+participant, token)

	wanted := make(chan struct{}, 1)
	wanted <- struct{}{}
	p.done.Go(func() {
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					p.keyFrames.Add(1)
					select {
					case wanted <- struct{}{}:
					default:
					}
				}
			}
		}
	})
	p.done.Go(func() { p.send(track, shown, wanted) })
	s.t.Cleanup(p.close)
	return p
}

func (p *publisher) send(track *webrtc.TrackLocalStaticRTP, shown picture, wanted <-chan struct{}) {
	packetizer := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{},
		rtp.NewFixedSequencer(uint16(rand.Uint32())), 90_000) //nolint:gosec // a test
	ticker := time.NewTicker(time.Second / time.Duration(shown.rate()))
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		if p.silent.Load() {
			continue
		}
		var frame []byte
		select {
		case <-wanted:
			frame = accessUnit(shown.sps, []byte{0x68, 0xce, 0x3c, 0x80}, slice(0x65, 0x88, shown.bytes))
		default:
			second := byte(0x98) // a P slice
			if shown.bFrame {
				second = 0x9c
			}
			frame = accessUnit(slice(0x61, second, shown.bytes))
		}
		for _, packet := range packetizer.Packetize(frame, 90_000/shown.rate()) {
			_ = track.WriteRTP(packet)
		}
	}
}

func (p *publisher) close() { hangUp(p.stop, p.pc, &p.done) }

// hangUp stops what sends, once, and waits for it.
func hangUp(stop chan struct{}, pc *webrtc.PeerConnection, sending *sync.WaitGroup) {
	select {
	case <-stop:
		return
	default:
	}
	close(stop)
	_ = pc.GracefulClose()
	sending.Wait()
}
