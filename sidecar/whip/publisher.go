package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

// States of a Publisher, as the heartbeat shows them.
const (
	StateConnecting = "connecting" // never on the air yet
	StateLive       = "live"
	StateFailing    = "failing" // lost, or refused; trying again
)

// ErrNoFreshToken is what Config.Tokens returns when there is no way to another token.
var ErrNoFreshToken = errors.New("whip: there is no other token")

// Config says where to publish.
type Config struct {
	Endpoint string // WHIP address; https, or http on this machine

	// Tokens gives the bearer token of the next connection. refused is a token that the stage did
	// not take, or "". With one, Tokens waits until there is another, or returns ErrNoFreshToken;
	// the publisher asks the stage nothing meanwhile.
	Tokens func(ctx context.Context, refused string) (string, error)

	Audio   bool // offer an Opus track
	MaxKbps int  // most that is ever sent, for the bandwidth estimate; 0: 8500, the limit of a stage

	// KeyFrame asks the encoder for a key frame. It must not block. May be nil.
	KeyFrame func()

	Log *slog.Logger
}

// OneToken is a Config.Tokens that knows no other.
func OneToken(token string) func(context.Context, string) (string, error) {
	return func(_ context.Context, refused string) (string, error) {
		if token == "" || refused == token {
			return "", ErrNoFreshToken
		}
		return token, nil
	}
}

// Stats is a snapshot of a Publisher.
type Stats struct {
	State       string
	Error       string  // why it is not live, "" when it is
	RTT         float64 // ms to the stage, 0 until its first receiver report
	LossPercent float64 // of the last receiver report about video
	Restarts    int     // times it was on the air again
	ICERestarts int     // times the connection was mended without leaving the air
	KeyRequests uint64  // PLI and FIR heard
	Packets     uint64  // RTP packets sent

	// DeliveredKbps is what arrived of the video between the stage's last two receiver reports.
	// 0: not known.
	DeliveredKbps int
	// EstimateKbps is what the network carries: the estimate from transport-wide feedback, or
	// what the stage says it can receive (REMB). 0: the stage tells neither.
	EstimateKbps int
}

