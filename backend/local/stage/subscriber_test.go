package stage

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// subscriber keeps what it receives.
type subscriber struct {
	pc       *webrtc.PeerConnection
	location string
	packets  chan *rtp.Packet
	delayID  atomic.Uint32 // the playout delay extension, 0: not negotiated
}

func (s *testStage) subscribe(stageID, participant, token string) *subscriber {
	s.t.Helper()
	return s.subscribeBy(newClient(s.t), stageID, participant, token, func(answer string) string { return answer })
}

// subscribeBy subscribes over a given connection, with a change to the answer.
func (s *testStage) subscribeBy(pc *webrtc.PeerConnection, stageID, participant, token string, change func(string) string) *subscriber {
	s.t.Helper()
	v := &subscriber{pc: pc, packets: make(chan *rtp.Packet, 4096)}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			s.t.Fatal(err)
		}
	}
	v.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		for _, e := range receiver.GetParameters().HeaderExtensions {
			if e.URI == playoutDelayURI {
				v.delayID.Store(uint32(e.ID)) //nolint:gosec // a test
			}
		}
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case v.packets <- p:
			default:
			}
		}
	})
	v.location = s.connectBy(v.pc, s.url+"/"+stageID+"/subscribe/"+participant, token, change)
	return v
}

// next waits for one packet that fits.
func (v *subscriber) next(t *testing.T, what string, fits func(*rtp.Packet) bool) *rtp.Packet {
	t.Helper()
	return v.nextWithin(t, patience, what, fits)
}

func (v *subscriber) nextWithin(t *testing.T, most time.Duration, what string, fits func(*rtp.Packet) bool) *rtp.Packet {
	t.Helper()
	deadline := time.After(most)
	for {
		select {
		case p := <-v.packets:
			if fits(p) {
				return p
			}
		case <-deadline:
			t.Fatalf("never received %s", what)
		}
	}
}

func anyPacket(*rtp.Packet) bool { return true }

// follow checks that nothing is missing between the newest packet that a viewer has received and the next, and returns
// which is the newest then. What the stage itself does without is not missing: a lane of a machine that does not keep up
// drops whole frames up to the next key frame, and counts them. A viewer who asks for them again gets them late.
func (s *testStage) follow(last, next *rtp.Packet) (newest *rtp.Packet, err error) {
	step := int16(next.SequenceNumber - last.SequenceNumber) //nolint:gosec // wraps as RTP does
	if step == 1 {
		return next, nil
	}
	var dropped uint64
	for _, l := range s.server.engine.lanes {
		l.mu.Lock()
		dropped += l.dropped
		l.mu.Unlock()
	}
	switch {
	case dropped > 0 && step < 0:
		return last, nil
	case dropped > 0 && step > 0 && last.Marker && look(next.Payload).keyFrame:
		s.t.Logf("the machine is slow: %d frames were dropped, and packet %d follows %d", dropped, next.SequenceNumber, last.SequenceNumber)
		return next, nil
	}
	return next, fmt.Errorf("packet %d follows %d", next.SequenceNumber, last.SequenceNumber)
}
