package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/local/appsync"
)

// channels is the event service of a session, with the sidecar's rights checked as the gate does.
type channels struct {
	server *appsync.Server
	url    string
	live   chan map[string]any
	wires  *wires
}

// drop cuts every connection, as a proxy that is started again does.
func (c *channels) drop() { c.wires.cut() }

// wires is a listener that remembers its connections: those of a WebSocket are no longer the HTTP
// server's to close.
type wires struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func (w *wires) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err == nil {
		w.mu.Lock()
		w.open = append(w.open, c)
		w.mu.Unlock()
	}
	return c, err
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

func (c *channels) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	out := make([]appsync.Outcome, len(p.Events))
	for i, e := range p.Events {
		out[i].Payload = e.Payload
		var m map[string]any
		if json.Unmarshal(e.Payload, &m) == nil && p.Channel == "/live/"+sessionID {
			select {
			case c.live <- m:
			default:
			}
		}
	}
	return out, nil
}

func (c *channels) OnSubscribe(context.Context, appsync.Subscribe) error { return nil }

const eventsToken = "machine-token-of-the-test"

func startChannels(t *testing.T) *channels {
	t.Helper()
	c := &channels{live: make(chan map[string]any, 1000)}
	web := httptest.NewUnstartedServer(nil)
	c.wires = &wires{Listener: web.Listener}
	web.Listener = c.wires
	s, err := appsync.New(appsync.Config{
		Host: web.Listener.Addr().String(),
		Verify: func(_ context.Context, token string) (auth.Identity, error) {
			if token != eventsToken {
				return auth.Identity{}, errors.New("not this token")
			}
			return auth.Identity{Person: auth.Person{ID: "sidecar-" + sessionID, Role: "sidecar"}, Session: sessionID}, nil
		},
		Namespaces: []appsync.Namespace{{Name: "live", Hooks: c}, {Name: "playtest", Hooks: c}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.server = s
	web.Config.Handler = http.Handler(s.Handler())
	web.Start()
	c.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/event/realtime"
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return c
}

// until reads live events until one has the action and passes the check.
func (c *channels) until(t *testing.T, action string, ok func(map[string]any) bool) map[string]any {
	t.Helper()
	return c.within(t, patience, action, ok)
}

// within is until with a time of its own.
func (c *channels) within(t *testing.T, most time.Duration, action string, ok func(map[string]any) bool) map[string]any {
	t.Helper()
	for end := time.Now().Add(most); time.Now().Before(end); {
		if m := next(t, c.live, action); m["action"] == action && ok(m) {
			return m
		}
	}
	t.Fatalf("no such %s within %v", action, most)
	return nil
}
