package gameliftstreams

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
)

const (
	// noClient as SignalRequest starts a session without a client.
	noClient = "NO_CLIENT_CONNECTION"
	// longestNap bounds how long an owner sleeps: wall clocks are set, laptops are
	// closed, and timers do not count either.
	longestNap = time.Second
	// idLength and its alphabet make session ids of the service's form.
	idLength = 13
)

// session is one stream session. Its owner goroutine (own) has all state but the
// fields that never change and the published view.
type session struct {
	id      string
	arn     string
	number  uint64 // order of starting
	request *startRequest
	created time.Time
	service *Service
	log     *slog.Logger

	view atomic.Pointer[view]
	asks chan func() // run by the owner
	over chan struct{}

	// The fields below belong to the owner.
	machine     Machine
	process     Process
	stopping    bool
	explanation string
	signal      signals
	lastID      int             // newest connection id given
	answeredID  int             // the one whose client may connect, or is connected
	pending     *connectionCall // the offer that waits for an answer
	answers     map[string]answer
}

// view is what the API shows of a session; never changed after it was published.
type view struct {
	machine     Machine
	signal      signals
	explanation string
}

// signals are the newest offer and its answer.
type signals struct{ request, response string }

// connectionCall is one CreateStreamSessionConnection on its way.
type connectionCall struct {
	id      int
	offer   string
	token   string
	waiting []chan connectionResult // of capacity 1
}

type connectionResult struct {
	response string
	err      error
}

// answer is remembered for a ClientToken.
type answer struct{ offer, response string }

// maxAnswers is how many answers are remembered for repeated calls: clients repeat
// within seconds.
const maxAnswers = 16

var sessionNumbers atomic.Uint64

func (s *Service) newSession(request *startRequest) *session {
	id := randomID()
	now := s.config.Now()
	created := &session{
		id:      id,
		arn:     s.arn("streamsession/" + StreamGroupID + "/" + id),
		number:  sessionNumbers.Add(1),
		request: request,
		created: now,
		service: s,
		log:     s.config.Log.With("session", id),
		asks:    make(chan func()),
		over:    make(chan struct{}),
		answers: map[string]answer{},
		machine: NewMachine(Limits{
			Placement:  placementLimit,
			Connection: time.Duration(request.ConnectionTimeoutSeconds) * time.Second,
			Length:     time.Duration(request.SessionLengthSeconds) * time.Second,
			Idle:       idleLimit,
			Answer:     answerLimit,
		}, now),
	}
	if request.SignalRequest != noClient {
		created.signal.request = request.SignalRequest
	}
	created.publish()
	return created
}

func randomID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	bytes := make([]byte, idLength)
	_, _ = rand.Read(bytes) // never fails, crypto/rand
	for n, b := range bytes {
		bytes[n] = alphabet[int(b)%len(alphabet)]
	}
	return string(bytes)
}

// ended tells whether nothing of the session is left.
func (s *session) ended() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// ask runs f on the owner and waits for it. It reports false, without running f,
// once the owner has ended.
func (s *session) ask(f func()) bool {
	done := make(chan struct{})
	select {
	case s.asks <- func() { defer close(done); f() }:
		<-done
		return true
	case <-s.over:
		return false
	}
}

// terminate is TerminateStreamSession; sessions that are over stay as they are.
func (s *session) terminate() (err error) {
	s.ask(func() { err = s.machine.Apply(TerminateAsked, s.now()) })
	if errors.Is(err, ErrActivating) {
		return invalid(err.Error())
	}
	return err
}

// shutdown begins the end, in whatever status.
func (s *session) shutdown() {
	s.ask(func() { _ = s.machine.Apply(ShutdownAsked, s.now()) })
}

// connect is CreateStreamSessionConnection: it returns the SignalResponse.
func (s *session) connect(ctx context.Context, token, offer string) (string, error) {
	result := make(chan connectionResult, 1)
	if !s.ask(func() { s.beginConnection(token, offer, result) }) {
		return "", conflict(ErrNotConnectable.Error() + "; it is " + string(s.view.Load().machine.Status))
	}
	select {
	case got := <-result:
		return got.response, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *session) beginConnection(token, offer string, result chan connectionResult) {
	if earlier, known := s.answers[token]; known && token != "" {
		if earlier.offer != offer {
			result <- connectionResult{err: conflict("this ClientToken was used for another request")}
			return
		}
		result <- connectionResult{response: earlier.response}
		return
	}
	if s.pending != nil && token != "" && s.pending.token == token && s.pending.offer == offer {
		s.pending.waiting = append(s.pending.waiting, result)
		return
	}
	if err := s.machine.Apply(ConnectionAsked, s.now()); err != nil {
		result <- connectionResult{err: conflict(err.Error() + "; it is " + string(s.machine.Status))}
		return
	}
	s.lastID++
	s.pending = &connectionCall{id: s.lastID, offer: offer, token: token, waiting: []chan connectionResult{result}}
	s.send(instance.Command{Command: instance.CommandConnect, ConnectionID: s.lastID, SignalRequest: offer})
}

// settle ends the pending call, if there is one.
func (s *session) settle(result connectionResult) {
	if s.pending == nil {
		return
	}
	if result.err == nil && s.pending.token != "" {
		if len(s.answers) >= maxAnswers {
			clear(s.answers)
		}
		s.answers[s.pending.token] = answer{s.pending.offer, result.response}
	}
	for _, waiting := range s.pending.waiting {
		waiting <- result
	}
	s.pending = nil
}

func (s *session) now() time.Time { return s.service.config.Now() }

func (s *session) publish() {
	s.view.Store(&view{machine: s.machine, signal: s.signal, explanation: s.explanation})
}

func (s *session) send(command instance.Command) {
	if err := s.process.Send(command); err != nil {
		s.log.Warn("command the instance", "command", command.Command, "error", err)
	}
}

// launch starts the instance.
func (s *session) launch() error {
	config := &s.service.config
	process, err := config.Launch(instance.Start{
		Session:     s.id,
		Dir:         s.request.application.Dir,
		Executable:  s.request.application.ExecutablePath,
		Arguments:   s.request.AdditionalLaunchArgs,
		Environment: s.request.AdditionalEnvironmentVariables,
		Scratch:     filepath.Join(config.ScratchDir, s.id),
		Width:       s.request.picture.width,
		Height:      s.request.picture.height,
		Framerate:   s.request.picture.framerate,
		BitrateKbps: s.request.picture.bitrateKbps,
		Encoder:     s.request.picture.encoder,
		ProtocolURL: config.ProtocolURL,
	}, s.log)
	s.process = process
	return err
}
