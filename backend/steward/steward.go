// Package steward runs each playtest: it starts and ends the stream session and the stage, brings
// the seat from one person to the next, and fires what time alone decides.
//
// One goroutine per session owns everything about it. What it must do follows from the log alone
// (the state says that a hand-over is due, that a request has expired), so a restarted steward
// goes on where the last one stopped; messages on the channel only wake it. It speaks to the
// world as everybody does: by publishing on the session's channel, where the gate may refuse it.
package steward

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotseat/backend/aws"
	"hotseat/backend/gate"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// Publisher publishes one event as the backend and returns a *playtest.Refusal when the gate
// refused it.
type Publisher func(ctx context.Context, channel string, event any) error

// Config is what a Steward works with. All fields are required unless they say otherwise.
type Config struct {
	AWS     *aws.Clients
	Store   *store.Store
	Publish Publisher
	// SidecarEnvironment returns the HOTSEAT_* variables for a session's sidecar.
	SidecarEnvironment func(session string, life time.Duration) (map[string]string, error)
	// Explain says more about a stream session's end than GameLift Streams' StatusReason, such as
	// the last lines that a launch script printed. Nil where nobody can, as on AWS.
	Explain func(streamSessionARN string) string
	Timing  Timing // zero fields take the defaults
	Now     func() time.Time
	Log     *slog.Logger
}

// Timing is how patient the steward is.
type Timing struct {
	// FirstPoll is the pause before the second look at the stream session in a hand-over; it grows
	// by half each time up to IdlePoll. The default is for AWS; the local service takes more.
	FirstPoll time.Duration
	IdlePoll  time.Duration // between two looks when nothing is going on; more with many sessions
	Look      time.Duration // how long one look may take
	Offer     time.Duration // how long the requester's page may take to send its offer
	Release   time.Duration // how long the holder's page may take to let go
	Answer    time.Duration // how long the service may take to answer an offer, all tries together
	Connect   time.Duration // from the answer to the new client being connected
	Grace     time.Duration // overrides the policy's grace of a lost holder; 0: the policy's
	// Calls is how many looks, and how many connections, all sessions together ask for in a second. As
	// many may come at once, so the worst second has twice as many: by default all that the service allows,
	// or more, where FirstPoll is set for a service that takes more.
	Calls int
}

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.FirstPoll, 200 * time.Millisecond},
		{&t.IdlePoll, time.Second},
		{&t.Look, 3 * time.Second},
		{&t.Offer, 5 * time.Second},
		{&t.Release, 5 * time.Second},
		{&t.Answer, 10 * time.Second}, // "normally within 5 s", so there is time for a second try
		{&t.Connect, 10 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if t.Calls <= 0 {
		t.Calls = max(defaultCalls, int(time.Second/t.FirstPoll))
	}
	return t
}

// defaultCalls is half of what GameLift Streams allows an account in a second; see calls.
const defaultCalls = 10

// Steward runs all sessions of a backend.
type Steward struct {
	cfg   Config
	calls *calls

	mu     sync.Mutex // protects the fields below; never held over I/O
	loops  map[string]*loop
	ctx    context.Context // of Run; nil before
	closed bool
	wg     sync.WaitGroup
	ready  chan struct{} // closed when Run has taken up the running sessions
}

// New makes a steward; Run sets it to work.
func New(cfg Config) *Steward {
	cfg.Timing = cfg.Timing.withDefaults()
	return &Steward{cfg: cfg, calls: newCalls(cfg.AWS, cfg.Timing), loops: map[string]*loop{}, ready: make(chan struct{})}
}

// Ready is closed when Run has taken up the sessions that were running: before, they seem to be over.
func (s *Steward) Ready() <-chan struct{} { return s.ready }

// Run takes up the sessions that the store says are running and works until ctx ends. It ends no
// session: a restarted backend finds them again.
func (s *Steward) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	running, err := s.cfg.Store.Sessions(ctx, true, store.MaxPage)
	if err != nil {
		return fmt.Errorf("taking up running sessions: %w", err)
	}
	for _, record := range running {
		s.take(record)
	}
	close(s.ready)
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// Wake tells the steward that a session's log has grown.
func (s *Steward) Wake(session string) {
	if l := s.loop(session); l != nil {
		l.wake()
	}
}

