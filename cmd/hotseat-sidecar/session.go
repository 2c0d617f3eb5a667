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

	reread chan struct{}      // the log is to be read; capacity 1
	doubts chan time.Duration // something may be missing after that time; capacity 1

	mu    sync.Mutex // protects order and blind, and the order of what is passed on
	order sequence
	blind bool // the log cannot be read: what is missing stays so

	refusal refusal
}

// refusedPause is before the channels are tried again with a token that they refused.
const refusedPause = time.Minute

func newSession(cfg config.Hotseat, sockets map[string]net.Listener, log *slog.Logger) *session {
	s := &session{cfg: cfg, log: log, reread: make(chan struct{}, 1), doubts: make(chan time.Duration, 1)}
	s.token.Store(cfg.EventsToken)
	if cfg.APIURL != "" && cfg.Session != "" {
		s.api = &backend.Client{URL: cfg.APIURL, Session: cfg.Session, Token: s.eventsToken}
	}
	s.blind = s.api == nil
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
		if s.bridge != nil {
			parts.Go(func() { s.keepUp(ctx) })
		}
	}
	parts.Wait()
}

// listen keeps a client on the channels. One that was refused for good is replaced after a while:
// there may be a fresh token by then. The broadcast goes on without.
func (s *session) listen(ctx context.Context) {
	for ctx.Err() == nil {
		client, err := s.newClient()
		if err != nil {
			s.log.Error("the sidecar cannot join the session", "reason", err)
			s.refusal.set(err)
			return
		}
		s.client.Store(client)
		err = s.runClient(ctx, client)
		if ctx.Err() != nil {
			return
		}
		if s.refusal.set(err) {
			s.log.Error("the session refuses the sidecar; the broadcast goes on without it", "trying again every", refusedPause, "reason", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(refusedPause):
		}
	}
}

func (s *session) newClient() (*events.Client, error) {
	return events.NewClient(events.Config{
		RealtimeURL: s.cfg.EventsURL,
		Host:        s.cfg.EventsHost,
		Token:       func(context.Context) (string, time.Time, error) { return s.eventsToken(), time.Time{}, nil },
		OnReconnect: func(context.Context) { s.connected() },
		OnState: func(state events.State) {
			if state.Phase == events.Online && s.refusal.set(nil) {
				s.log.Info("the session lets the sidecar in again")
			}
		},
		Log: slog.New(hushed{s.log.Handler(), &s.refusal}),
	})
}

// runClient runs a client until it ends. The log is read once its channel is heard, and after each
// reconnect.
func (s *session) runClient(ctx context.Context, client *events.Client) error {
	if s.bridge == nil {
		return client.Run(ctx)
	}
	var waiting sync.WaitGroup
	defer waiting.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log, err := client.Subscribe("/playtest/"+s.cfg.Session, func(m events.Message) { s.logged(m.Event) })
	if err != nil {
		return err
	}
	live, err := client.Subscribe("/live/"+s.cfg.Session, func(m events.Message) { s.live(m.Event) })
	if err != nil {
		return err
	}
	waiting.Go(func() {
		if log.Wait(ctx) == nil {
			s.connected()
		}
	})
	for _, sub := range []*events.Subscription{log, live} {
		waiting.Go(func() {
			select {
			case <-ctx.Done():
			case <-sub.Done():
				s.log.Warn("the session does not let the sidecar hear everything; the game hears less", "reason", sub.Err())
				s.refusal.add(sub.Err())
			}
		})
	}
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
