package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hotseat/backend/events"
	"hotseat/cmd/hotseat-sidecar/internal/backend"
	"hotseat/cmd/hotseat-sidecar/internal/token"
	"hotseat/sidecar/bridge"
	"hotseat/sidecar/config"
)

// session is the sidecar's tie to its playtest: channels for heartbeat and events, the log for what
// was missed, and the bridge that passes both on to the game. All of it may be missing, late or
// broken without the broadcast noticing.
type session struct {
	cfg    config.Hotseat
	log    *slog.Logger
	bridge *bridge.Server  // nil: none
	api    *backend.Client // nil: no backend to ask
	client atomic.Pointer[events.Client]

	token      atomic.Value // string: the last one that was read
	complained sync.Once    // about a backend that does not answer

	mu  sync.Mutex // protects seq, and the order of what is passed on
	seq int64      // of the last event passed on
}

const (
	// catchUpTries and catchUpWait: a backend that restarts is back within seconds; the next
	// reconnect tries again anyway.
	catchUpTries = 5
	catchUpWait  = 500 * time.Millisecond
	// maxPages bounds what is caught up: who missed more than 20,000 events is not helped by them.
	maxPages = 20
	// refusedPause is before the channels are tried again with a token that they refused.
	refusedPause = time.Minute
)

func newSession(cfg config.Hotseat, sockets map[string]net.Listener, log *slog.Logger) *session {
	s := &session{cfg: cfg, log: log}
	s.token.Store(cfg.EventsToken)
	if cfg.APIURL != "" && cfg.Session != "" {
		s.api = &backend.Client{URL: cfg.APIURL, Session: cfg.Session, Token: s.eventsToken}
	}
	var listeners []net.Listener
	for _, name := range []string{socketBridgeTCP, socketBridgeUnix} {
		if l := sockets[name]; l != nil {
			listeners = append(listeners, l)
		}
	}
	if len(listeners) > 0 {
		b := bridge.Config{Listeners: listeners, Session: cfg.Session, Log: log}
		if cfg.Events() {
			b.Say = s.say
		}
		s.bridge = bridge.New(b)
	}
	return s
}

// run serves the bridge and the channels until ctx is done.
func (s *session) run(ctx context.Context) {
	var parts sync.WaitGroup
	if s.bridge != nil {
		parts.Go(func() { s.bridge.Serve(ctx) })
	}
	if s.cfg.Events() {
		parts.Go(func() { s.listen(ctx) })
	}
	parts.Wait()
}

// listen keeps a client on the channels. One that was refused for good is replaced after a while:
// there may be a fresh token by then.
func (s *session) listen(ctx context.Context) {
	for ctx.Err() == nil {
		client, err := s.newClient()
		if err != nil {
			s.log.Error("the sidecar cannot join the session", "reason", err)
			return
		}
		s.client.Store(client)
		err = s.runClient(ctx, client)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("the session refuses the sidecar, trying again later", "in", refusedPause, "reason", err)
		select {
		case <-ctx.Done():
		case <-time.After(refusedPause):
		}
	}
}

func (s *session) newClient() (*events.Client, error) {
	client, err := events.NewClient(events.Config{
		RealtimeURL: s.cfg.EventsURL,
		Host:        s.cfg.EventsHost,
		Token:       func(context.Context) (string, time.Time, error) { return s.eventsToken(), time.Time{}, nil },
		OnReconnect: s.catchUp,
		Log:         s.log,
	})
	if err != nil || s.bridge == nil {
		return client, err
	}
	_, err = client.Subscribe("/live/"+s.cfg.Session, func(m events.Message) { s.bridge.Offer(m.Event) })
	return client, err
}