// ErrNotRunning says that the session is over or was never started.
var ErrNotRunning = errors.New("the session is not running")

func (s *Steward) loop(session string) *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loops[session]
}

// running is how many sessions there are.
func (s *Steward) running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.loops)
}

// take starts the loop of a session.
func (s *Steward) take(record store.Session) *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx == nil || s.ctx.Err() != nil {
		return nil
	}
	if l, ok := s.loops[record.ID]; ok {
		return l
	}
	l := newLoop(s, record)
	s.loops[record.ID] = l
	s.wg.Go(func() {
		l.run(s.ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.loops, record.ID)
	})
	return l
}

// StartRequest is what somebody starts a playtest with.
type StartRequest struct {
	By               playtest.Person
	Application      string
	Title            string
	Location         string // of the stream group; "": its primary one
	Width, Height    int    // pixels
	Framerate        int    // frames a second
	VideoBitrateKbps int
	Encoder          string // "gpu" or "cpu"
	Length           time.Duration
	Policy           *playtest.Policy // nil: the defaults
}

// tokenReserve is how much longer the machine tokens live than the session may: the end of a
// session is orderly.
const tokenReserve = 15 * time.Minute

// startTime bounds a start as a whole; the services answer within seconds.
const startTime = time.Minute

// Start starts a playtest: stage, log, stream session. When it fails, nothing is left running. It goes
// on when whoever asked for it goes away: half a start would have to be cleared away by somebody.
func (s *Steward) Start(ctx context.Context, r StartRequest) (store.Session, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	now := s.cfg.Now()
	record := store.Session{
		ID: newSessionID(), CreatedAt: now, CreatedBy: r.By.ID, Application: r.Application, Title: r.Title,
		Width: r.Width, Height: r.Height, Framerate: r.Framerate, EndsAt: now.Add(r.Length),
	}
	record.ClientToken = record.ID + "-" + rand.Text()
	var err error
	if record.StageARN, record.SubscribeURL, err = s.cfg.AWS.CreateStage(ctx, record.ID); err != nil {
		return store.Session{}, err
	}
	if err = s.startOn(ctx, &record, r); err != nil {
		s.undo(record)
		return store.Session{}, err
	}
	s.take(record)
	return record, nil
}

// undo clears away what a failed start left, as far as it goes.
func (s *Steward) undo(record store.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	var refusal *playtest.Refusal
	err := s.publish(ctx, record.ID, playtest.Event{Action: playtest.ActionSessionEnded, Reason: "the game could not be started"})
	if err != nil && !errors.As(err, &refusal) {
		s.cfg.Log.Warn("ending the log of a failed start", "session", record.ID, "error", err)
	}
	if record.StreamSessionARN != "" {
		if err := s.cfg.AWS.Terminate(ctx, record.StreamSessionARN); err != nil {
			s.cfg.Log.Warn("a stream session was left behind", "session", record.ID, "error", err)
		}
	}
	if err := s.cfg.AWS.DeleteStage(ctx, record.StageARN); err != nil {
		s.cfg.Log.Warn("a stage was left behind", "session", record.ID, "error", err)
	}
	record.EndedAt = s.cfg.Now()
	if err := s.cfg.Store.SaveSession(ctx, record); err != nil {
		s.cfg.Log.Warn("saving a failed start", "session", record.ID, "error", err)
	}
}

// BroadcastToken makes another token for a running session's broadcast. With it the broadcast becomes another
// participant, and viewers are sent to that one from then on.
func (s *Steward) BroadcastToken(ctx context.Context, session string) (aws.StageToken, error) {
	if s.loop(session) == nil {
		return aws.StageToken{}, ErrNotRunning
	}
	record, err := s.cfg.Store.Session(ctx, session)
	if err != nil {
		return aws.StageToken{}, err
	}
	token, err := s.broadcastToken(ctx, record, record.EndsAt.Sub(s.cfg.Now()))
	if err != nil {
		return aws.StageToken{}, err
	}
	_, err = s.cfg.Store.UpdateSession(ctx, session, func(r *store.Session) { r.BroadcasterID = token.ParticipantID })
	return token, err
}

