package stage

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// follower is a viewer that stays, complains, and says what it has seen.
type follower struct {
	*subscriber
	width  atomic.Int64 // of the picture
	frames atomic.Int64 // since the picture has that width
}

// follow runs until ctx ends. heard is told of every frame.
func (f *follower) follow(ctx context.Context, number int, heard chan<- struct{}) {
	for frames := 0; ; {
		select {
		case <-ctx.Done():
			return
		case p := <-f.packets:
			if set, err := parseSPS(look(p.Payload).sps); err == nil && int64(set.width) != f.width.Load() {
				f.frames.Store(0)
				f.width.Store(int64(set.width))
			}
			if !p.Marker {
				continue
			}
			f.frames.Add(1)
			// Some have lost what they have not, and some want a key frame: now the one, now the other.
			if frames++; (frames+number)%10 == 0 {
				_ = f.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
					MediaSSRC: p.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{p.SequenceNumber - 1, p.SequenceNumber}),
				}})
			}
			if (frames+number)%50 == 0 {
				_ = f.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: p.SSRC}})
			}
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	}
}

// passers come, see the picture and leave, put out or without a word, until ctx ends. Who is turned away, because the
// publisher is or the machine is busy, comes again.
func (s *testStage) passers(ctx context.Context, number int, seen *atomic.Int64) {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("passer-%d-%d", number, n)
		token := s.invite("st", name, "subscribe")
		pc, err := newPeer(false)
		if err != nil {
			s.t.Error(err)
			return
		}
		first := make(chan struct{})
		pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			if _, _, err := track.ReadRTP(); err == nil {
				close(first)
			}
		})
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err == nil {
			err = exchange(ctx, pc.PeerConnection, s.url+"/st/subscribe/game", token)
		}
		switch {
		case err == nil:
			select {
			case <-first:
				seen.Add(1)
			case <-ctx.Done():
			case <-time.After(2 * patience):
				s.t.Errorf("%s saw nothing", name)
			}
		case ctx.Err() == nil && !strings.Contains(err.Error(), ": 404 ") && !strings.Contains(err.Error(), ": 503 "):
			s.t.Error(err)
		}
		if n%2 == 0 {
			s.server.DisconnectParticipant("st", name)
		}
		pc.close()
	}
}

// TestEverythingAtOnce is for the race detector: fifty viewers who stay, ten of them over TCP, others who come and go,
// reports of losses, wishes for key frames, whoever looks at the figures, and a publisher that is replaced and comes
// back. All who stay see each of its pictures. It is not run beside other tests, which it would starve.
func TestEverythingAtOnce(t *testing.T) {
	s := newTestStageWith(t, func(c *Config) { c.TCPAddress, c.Lanes = "127.0.0.1:0", 2 })
	token := s.invite("st", "game", "publish")
	show := func(width int) picture { return picture{sps: makeSPS(66, width, 90), bytes: 600, slow: true} }
	p := s.publish("st", "game", token, show(160))
	s.awaitEvent(PublishStarted, "game", 1)

	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	t.Cleanup(work.Wait)
	t.Cleanup(cancel)
	var seen atomic.Int64
	for n := range 3 {
		work.Go(func() { s.passers(ctx, n, &seen) })
	}
	work.Go(func() {
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		for ctx.Err() == nil {
			s.server.Stats()
			s.server.MetricsHandler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
			<-look.C
		}
	})
	heard := make(chan struct{}, 1)
	var all []*follower
	for n := range 50 {
		f := &follower{}
		if token := s.invite("st", fmt.Sprintf("viewer-%d", n), "subscribe"); n%5 == 0 {
			f.subscriber = s.watch(networkClient(t, webrtc.NetworkTypeTCP4), "st", "game", token, asItIs)
		} else {
			f.subscriber = s.subscribe("st", "game", token)
		}
		all = append(all, f)
		work.Go(func() { f.follow(ctx, n, heard) })
	}
	// everybody waits until all have seen fifteen frames of that width.
	everybody := func(width int64) {
		t.Helper()
		deadline := time.After(4 * patience)
		for _, f := range all {
			for f.width.Load() != width || f.frames.Load() < 15 {
				select {
				case <-heard:
				case <-deadline:
					t.Fatalf("a viewer has seen %d frames of width %d, want %d", f.frames.Load(), f.width.Load(), width)
				}
			}
		}
	}
	everybody(160)

	// The same token, used again: the newer use wins.
	replacement := s.publish("st", "game", token, show(320))
	s.awaitEvent(PublishStarted, "game", 2)
	p.close()
	everybody(320)

	// Gone, and back.
	if got := s.request(http.MethodDelete, replacement.location, token, "").StatusCode; got != http.StatusOK {
		t.Fatalf("DELETE answers %d", got)
	}
	replacement.close()
	s.awaitEvent(PublishStopped, "game", 2)
	s.publish("st", "game", token, show(640))
	s.awaitEvent(PublishStarted, "game", 3)
	everybody(640)

	overTCP := 0
	for _, v := range s.server.Stats().Stages[0].Feeds[0].Viewers {
		if v.Transport == "tcp" {
			overTCP++
		}
	}
	if overTCP != 10 || seen.Load() == 0 {
		t.Errorf("%d viewers receive over TCP, and %d passers saw the picture", overTCP, seen.Load())
	}
	cancel()
	work.Wait()
	t.Logf("%d came, saw and went", seen.Load())
}