// runClient runs a client until it ends. The log is read once the first subscription stands, and in
// OnReconnect from then on.
func (s *session) runClient(ctx context.Context, client *events.Client) error {
	if s.bridge == nil {
		return client.Run(ctx)
	}
	log, err := client.Subscribe("/playtest/"+s.cfg.Session, func(m events.Message) { s.logged(m.Event) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var first sync.WaitGroup
	defer first.Wait()
	defer cancel()
	first.Go(func() {
		if log.Wait(ctx) == nil {
			s.catchUp(ctx)
		}
	})
	return client.Run(ctx)
}

// eventsToken reads a fresh one where there is a file for it.
func (s *session) eventsToken() string {
	if s.cfg.EventsTokenFile != "" {
		if raw, err := os.ReadFile(s.cfg.EventsTokenFile); err == nil {
			if fresh, err := config.ParseSecret(raw); err == nil {
				s.token.Store(fresh)
			}
		}
	}
	return s.token.Load().(string)
}

// logged passes an event of the log on, once.
func (s *session) logged(raw json.RawMessage) {
	var head struct {
		Seq int64 `json:"seq"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if json.Unmarshal(raw, &head) == nil && head.Seq > 0 {
		if head.Seq <= s.seq {
			return
		}
		s.seq = head.Seq
	}
	s.bridge.Offer(raw)
}

// catchUp passes on what was missed, and says who is in the seat.
func (s *session) catchUp(ctx context.Context) {
	if s.api == nil || s.bridge == nil {
		return
	}
	for try := range catchUpTries {
		err := s.readLog(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case errors.Is(err, backend.ErrNotAllowed):
			s.complained.Do(func() {
				s.log.Warn("the game learns who is in the seat with the next change only", "reason", err)
			})
			return
		case try == catchUpTries-1:
			s.log.Warn("the session's log was not read: the game may have missed events", "reason", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(catchUpWait << try):
		}
	}
}

func (s *session) readLog(ctx context.Context) error {
	state, err := s.api.State(ctx)
	if err != nil {
		return err
	}
	for range maxPages {
		missed, more, err := s.api.Log(ctx, s.from(state.LastSeq))
		if err != nil {
			return err
		}
		for _, event := range missed {
			s.logged(event)
		}
		if !more || len(missed) == 0 {
			break
		}
	}
	s.bridge.SetSeat(bridge.Seat{Holder: state.Seat.Holder, Epoch: state.Seat.Epoch})
	return nil
}

// from is the last event that was passed on. The game is not told what was before it.
func (s *session) from(now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seq == 0 {
		s.seq = now
	}
	return s.seq
}

// Publish is what the heartbeat needs.
func (s *session) Publish(ctx context.Context, channel string, list ...json.RawMessage) error {
	client := s.client.Load()
	if client == nil {
		return events.ErrOffline
	}
	return client.Publish(ctx, channel, list...)
}

// waitOnline returns when the channels are there, or ctx ends.
func (s *session) waitOnline(ctx context.Context) {
	if client := s.client.Load(); client != nil {
		_ = client.WaitOnline(ctx)
	}
}

// say brings a word of the game into the session.
func (s *session) say(ctx context.Context, said bridge.Saying) error {
	event, channel := map[string]any{}, "/live/"+s.cfg.Session
	switch said.Kind {
	case bridge.SayMark:
		channel = "/playtest/" + s.cfg.Session
		event["action"], event["message"] = "SESSION_MARK", said.Message
		if said.At > 0 {
			event["at"] = said.At
		}
	case bridge.SayCaption:
		event["action"], event["message"] = "GAME_CAPTION", said.Message
	case bridge.SayState:
		event["action"], event["game"] = "GAME_STATE", said.State
	}
	raw, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("say: %w", err)
	}
	err = s.Publish(ctx, channel, raw)
	var refused *events.RefusedError
	if errors.As(err, &refused) {
		return &bridge.Refusal{Code: refused.Type, Message: refused.Message}
	}
	return err
}

// freshStageToken asks the backend for another token for the broadcast.
func (s *session) freshStageToken(ctx context.Context) (string, error) {
	fresh, err := s.api.StageToken(ctx)
	if errors.Is(err, backend.ErrNotAllowed) {
		return "", fmt.Errorf("%w: %w", token.ErrNotOffered, err)
	}
	return fresh, err
}
