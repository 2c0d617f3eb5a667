package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// articlePage is what the page of the article's sample has of a game: a connection made with the
// service's answer, and keys. It is pion and not a browser: it decodes and draws nothing.
type articlePage struct {
	peer  *webrtc.PeerConnection
	input *webrtc.DataChannel
	open  chan struct{}
}

func newArticlePage(t testing.TB) *articlePage {
	t.Helper()
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	peer, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &articlePage{peer: peer, open: make(chan struct{})}
	t.Cleanup(p.close)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := peer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		packet := make([]byte, 1500) // a track that is not read stops the connection's others
		for {
			if _, _, err := track.Read(packet); err != nil {
				return
			}
		}
	})
	unordered, never := false, uint16(0)
	if p.input, err = peer.CreateDataChannel("inputChannel", &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &never}); err != nil {
		t.Fatal(err)
	}
	p.input.OnOpen(func() { close(p.open) })
	if _, err := peer.CreateDataChannel("clientMessageChannel", nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// offer is the SignalRequest of the Web SDK, with all candidates.
func (p *articlePage) offer() (string, error) {
	offer, err := p.peer.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(p.peer)
	if err := p.peer.SetLocalDescription(offer); err != nil {
		return "", err
	}
	<-gathered
	signal, err := json.Marshal(p.peer.LocalDescription())
	return string(signal), err
}

// accept takes the SignalResponse, and returns when keys can be sent.
func (p *articlePage) accept(ctx context.Context, signalResponse string) error {
	var answer webrtc.SessionDescription
	if err := json.Unmarshal([]byte(signalResponse), &answer); err != nil {
		return fmt.Errorf("reading the service's answer: %w", err)
	}
	if err := p.peer.SetRemoteDescription(answer); err != nil {
		return err
	}
	select {
	case <-p.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tap presses and releases a key every 20 ms until stop is closed, as the pages of [browser] do
// (docs/protocol.md, "Playing").
func (p *articlePage) tap(code string, stop <-chan struct{}) {
	for n := 2; ; n += 2 {
		_ = p.input.SendText(fmt.Sprintf(`{"n":%d,"held":[],"buttons":[],"events":[[%d,"kd",%q],[%d,"ku",%q]]}`, n, n-1, code, n, code))
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *articlePage) close() { _ = p.peer.Close() }