// Publisher keeps one stream on the air. WriteVideo and WriteAudio may be called at any time,
// each from one goroutine.
type Publisher struct {
	cfg      Config
	log      *slog.Logger
	http     *http.Client
	keyFrame *throttle

	// Learnt from the last answer; owned by Run.
	iceServers []webrtc.ICEServer
	trickles   bool

	cur     atomic.Pointer[session] // nil: not on the air
	packets atomic.Uint64
	zero    atomic.Pointer[time.Time] // of the running time; nil: no sample came yet

	mu       sync.Mutex // protects the three below
	stats    Stats
	remb     int // kbit/s, 0: none heard on this connection
	delivery delivery
	running  atomic.Bool
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
	if cfg.Tokens == nil {
		return nil, errors.New("whip: no token")
	}
	if cfg.MaxKbps <= 0 {
		cfg.MaxKbps = defaultMaxKbps
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
	// defaultMaxKbps is IVS's limit for one participant ("Service quotas", IVS Real-Time user guide).
	defaultMaxKbps = 8500
	// retryFirst and retryMost bound the back-off. With the second a stage that comes back is
	// joined within 2.5 s of its return, which keeps the promise of 3 s.
	retryFirst, retryMost = 200 * time.Millisecond, 2 * time.Second
	// proven is how long a connection lasts that a stage means to keep. One that it ends sooner counts as
	// refused: a stage that throws a stream out for what it holds is not asked five times a second.
	proven = 3 * time.Second
	// retryJitter: sidecars that lost the same stage do not come back in step.
	retryJitter = 0.25
	// retryAfterMost is obeyed of a stage that asks for a pause: more would leave a session
	// dark for what may be a slip of its configuration.
	retryAfterMost = time.Minute
	// deleteWait is how long stopping may take: a service manager that sent SIGTERM gives
	// 2 s in all.
	deleteWait = 1500 * time.Millisecond
	// goodbyeWait is how long an old connection is dismissed before the next is made.
	goodbyeWait = 500 * time.Millisecond
)

// Run publishes until ctx is done, which is no error, or until the stage refuses for good: a
// *StatusError such as 401 for a token that is expired, with no other to be had. It ends every
// connection with DELETE.
func (p *Publisher) Run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return errors.New("whip: Run is running already")
	}
	defer p.running.Store(false)
	defer p.http.CloseIdleConnections()
	defer p.keyFrame.stop()

	wait, wasLive, refusedToken := retryFirst, false, ""
	var refusal error
	for {
		token, err := p.cfg.Tokens(ctx, refusedToken)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrNoFreshToken) && refusal != nil {
			return refusal
		}
		if err == nil {
			refusedToken = ""
			var s *session
			if s, err = p.connect(ctx, token); err == nil {
				p.onAir(s, wasLive)
				wasLive = true
				began := time.Now()
				reporting, stop := context.WithCancel(ctx)
				var reports sync.WaitGroup
				reports.Go(func() { p.report(reporting, s) })
				err = p.stay(ctx, s)
				if time.Since(began) > proven {
					wait = retryFirst
				}
				p.cur.Store(nil)
				stop()
				reports.Wait()
				p.dismiss(s, ctx.Err() != nil)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		p.failing(err)
		pause := jitter(wait)
		var refused *StatusError
		if errors.As(err, &refused) {
			if refused.permanent(wasLive) {
				if !refused.TokenRefused() {
					return err
				}
				p.log.Error("the stage refuses the token", "reason", err)
				refusedToken, refusal = token, err
			}
			pause = max(pause, jitterUp(min(refused.RetryAfter, retryAfterMost)))
		}
		p.log.Warn("not on the air, trying again", "in", pause.Round(time.Millisecond), "reason", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		wait = min(2*wait, retryMost)
	}
}

// stay keeps a session until it is lost for good, mending it by ICE restarts where the stage can.
func (p *Publisher) stay(ctx context.Context, s *session) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case lost := <-s.lost:
			if s.etag == "" || errors.Is(lost, errClosed) {
				return lost
			}
			p.log.Info("the connection is silent, restarting ICE")
			if err := p.restart(ctx, s); err != nil {
				p.log.Info("ICE was not restarted", "reason", err)
				return lost
			}
			p.note(func(st *Stats) { st.ICERestarts++ })
			s.wantKey.Store(true)
			p.keyFrame.ask()
		}
	}
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - retryJitter + 2*retryJitter*rand.Float64()))
}

// jitterUp never shortens: a pause that was asked for is kept.
func jitterUp(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + retryJitter*rand.Float64()))
}

func (p *Publisher) failing(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.State, p.stats.Error, p.stats.RTT, p.stats.LossPercent = StateFailing, err.Error(), 0, 0
	p.remb, p.delivery, p.stats.DeliveredKbps = 0, delivery{}, 0
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
	if err := p.delete(ctx, s); err != nil && forGood {
		p.log.Warn("the stage was not told that the broadcast ended; it will notice by itself", "reason", err)
	}
	s.close()
}

// WriteVideo sends an H.264 access unit (Annex B) whose picture was taken at the running time.
func (p *Publisher) WriteVideo(unit []byte, at time.Duration, key bool) {
	p.tie(at)
	s := p.cur.Load()
	if s == nil {
		return
	}
	if s.wantKey.CompareAndSwap(true, false) {
		s.sawKey = false
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
	p.tie(at)
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
	st.EstimateKbps = p.remb
	if s := p.cur.Load(); s != nil && s.estimates.Load() {
		st.EstimateKbps = s.estimator.GetTargetBitrate() / 1000
	}
	return st
}

func (p *Publisher) note(f func(*Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}
