// Package gameliftstreams is Amazon GameLift Streams on one machine: its control
// API on loopback, with the paths, shapes, state machine, time-outs and errors of
// the service (Amazon GameLift Streams API Reference, version 2018-05-10), so that
// the official clients work against it. A stream session runs its application in a
// hotseat-instance process.
//
// It must not know Hotseat: no seats, no people, no events. Who may call it is
// checked in front of it (backend/local/sigv4).
//
// Each session is owned by one goroutine; what the API shows is a value that it
// publishes.
package gameliftstreams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// StreamGroupID is the one stream group. It holds all applications.
	StreamGroupID = "sg-Hotseat01"

	defaultRegion  = "us-west-2"
	defaultAccount = "000000000000"
	// defaultMaxSessions is the capacity: a session takes a quarter of a core for
	// the player's picture alone, and the game's own.
	defaultMaxSessions = 8
	// maxEnded is how many ended sessions stay visible.
	maxEnded = 200
)

// Config says what the service offers.
type Config struct {
	Region       string        // default us-west-2
	Account      string        // 12 digits, default zeros
	Applications []Application // at least one
	InstancePath string        // the hotseat-instance program; not needed with Launch
	ScratchDir   string        // for the sessions' files; default: a folder in the system's temporary one
	Locations    []string      // default: Region
	ProtocolURL  string        // WebSdkProtocolUrl of every session
	MaxSessions  int           // live at once, default 8
	Now          func() time.Time
	Log          *slog.Logger
	// Launch starts an instance; nil: the InstancePath process. Tests use it to
	// play the instance themselves.
	Launch LaunchFunc
}

// Service is the control API and its sessions.
type Service struct {
	config  Config
	created time.Time
	running sync.WaitGroup // session owners

	// table guards the fields below, and is never held while waiting.
	table    sync.Mutex
	sessions map[string]*session // by id
	order    []*session          // oldest first
	tokens   map[string]*session // by ClientToken
	closing  bool
}

// New checks the configuration and returns the service.
func New(config Config) (*Service, error) {
	if config.Region == "" {
		config.Region = defaultRegion
	}
	if config.Account == "" {
		config.Account = defaultAccount
	}
	if len(config.Locations) == 0 {
		config.Locations = []string{config.Region}
	}
	if config.MaxSessions == 0 {
		config.MaxSessions = defaultMaxSessions
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.ScratchDir == "" {
		// Short, for it is part of a socket's path, which has 107 bytes.
		config.ScratchDir = filepath.Join(os.TempDir(), fmt.Sprintf("hotseat-%d", os.Getuid()))
	}
	if err := checkApplications(config.Applications); err != nil {
		return nil, err
	}
	if config.Launch == nil {
		info, err := os.Stat(config.InstancePath)
		if err != nil || info.IsDir() {
			return nil, fmt.Errorf("find hotseat-instance at %q (build it with: go build ./cmd/hotseat-instance): %w", config.InstancePath, errors.Join(err, os.ErrNotExist))
		}
		config.Launch = processLauncher(config.InstancePath)
	}
	return &Service{
		config: config, created: config.Now(),
		sessions: map[string]*session{}, tokens: map[string]*session{},
	}, nil
}

// Close terminates all sessions and returns when every process of theirs is gone,
// or ctx is done.
func (s *Service) Close(ctx context.Context) error {
	s.table.Lock()
	s.closing = true
	live := append([]*session(nil), s.order...)
	s.table.Unlock()
	for _, session := range live {
		session.shutdown()
	}
	gone := make(chan struct{})
	go func() {
		s.running.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the games to end: %w", ctx.Err())
	}
}

// Explain says in words why a session is in ERROR or TERMINATED, for instance the
// last lines that the launch script printed; empty if there is nothing to say. The
// API itself has only StatusReason. session is an id or an ARN.
func (s *Service) Explain(session string) string {
	found := s.find(session)
	if found == nil {
		return ""
	}
	return found.view.Load().explanation
}

// find returns a session by id or ARN, or nil.
func (s *Service) find(identifier string) *session {
	s.table.Lock()
	defer s.table.Unlock()
	return s.sessions[lastSegment(identifier)]
}

// admit makes a session live, or returns the earlier one with the same ClientToken.
func (s *Service) admit(request *startRequest) (*session, error) {
	s.table.Lock()
	defer s.table.Unlock()
	if s.closing {
		return nil, internalError("the service is shutting down")
	}
	if earlier := s.tokens[request.ClientToken]; earlier != nil && request.ClientToken != "" {
		if earlier.request.fingerprint != request.fingerprint {
			return nil, conflict("this ClientToken was used for another request")
		}
		return earlier, nil
	}
	if s.countLive() >= s.config.MaxSessions {
		return nil, quotaExceeded(fmt.Sprintf("all %d places of stream group %s are taken; terminate a session first", s.config.MaxSessions, StreamGroupID))
	}
	s.forgetOldest()
	session := s.newSession(request)
	s.sessions[session.id] = session
	s.order = append(s.order, session)
	if request.ClientToken != "" {
		s.tokens[request.ClientToken] = session
	}
	s.running.Go(session.own)
	return session, nil
}

func (s *Service) liveSessions() int {
	s.table.Lock()
	defer s.table.Unlock()
	return s.countLive()
}

// countLive wants table held.
func (s *Service) countLive() int {
	live := 0
	for _, session := range s.order {
		if !session.ended() {
			live++
		}
	}
	return live
}

// forgetOldest drops the oldest ended session when there are many.
func (s *Service) forgetOldest() {
	if len(s.order) < maxEnded {
		return
	}
	for n, session := range s.order {
		if session.ended() {
			s.order = append(s.order[:n:n], s.order[n+1:]...)
			delete(s.sessions, session.id)
			delete(s.tokens, session.request.ClientToken)
			return
		}
	}
}