// broadcastToken makes a token to publish the game with.
func (s *Steward) broadcastToken(ctx context.Context, record store.Session, life time.Duration) (aws.StageToken, error) {
	return s.cfg.AWS.CreateStageToken(ctx, aws.TokenRequest{
		Stage: record.StageARN, UserID: "sidecar-" + record.ID, Publish: true,
		Attributes: map[string]string{"stream_source": "gameplay"}, Life: max(life, 0) + tokenReserve,
	})
}

func (s *Steward) startOn(ctx context.Context, record *store.Session, r StartRequest) error {
	token, err := s.broadcastToken(ctx, *record, r.Length)
	if err != nil {
		return err
	}
	record.BroadcasterID = token.ParticipantID
	if err := s.cfg.Store.SaveSession(ctx, *record); err != nil {
		return err
	}
	environment, err := s.cfg.SidecarEnvironment(record.ID, r.Length+tokenReserve)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"IVS_STAGE_TOKEN":   token.Token,
		"IVS_WHIP_ENDPOINT": s.cfg.AWS.WhipEndpoint(),
		"VIDEO_WIDTH":       strconv.Itoa(r.Width),
		"VIDEO_HEIGHT":      strconv.Itoa(r.Height),
		"VIDEO_FRAMERATE":   strconv.Itoa(r.Framerate),
		"VIDEO_BITRATE":     strconv.Itoa(r.VideoBitrateKbps),
		"ENCODER_TYPE":      r.Encoder,
		"ENABLE_AUDIO":      "true",
		"AUDIO_BITRATE":     "96000",
	} {
		environment[name] = value
	}
	if err := s.publish(ctx, record.ID, playtest.Event{
		Action: playtest.ActionSessionStarted, Title: r.Title, Application: r.Application,
		Width: r.Width, Height: r.Height, Framerate: r.Framerate, EndsAt: record.EndsAt.UnixMilli(),
		Policy: r.Policy,
	}); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	stream, err := s.cfg.AWS.StartStream(ctx, aws.StreamRequest{
		Application: r.Application, Location: r.Location, UserID: r.By.ID, ClientToken: record.ClientToken,
		SessionLength: r.Length, Environment: environment,
	})
	if err != nil {
		return err
	}
	record.StreamSessionARN, record.Location = stream.ARN, stream.Location
	return s.cfg.Store.SaveSession(ctx, *record)
}

// End asks for the end of a playtest: the stream session is terminated, and the log is closed when
// the service says that it is over.
func (s *Steward) End(ctx context.Context, session, reason string) error {
	l := s.loop(session)
	if l == nil {
		return ErrNotRunning
	}
	select {
	case l.endings <- reason:
	default: // it is ending already
	}
	return nil
}

// ErrStopped says that Run is not at work: over, about to be, or not begun.
var ErrStopped = errors.New("the steward has stopped")

// EndAll ends every session and returns nil when all are over. Otherwise it is ctx that is over, or the steward stopped
// (ErrStopped): what still runs then is for the next one.
func (s *Steward) EndAll(ctx context.Context, reason string) error {
	s.mu.Lock()
	work := s.ctx
	var running []*loop
	for _, l := range s.loops {
		running = append(running, l)
	}
	s.mu.Unlock()
	for _, l := range running {
		_ = s.End(ctx, l.record.ID, reason)
	}
	for _, l := range running {
		select {
		case <-ctx.Done():
			return fmt.Errorf("ending all sessions: %w", ctx.Err())
		case <-l.finished:
		}
	}
	if work == nil || work.Err() != nil { // a loop that finished for that has ended nothing
		return ErrStopped
	}
	return nil
}

// publish sends one event on a session's log as the backend.
func (s *Steward) publish(ctx context.Context, session string, e playtest.Event) error {
	return s.cfg.Publish(ctx, "/"+gate.NamespacePlaytest+"/"+session, e)
}

// newSessionID makes a name for a session: 50 random bits, readable over the phone.
func newSessionID() string {
	var b [7]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return "s-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))[:10]
}
