package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// peer is the WebRTC end of a session.
type peer struct {
	*webrtc.PeerConnection
	up      chan struct{} // closed when connected
	down    chan struct{} // closed when the connection failed, or lost consent, or was closed by the other side
	marked  atomic.Int64  // packets received with the broadcast's mark
	heard   atomic.Int64  // packets received
	last    atomic.Int64  // when, Unix nanoseconds
	work    sync.WaitGroup
	stop    chan struct{}
	stopped sync.Once
}

var errUnsupported = errors.New("no connection came up")

// newPeer makes a connection that offers one video and one audio section in the direction.
func newPeer(direction webrtc.RTPTransceiverDirection, mark []byte) (*peer, error) {
	var settings webrtc.SettingEngine
	silent := logging.NewDefaultLoggerFactory()
	silent.DefaultLogLevel = logging.LogLevelDisabled
	settings.LoggerFactory = silent
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetICETimeouts(2*time.Second, 4*time.Second, 500*time.Millisecond)
	settings.SetSRTPReplayProtectionWindow(1024)
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, fmt.Errorf("preparing codecs: %w", err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media)).NewPeerConnection(
		webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("making a connection: %w", err)
	}
	p := &peer{PeerConnection: pc, up: make(chan struct{}), down: make(chan struct{}), stop: make(chan struct{})}
	var upOnce, downOnce sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			upOnce.Do(func() { close(p.up) })
		case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			downOnce.Do(func() { close(p.down) })
		default:
		}
	})
	if direction == webrtc.RTPTransceiverDirectionSendonly {
		err = p.send(mark)
	} else {
		err = p.receive(mark)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *peer) receive(mark []byte) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := p.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			return fmt.Errorf("offering to receive %s: %w", kind, err)
		}
	}
	p.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			p.heard.Add(1)
			p.last.Store(time.Now().UnixNano())
			if bytes.Contains(packet.Payload, mark) {
				p.marked.Add(1)
			}
		}
	})
	return nil
}

// offer gathers candidates and returns a complete offer.
func (p *peer) offer(ctx context.Context, options *webrtc.OfferOptions) (string, error) {
	offer, err := p.CreateOffer(options)
	if err != nil {
		return "", fmt.Errorf("making an offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("using an offer: %w", err)
	}
	select {
	case <-gathered:
		return p.LocalDescription().SDP, nil
	case <-time.After(connectTime):
		return p.LocalDescription().SDP, nil // with what there is
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// accept takes the answer and waits for the connection.
func (p *peer) accept(ctx context.Context, answer string) error {
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("using the answer: %w", err)
	}
	select {
	case <-p.up:
		return nil
	case <-time.After(connectTime):
		return fmt.Errorf("%w within %v (ICE %s)", errUnsupported, connectTime, p.ICEConnectionState())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitMedia waits for so many more packets of the broadcast.
func (p *peer) awaitMedia(ctx context.Context, more int64, within time.Duration) bool {
	want := p.marked.Load() + more
	return poll(ctx, within, func() bool { return p.marked.Load() >= want })
}

// awaitSilence waits until nothing has been received for quietTime, and returns when the last packet came.
func (p *peer) awaitSilence(ctx context.Context, within time.Duration) (time.Time, bool) {
	quiet := poll(ctx, within+quietTime, func() bool { return time.Since(time.Unix(0, p.last.Load())) >= quietTime })
	return time.Unix(0, p.last.Load()), quiet
}

func poll(ctx context.Context, within time.Duration, done func() bool) bool {
	deadline := time.Now().Add(within)
	for !done() {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// end frees the connection without a word over HTTP.
func (p *peer) end() {
	p.stopped.Do(func() { close(p.stop) })
	if err := p.GracefulClose(); err != nil {
		slog.Debug("closing a connection", "error", err)
	}
	p.work.Wait()
}
