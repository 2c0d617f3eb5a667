package whip

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/webrtc/v4"
)

const (
	// connectWait bounds ICE and DTLS after the answer.
	connectWait = 8 * time.Second
	// gatherWait bounds the search for local addresses; without STUN it takes milliseconds.
	gatherWait = 3 * time.Second
	// gatherFirst is the same for a stage that takes candidates later.
	gatherFirst = 300 * time.Millisecond
	// maxTrickle candidates wait to be sent; a machine has a handful of addresses.
	maxTrickle = 64
)

// session is one WebRTC connection to the stage.
type session struct {
	pc        *webrtc.PeerConnection
	token     string
	resource  *url.URL
	etag      string // owned by Run
	answer    string // owned by Run
	video     *track
	audio     *track // nil: none
	estimator cc.BandwidthEstimator
	estimates atomic.Bool // the stage sends what the estimator needs

	connected  chan struct{}                // capacity 1: it is connected, again after a restart
	lost       chan error                   // capacity 1: the connection is gone
	candidates chan webrtc.ICECandidateInit // found after the offer was made
	gathered   <-chan struct{}              // all candidates are found
	sawKey     bool                         // owned by the caller of WriteVideo
	wantKey    atomic.Bool                  // a restart lost pictures: go on with a key frame
	offered    map[string]struct{}          // candidates in the offer
	once       sync.Once
	trickling  sync.WaitGroup
	quit       context.CancelFunc // ends trickling
}

// connect makes a session: offer, POST, answer, ICE, DTLS.
func (p *Publisher) connect(ctx context.Context, token string) (_ *session, err error) {
	ctx, cancel := context.WithTimeout(ctx, httpWait+gatherWait+connectWait)
	defer cancel()
	s, err := p.newSession(token)
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
	wait := gatherWait
	if p.trickles {
		wait = gatherFirst
	}
	offer, err := s.offer(ctx, nil, wait)
	if err != nil {
		return nil, err
	}
	got, err := p.post(ctx, token, offer)
	if err != nil {
		return nil, err
	}
	s.resource, s.etag, s.answer = got.resource, got.etag, got.answer
	// STUN and TURN servers come with the answer, when the offer's candidates are gathered. They
	// serve from the next gathering on: a restart of ICE, or the next connection.
	p.iceServers, p.trickles = got.iceServers, saysTrickle(got.answer)
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: got.answer}); err != nil {
		return nil, fmt.Errorf("whip: the answer of the stage: %w", err)
	}
	p.listen(s)
	if p.trickles {
		p.trickle(s)
	}
	if err := s.waitConnected(ctx, connectWait); err != nil {
		return nil, err
	}
	return s, nil
}

// waitConnected waits for media to flow.
func (s *session) waitConnected(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.connected:
		return nil
	case err := <-s.lost:
		return err
	case <-timer.C:
		return fmt.Errorf("whip: no media connection to the stage within %v: is UDP blocked?", limit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Publisher) rtcConfiguration() webrtc.Configuration {
	// MaxBundle: IVS puts its candidates into the first section of the answer only.
	return webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle, ICEServers: p.iceServers}
}

func (p *Publisher) newSession(token string) (*session, error) {
	u, err := url.Parse(p.cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("whip: endpoint: %w", err)
	}
	s := &session{
		token: token, connected: make(chan struct{}, 1), lost: make(chan error, 1),
		candidates: make(chan webrtc.ICECandidateInit, maxTrickle),
	}
	api, err := newAPI(isLoopback(u.Hostname()), p.cfg.MaxKbps, &s.estimator)
	if err != nil {
		return nil, err
	}
	if s.pc, err = api.NewPeerConnection(p.rtcConfiguration()); err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	s.pc.OnConnectionStateChange(s.onState)
	s.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c == nil {
			return
		}
		select {
		case s.candidates <- c.ToJSON():
		default:
		}
	})
	if p.cfg.Audio {
		s.audio, err = newTrack(s.pc, opus)
	}
	if err == nil {
		s.video, err = newTrack(s.pc, h264)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) onState(st webrtc.PeerConnectionState) {
	switch st {
	case webrtc.PeerConnectionStateConnected:
		select {
		case s.connected <- struct{}{}:
		default:
		}
	case webrtc.PeerConnectionStateClosed:
		s.lose(errClosed)
	case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed:
		s.lose(fmt.Errorf("whip: the connection to the stage is %s", st))
	}
}

// errClosed: the stage said goodbye, so that there is nothing to restart.
var errClosed = errors.New("whip: the stage closed the connection")

func (s *session) lose(err error) {
	select {
	case s.lost <- err:
	default:
	}
}

// offer makes and sets an offer, with the candidates that are found within wait: all of them, as
// IVS wants it, unless STUN or TURN servers are slow.
func (s *session) offer(ctx context.Context, options *webrtc.OfferOptions, wait time.Duration) (string, error) {
	offer, err := s.pc.CreateOffer(options)
	if err != nil {
		return "", fmt.Errorf("whip: make an offer: %w", err)
	}
	s.gathered = webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("whip: make an offer: %w", err)
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	select {
	case <-s.gathered:
	case <-limit.C: // what was found so far may do
	case <-ctx.Done():
		return "", ctx.Err()
	}
	local := s.pc.LocalDescription()
	if local == nil {
		return "", errors.New("whip: make an offer: the connection was closed")
	}
	s.offered = map[string]struct{}{}
	if mine, err := readICE(local.SDP); err == nil {
		for _, c := range mine.candidates {
			s.offered[c] = struct{}{}
		}
	}
	return local.SDP, nil
}

func (s *session) close() {
	s.once.Do(func() {
		if s.quit != nil {
			s.quit()
		}
		_ = s.pc.Close()
		s.trickling.Wait()
	})
}
