package whip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/webrtc/v4"
)

const (
	// connectWait bounds ICE and DTLS after the answer.
	connectWait = 8 * time.Second
	// gatherWait bounds the search for local addresses; without STUN it takes milliseconds.
	gatherWait = 3 * time.Second
	// A stage that is silent for iceDisconnected is given up. It sends a receiver report each
	// second and answers a check each half second, so this is three checks in a row. pion's
	// own 5 s would break the promise to be on the air again within 3 s.
	iceDisconnected, iceFailed, iceKeepAlive = 1500 * time.Millisecond, 3 * time.Second, 500 * time.Millisecond
)

// session is one WebRTC connection to the stage.
type session struct {
	pc       *webrtc.PeerConnection
	resource *url.URL
	video    *track
	audio    *track     // nil: none
	lost     chan error // capacity 1: why the connection ended
	sawKey   bool       // owned by the caller of WriteVideo
	once     sync.Once
}

// connect makes a session: offer, POST, answer, ICE, DTLS.
func (p *Publisher) connect(ctx context.Context) (_ *session, err error) {
	ctx, cancel := context.WithTimeout(ctx, httpWait+gatherWait+connectWait)
	defer cancel()
	s, err := p.newSession()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			if s.resource != nil {
				p.dismiss(s, false)
			}
			s.close()
		}
	}()

	connected := make(chan struct{})
	var once sync.Once
	s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		switch st {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(connected) })
		case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			select {
			case s.lost <- fmt.Errorf("whip: the connection to the stage is %s", st):
			default:
			}
		}
	})

	offer, err := s.offer(ctx)
	if err != nil {
		return nil, err
	}
	answer, resource, err := p.post(ctx, offer)
	if err != nil {
		return nil, err
	}
	s.resource = resource
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return nil, fmt.Errorf("whip: the answer of the stage: %w", err)
	}
	p.listen(s)

	limit := time.NewTimer(connectWait)
	defer limit.Stop()
	select {
	case <-connected:
		return s, nil
	case err := <-s.lost:
		return nil, err
	case <-limit.C:
		return nil, fmt.Errorf("whip: no media connection to the stage within %v: is UDP blocked?", connectWait)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Publisher) newSession() (*session, error) {
	u, err := url.Parse(p.cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("whip: endpoint: %w", err)
	}
	api, err := newAPI(isLoopback(u.Hostname()))
	if err != nil {
		return nil, err
	}
	// MaxBundle: IVS puts its candidates into the first section of the answer only.
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	s := &session{pc: pc, lost: make(chan error, 1)}
	if p.cfg.Audio {
		s.audio, err = newTrack(pc, opus)
	}
	if err == nil {
		s.video, err = newTrack(pc, h264)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// newAPI gathers pion's settings. local: the stage is on this machine, so only its own
// addresses are offered.
func newAPI(local bool) (*webrtc.API, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range []codec{opus, h264} {
		if err := m.RegisterCodec(c.params, c.kind); err != nil {
			return nil, fmt.Errorf("whip: %w", err)
		}
	}
	// Sender reports, for the round trip time, and the answer to NACK. A publisher needs none
	// of the others.
	i := &interceptor.Registry{}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	i.Add(reports)
	resend, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	i.Add(resend)
	se := webrtc.SettingEngine{}
	se.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if local {
		se.SetIncludeLoopbackCandidate(true)
		se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(i), webrtc.WithSettingEngine(se)), nil
}

// offer has all candidates in it: IVS takes no trickled ones.
func (s *session) offer(ctx context.Context) (string, error) {
	offer, err := s.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("whip: make an offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("whip: make an offer: %w", err)
	}
	select {
	case <-gathered:
	case <-time.After(gatherWait): // what was found so far may do
	case <-ctx.Done():
		return "", ctx.Err()
	}
	local := s.pc.LocalDescription()
	if local == nil {
		return "", errors.New("whip: make an offer: the connection was closed")
	}
	return local.SDP, nil
}

func (s *session) close() { s.once.Do(func() { _ = s.pc.Close() }) }
