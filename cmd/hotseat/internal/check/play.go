package check

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/pion/webrtc/v4"
)

// Player is a page in the seat: the game's stream in, keys out.
type Player struct {
	peer   *webrtc.PeerConnection
	input  *webrtc.DataChannel
	open   chan struct{}
	signal string
	events [][]any
	number int
	held   []string
}

// NewPlayer makes a page that is ready to take the seat: its offer can be sent.
func NewPlayer(ctx context.Context) (*Player, error) {
	peer, err := rtcAPI().NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("making a peer connection: %w", err)
	}
	p := &Player{peer: peer, open: make(chan struct{}), held: []string{}}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := peer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return nil, fmt.Errorf("asking for %s: %w", kind, err)
		}
	}
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { drain(track) })
	unordered, never := false, uint16(0)
	p.input, err = peer.CreateDataChannel("inputChannel", &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &never})
	if err != nil {
		return nil, fmt.Errorf("making the input channel: %w", err)
	}
	p.input.OnOpen(func() { close(p.open) })
	if _, err := peer.CreateDataChannel("clientMessageChannel", nil); err != nil {
		return nil, fmt.Errorf("making the message channel: %w", err)
	}
	sdp, err := gathered(ctx, peer)
	if err != nil {
		return nil, err
	}
	signal, err := json.Marshal(map[string]string{"type": "offer", "sdp": sdp})
	if err != nil {
		return nil, fmt.Errorf("encoding the offer: %w", err)
	}
	p.signal = string(signal)
	return p, nil
}

// Take brings the player into the seat of an approved request: it sends the offer, waits for the
// answer, and returns when input can be sent.
func (p *Player) Take(ctx context.Context, who *Person, session, request string) error {
	path := "/api/sessions/" + session
	offer := map[string]string{"requestId": request, "signalRequest": p.signal}
	if err := who.Call(ctx, http.MethodPut, path+"/offer", offer, nil); err != nil {
		return err
	}
	return p.Finish(ctx, who, session, request)
}

// Offer sends the offer ahead of the decision.
func (p *Player) Offer(ctx context.Context, who *Person, session, request string) error {
	offer := map[string]string{"requestId": request, "signalRequest": p.signal}
	return who.Call(ctx, http.MethodPut, "/api/sessions/"+session+"/offer", offer, nil)
}

// Finish waits for the answer to an offer that was sent and connects.
func (p *Player) Finish(ctx context.Context, who *Person, session, request string) error {
	var out struct{ SignalResponse string }
	for out.SignalResponse == "" {
		if err := who.Call(ctx, http.MethodGet, "/api/sessions/"+session+"/answer?requestId="+url.QueryEscape(request), nil, &out); err != nil {
			return err
		}
	}
	var answer struct{ SDP string }
	if err := json.Unmarshal([]byte(out.SignalResponse), &answer); err != nil {
		return fmt.Errorf("reading the instance's answer: %w", err)
	}
	if err := p.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		return fmt.Errorf("taking the instance's answer: %w", err)
	}
	select {
	case <-p.open:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connecting to the game: %w", ctx.Err())
	}
}

// Tap presses and releases a key, by KeyboardEvent.code.
func (p *Player) Tap(code string) error {
	for _, kind := range []string{"kd", "ku"} {
		p.number++
		p.events = append(p.events, []any{p.number, kind, code})
	}
	if len(p.events) > 32 { // docs/protocol.md: up to 32 of history
		p.events = p.events[len(p.events)-32:]
	}
	message, err := json.Marshal(map[string]any{"n": p.number, "held": p.held, "buttons": []int{}, "events": p.events})
	if err != nil {
		return fmt.Errorf("encoding input: %w", err)
	}
	if err := p.input.SendText(string(message)); err != nil {
		return fmt.Errorf("sending input: %w", err)
	}
	return nil
}

// Close lets the stream go.
func (p *Player) Close() { _ = p.peer.Close() }
