package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// States of a Publisher, as the heartbeat shows them.
const (
	StateConnecting = "connecting" // never on the air yet
	StateLive       = "live"
	StateFailing    = "failing" // lost, or refused; trying again
)

// Config says where to publish.
type Config struct {
	Endpoint string // WHIP address; https, or http on this machine
	Token    string // sent as Authorization: Bearer
	Audio    bool   // offer an Opus track

	// KeyFrame asks the encoder for a key frame. It must not block. May be nil.
	KeyFrame func()

	Log *slog.Logger
}

// Stats is a snapshot of a Publisher.
type Stats struct {
	State       string
	Error       string  // why it is not live, "" when it is
	RTT         float64 // ms to the stage, 0 until its first receiver report
	LossPercent float64 // of the last receiver report
	Restarts    int     // times it was on the air again
	KeyRequests uint64  // PLI and FIR heard
	Packets     uint64  // RTP packets sent
}

// Publisher keeps one stream on the air. WriteVideo and WriteAudio may be called at any time,
// each from one goroutine.
type Publisher struct {
	cfg      Config
	log      *slog.Logger
	http     *http.Client
	keyFrame *throttle

	cur     atomic.Pointer[session] // nil: not on the air
	packets atomic.Uint64

	mu      sync.Mutex // protects stats
	stats   Stats
	running atomic.Bool
}

// New checks the configuration.
func New(cfg Config) (*Publisher, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("whip: endpoint %q is not an http or https address", cfg.Endpoint)
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, fmt.Errorf("whip: endpoint %q would send the token in clear text: use https", cfg.Endpoint)
	}
	if cfg.Token == "" {
		return nil, errors.New("whip: no token")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.KeyFrame == nil {
		cfg.KeyFrame = func() {}
	}
	return &Publisher{
		cfg:      cfg,
		log:      cfg.Log,
		http:     newHTTPClient(),
		keyFrame: &throttle{every: keyFrameEvery, do: cfg.KeyFrame},
		stats:    Stats{State: StateConnecting},
	}, nil
}

const (
	// retryFirst and retryMost bound the back-off. With the second a stage that comes back is
	// joined within 2 s of its return, which keeps the promise of 3 s.
	retryFirst, retryMost = 200 * time.Millisecond, 2 * time.Second
	// deleteWait is how long stopping may take: a service manager that sent SIGTERM gives
	// 2 s in all.
	deleteWait = 1500 * time.Millisecond
	// goodbyeWait is how long an old connection is dismissed before the next is made.
	goodbyeWait = 500 * time.Millisecond
)

// Run publishes until ctx is done, which is no error, or until the stage refuses for good: a
// *StatusError such as 401 for a token that is expired. It ends every connection with DELETE.
func (p *Publisher) Run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return errors.New("whip: Run is running already")
	}
	defer p.running.Store(false)
	defer p.http.CloseIdleConnections()
	defer p.keyFrame.stop()

	wait, wasLive := retryFirst, false
	for {
		s, err := p.connect(ctx)
		if err == nil {
			p.onAir(s, wasLive)
			wait, wasLive = retryFirst, true
			select {
			case <-ctx.Done():
			case err = <-s.lost:
			}
			p.cur.Store(nil)
			p.dismiss(s, ctx.Err() != nil)
		}
		if ctx.Err() != nil {
			return nil
		}
		p.note(func(st *Stats) { st.State, st.Error, st.RTT, st.LossPercent = StateFailing, err.Error(), 0, 0 })
		var refused *StatusError
		if errors.As(err, &refused) {
			if refused.permanent(wasLive) {
				return err
			}
			wait = max(wait, min(refused.RetryAfter, 10*time.Second))
		}
		p.log.Warn("not on the air, trying again", "in", wait, "reason", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}

func (p *Publisher) onAir(s *session, again bool) {
	p.note(func(st *Stats) {
		st.State, st.Error = StateLive, ""
		if again {
			st.Restarts++
		}
	})
	p.log.Info("on the air", "resource", s.resource.Redacted(), "again", again)
	p.cur.Store(s)
	p.keyFrame.ask()
}

// dismiss ends a session: DELETE tells the stage, which would else find out by a time-out.
func (p *Publisher) dismiss(s *session, forGood bool) {
	limit := goodbyeWait
	if forGood {
		limit = deleteWait
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.delete(ctx, s.resource); err != nil && forGood {
		p.log.Warn("the stage was not told that the broadcast ended; it will notice by itself", "reason", err)
	}
	s.close()
}

// WriteVideo sends an H.264 access unit (Annex B) whose picture was taken at the running time.
func (p *Publisher) WriteVideo(unit []byte, at time.Duration, key bool) {
	s := p.cur.Load()
	if s == nil {
		return
	}
	if !s.sawKey {
		if !key {
			p.keyFrame.ask()
			return
		}
		s.sawKey = true
	}
	p.packets.Add(uint64(s.video.write(unit, at)))
}

// WriteAudio sends an Opus packet.
func (p *Publisher) WriteAudio(packet []byte, at time.Duration) {
	if s := p.cur.Load(); s != nil && s.audio != nil {
		p.packets.Add(uint64(s.audio.write(packet, at)))
	}
}

// Stats may be called from anywhere.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.stats
	st.Packets = p.packets.Load()
	return st
}

func (p *Publisher) note(f func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}
