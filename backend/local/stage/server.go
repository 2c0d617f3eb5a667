package stage

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// Server is a set of stages. It comes to know a stage when somebody joins it, and forgets it when everybody
// has left.
type Server struct {
	cfg     Config
	log     *slog.Logger
	engine  *engine
	handler http.Handler
	joins   *throttle      // by participant
	failed  *throttle      // tokens that are no good, by address
	ending  sync.WaitGroup // sessions being closed

	mu          sync.Mutex // guards everything below, what sessions and feeds say it guards, and calls of Observer
	rooms       map[string]*room
	sessions    map[string]*session
	joining     int    // sessions between offer and connection
	disconnects uint64 // how often somebody was put out: a token verified before may no longer hold
	closed      bool
}

// room is one stage with somebody on it. Guarded by Server.mu.
type room struct {
	id       string
	feeds    map[string]*feed // by the publishing participant
	presence map[string]int   // participant -> sessions
}

// New opens the media socket and returns a Server that is ready for Handler to be served.
func New(cfg Config) (*Server, error) {
	if cfg.Verify == nil {
		return nil, errors.New("a stage server needs Config.Verify to check tokens")
	}
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Lanes <= 0 {
		cfg.Lanes = min(runtime.GOMAXPROCS(0), MaxLanes)
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	engine, err := newEngine(cfg)
	if err != nil {
		return nil, fmt.Errorf("starting the stage server: %w", err)
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, engine: engine,
		joins: newThrottle(joinsPerSecond, joinBurst), failed: newThrottle(failuresPerSecond, failureBurst),
		rooms: make(map[string]*room), sessions: make(map[string]*session),
	}
	s.handler = s.routes()
	return s, nil
}

// Close ends every session and frees the socket. It returns when no goroutine of the server is left.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, session := range s.sessions {
		s.endLocked(session, "", "server closing")
	}
	s.mu.Unlock()
	s.ending.Wait()
	return s.engine.close()
}

// DisconnectParticipant ends every session of a participant. Whether its token still opens the stage
// is for Config.Verify to say.
func (s *Server) DisconnectParticipant(stageID, participantID string) {
	s.disconnect(func(t Token) bool { return t.StageID == stageID && t.ParticipantID == participantID })
}

// DisconnectStage ends every session on a stage.
func (s *Server) DisconnectStage(stageID string) {
	s.disconnect(func(t Token) bool { return t.StageID == stageID })
}

func (s *Server) disconnect(who func(Token) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disconnects++
	for _, session := range s.sessions {
		if who(session.token) {
			s.endLocked(session, "", "disconnected")
		}
	}
}

// newSession makes the connection for a checked offer. It is no part of its stage before admit.
func (s *Server) newSession(token Token, want purpose, f *feed) (*session, error) {
	pc, on, err := s.engine.connection(want)
	if err != nil {
		return nil, err
	}
	session := &session{
		id: rand.Text(), server: s, token: token, want: want, feed: f, pc: pc, lane: on,
		etag: newETag(), patches: rate.NewLimiter(patchesPerSecond, patchBurst),
	}
	session.watch()
	return session, nil
}

// admission is what became of a session that wanted in.
type admission int

const (
	admitted admission = iota
	stale              // somebody was put out since the token was verified: verify again
	full
	gone // the feed, or the server
)

// busy says why nobody can join at the moment, if so (RFC 9725 section 4.5).
func (s *Server) busy() *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return overloaded("the server is closing", 5)
	case s.joining >= maxJoining:
		return overloaded("too many are joining at once; come back in a moment", 1)
	}
	return nil
}

