//go:build linux

package gameliftstreams_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// page is a browser's part, played by pion.
type page struct {
	*webrtc.PeerConnection
	t       *testing.T
	offer   string
	input   *webrtc.DataChannel
	open    chan struct{}
	picture chan struct{} // the first packet of video
	heard   chan string
}

func openPage(t *testing.T) *page {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	connection, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &page{PeerConnection: connection, t: t, open: make(chan struct{}), picture: make(chan struct{}), heard: make(chan string, 8)}
	t.Cleanup(func() { _ = connection.GracefulClose() })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := connection.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	unordered, never := false, uint16(0)
	if p.input, err = connection.CreateDataChannel("inputChannel", &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &never}); err != nil {
		t.Fatal(err)
	}
	messages, err := connection.CreateDataChannel("clientMessageChannel", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.input.OnOpen(func() { close(p.open) })
	messages.OnMessage(func(m webrtc.DataChannelMessage) { p.heard <- string(m.Data) })
	connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for first := track.Kind() == webrtc.RTPCodecTypeVideo; ; first = false {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			if first {
				close(p.picture)
			}
		}
	})
	description, err := connection.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.SetLocalDescription(description); err != nil {
		t.Fatal(err)
	}
	offer, err := json.Marshal(map[string]string{"type": "offer", "sdp": description.SDP})
	if err != nil {
		t.Fatal(err)
	}
	p.offer = string(offer)
	return p
}

func (p *page) accept(response string) {
	p.t.Helper()
	var answer struct{ Type, SDP, WebSdkProtocolURL string }
	if err := json.Unmarshal([]byte(response), &answer); err != nil {
		p.t.Fatal(err)
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) send(text string) {
	p.t.Helper()
	soon(p.t, "the input channel is open", p.open)
	if err := p.input.SendText(text); err != nil {
		p.t.Fatal(err)
	}
}

func soon[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}
