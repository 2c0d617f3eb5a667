package events_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func TestAfterARestartOfTheServerTheClientIsBackAndSubscribed(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{})
	cfg := s.config("viewer")
	states := make(chan events.State, 1000)
	cfg.OnState = func(state events.State) { states <- state }
	back := make(chan struct{}, 10)
	cfg.OnReconnect = func(context.Context) { back <- struct{}{} }
	client := run(t, cfg)
	heard := listen(t, client, "/playtest/s-1")
	if len(back) != 0 {
		t.Error("OnReconnect was called for the first connection")
	}

	s.stop()
	for state := range states {
		if state.Phase == events.Offline {
			if state.Err == nil || state.NextTry.IsZero() {
				t.Errorf("offline without reason or next try: %+v", state)
			}
			break
		}
	}
	if err := client.Publish(limited(t), "/playtest/s-1", number(1)); err == nil {
		t.Error("published to a server that is away")
	}
	s.start()
	select {
	case <-back:
	case <-time.After(patience):
		t.Fatal("did not come back")
	}
	// From OnReconnect on nothing is missed.
	if err := client.Publish(limited(t), "/playtest/s-1", number(2)); err != nil {
		t.Fatal(err)
	}
	expect(t, heard, "2")
}

func TestARefusedConnectionIsTriedAgainWithANewToken(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{})
	cfg := s.config("")
	var tries atomic.Int32
	cfg.Token = func(context.Context) (string, time.Time, error) {
		switch tries.Add(1) {
		case 1:
			return "forged", time.Time{}, nil
		case 2:
			return "", time.Time{}, errors.New("the sign-in service is away")
		case 3:
			return "viewer", time.Now().Add(-time.Minute), nil
		}
		return "viewer", time.Now().Add(time.Minute), nil
	}
	reasons := make(chan error, 10)
	cfg.OnState = func(state events.State) {
		if state.Phase == events.Offline {
			reasons <- state.Err
		}
	}
	client := run(t, cfg)
	if err := client.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	var refusal *events.RefusedError
	if err := <-reasons; !errors.As(err, &refusal) || refusal.Type != events.ErrorTypeUnauthorizedException || refusal.Status != 401 {
		t.Errorf("first reason %v", err)
	}
	if err := <-reasons; !strings.Contains(err.Error(), "the sign-in service is away") {
		t.Errorf("second reason %v", err)
	}
	if err := <-reasons; !strings.Contains(err.Error(), "expired") {
		t.Errorf("third reason %v", err)
	}
}

func TestASilentServerIsTakenForDead(t *testing.T) {
	// A server that acknowledges and then says nothing more: no keep-alive, no end.
	upgrader := websocket.Upgrader{Subprotocols: []string{events.Subprotocol}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
			ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"connection_ack","connectionTimeoutMs":20}`))
		}
	})}
	go web.Serve(listener)
	t.Cleanup(func() { web.Close() })
	lost := make(chan error, 100)
	run(t, events.Config{RealtimeURL: "ws://" + listener.Addr().String() + "/event/realtime",
		Token: func(context.Context) (string, time.Time, error) { return "viewer", time.Time{}, nil },
		OnState: func(state events.State) {
			if state.Phase == events.Offline {
				lost <- state.Err
			}
		}})
	select {
	case err := <-lost:
		if !errors.Is(err, events.ErrSilent) {
			t.Errorf("lost by %v", err)
		}
	case <-time.After(patience):
		t.Fatal("silence went unnoticed")
	}
}