// feedFor returns the live feed of a participant to subscribe to, nil when there is none; to publish, a new
// one. If the participant is known by the time of admit, its feed is used instead.
func (s *Server) feedFor(stageID, participant string, want purpose) *feed {
	if want == publishing {
		return newFeed(participant, s.engine.lanes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[stageID]; r != nil {
		if f := r.feeds[participant]; f != nil && f.live() {
			return f
		}
	}
	return nil
}

// admit makes a negotiated session part of its stage. A newer session of the same participant for the same
// purpose replaces the older: on IVS a token is used once at a time, and the newer use wins.
func (s *Server) admit(n *session, verified uint64) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || n.ended {
		return gone
	}
	if s.disconnects != verified {
		return stale
	}
	r := s.rooms[n.token.StageID]
	if r == nil {
		r = &room{id: n.token.StageID, feeds: make(map[string]*feed), presence: make(map[string]int)}
	}
	known := r.feeds[n.feed.participant]
	var older *session
	switch n.want {
	case publishing:
		if known != nil {
			n.feed = known
		}
		older = n.feed.publisher
		if older == nil && r.publishers() >= MaxPublishers {
			return full
		}
		r.feeds[n.feed.participant] = n.feed
		n.feed.publisher = n
	case subscribing:
		if known != n.feed || !n.feed.live() {
			return gone
		}
		older = n.feed.subscribers[n.token.ParticipantID]
		if older == nil && r.subscribers() >= MaxSubscribers {
			return full
		}
		n.feed.subscribers[n.token.ParticipantID] = n
	}
	s.rooms[r.id] = r
	s.sessions[n.id] = n
	n.admitted = true
	s.joining++
	n.deadline = time.AfterFunc(connectTime, func() { s.end(n, "", "no connection within "+connectTime.String()) })
	if r.presence[n.token.ParticipantID]++; r.presence[n.token.ParticipantID] == 1 {
		s.tell(n, Joined, "")
	}
	if older != nil {
		s.endLocked(older, "", "replaced by a newer session of the same token")
	}
	return admitted
}

func (r *room) publishers() int {
	n := 0
	for _, f := range r.feeds {
		if f.publisher != nil {
			n++
		}
	}
	return n
}

func (r *room) subscribers() int {
	n := 0
	for _, f := range r.feeds {
		n += len(f.subscribers)
	}
	return n
}

func (s *Server) connected(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.ended || n.connected || !n.admitted {
		return
	}
	n.connected = true
	s.joining--
	n.deadline.Stop()
	n.deadline = time.AfterFunc(MaxDuration, func() { s.end(n, StreamDurationExceeded, "24 hours are over") })
	if n.want == publishing {
		s.tell(n, PublishStarted, "")
	} else {
		s.tell(n, SubscribeStarted, "")
		for _, o := range n.outputs {
			o.start()
		}
	}
	s.log.Info("stage session connected", "stage", n.token.StageID, "participant", n.token.ParticipantID,
		"publish", n.want == publishing, "from", n.feed.participant)
}

// attach returns where a track that a publisher sends goes: its first audio, its first video and further layers of that,
// which rid names; with video the rung, too. It returns nil for other tracks, and when the session was replaced or ended
// meanwhile. The two readers that follow are counted in n.work already.
func (s *Server) attach(n *session, kind webrtc.RTPCodecType, rid string, src *source) (*stream, *rung) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.ended || n.feed.publisher != n {
		return nil, nil
	}
	audio, video := &n.tracks[0], &n.tracks[1]
	switch {
	case kind == webrtc.RTPCodecTypeAudio && *audio == 0:
		*audio++
		n.work.Add(2)
		n.feed.audio.attach(src)
		return n.feed.audio, nil
	case kind == webrtc.RTPCodecTypeVideo && (*video == 0 || rid != "" && *video < maxLayers):
		*video++
		n.work.Add(2)
		on := n.feed.video.attach(rid, src, *video == 1)
		return on.stream, on
	}
	return nil, nil
}

// end takes a session off its stage and closes it. code is for events, why for the log. It may be called
// any number of times.
func (s *Server) end(n *session, code ErrorCode, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(n, code, why)
}

func (s *Server) endLocked(n *session, code ErrorCode, why string) {
	if n.ended {
		return
	}
	n.ended = true
	// Closing takes a moment; the media stops here.
	n.cut.Store(true)
	for _, o := range n.outputs {
		o.cut.Store(true)
	}
	s.ending.Go(func() {
		if err := n.close(); err != nil && !errors.Is(err, webrtc.ErrConnectionClosed) {
			s.log.Debug("closing a stage session", "error", err)
		}
	})
	if !n.admitted {
		return
	}
	n.deadline.Stop()
	if !n.connected {
		s.joining--
	}
	delete(s.sessions, n.id)
	r := s.rooms[n.token.StageID]
	f := n.feed
	failed, stopped := PublishError, PublishStopped
	if n.want == subscribing {
		failed, stopped = SubscribeError, SubscribeStopped
		if f.subscribers[n.token.ParticipantID] == n {
			delete(f.subscribers, n.token.ParticipantID)
		}
	} else if f.publisher == n {
		f.publisher = nil
	}
	if code != "" {
		s.tell(n, failed, code)
	}
	if n.connected {
		s.tell(n, stopped, "")
	}
	if f.publisher == nil && len(f.subscribers) == 0 {
		f.video.idle()
		f.audio.idle()
		delete(r.feeds, f.participant)
	}
	if r.presence[n.token.ParticipantID]--; r.presence[n.token.ParticipantID] == 0 {
		delete(r.presence, n.token.ParticipantID)
		s.tell(n, Left, "")
	}
	if len(r.presence) == 0 {
		delete(s.rooms, r.id)
	}
	s.log.Info("stage session ended", "stage", n.token.StageID, "participant", n.token.ParticipantID,
		"publish", n.want == publishing, "from", f.participant, "code", string(code), "why", why)
}

// tell passes an event on. mu is held.
func (s *Server) tell(n *session, name EventName, code ErrorCode) {
	e := Event{Name: name, Token: n.token, Code: code, At: s.cfg.Now()}
	if name == SubscribeStarted || name == SubscribeStopped || name == SubscribeError {
		e.From = n.feed.participant
	}
	s.cfg.Observer.Observe(e)
}
