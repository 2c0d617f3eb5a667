package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/local/appsync"
	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// patience bounds what a test waits for on a machine with other things to do.
const patience = 30 * time.Second

var (
	lead    = playtest.Person{ID: "u-lead", Name: "lead", Role: playtest.RoleLead}
	viewer  = playtest.Person{ID: "u-viewer", Name: "viewer", Role: playtest.RoleViewer}
	steward = playtest.Person{ID: "backend", Name: "backend", Role: playtest.RoleBackend}
)

// backend is the real event channels and rules, and as much of the HTTP API as a console asks for. A
// token is the id of its person. Clients reach it over a wire that can be cut.
type backend struct {
	t       testing.TB
	url     string // through the wire
	wire    *wire
	events  *appsync.Server
	upgrade atomic.Int32 // connections to the channels

	mu       sync.Mutex // protects what follows
	order    []string
	sessions map[string]*playtest.State
	logs     map[string][]playtest.Event
}

func newBackend(t testing.TB) *backend {
	t.Helper()
	b := &backend{t: t, sessions: map[string]*playtest.State{}, logs: map[string][]playtest.Event{}}
	server := httptest.NewUnstartedServer(nil)
	b.wire = newWire(t, server.Listener.Addr().String())
	host := b.wire.listener.Addr().String()
	b.url = "http://" + host
	verify := func(_ context.Context, token string) (auth.Identity, error) {
		for _, p := range []playtest.Person{lead, viewer} {
			if strings.TrimPrefix(token, "Bearer ") == p.ID {
				return auth.Identity{Person: p, TokenUse: auth.UseID}, nil
			}
		}
		return auth.Identity{}, auth.ErrInvalid
	}
	var err error
	b.events, err = appsync.New(appsync.Config{Host: host, Verify: verify, Namespaces: []appsync.Namespace{{Name: "playtest", Hooks: hooks{b}}, {Name: "live", Hooks: hooks{b}}}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	channels := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			b.upgrade.Add(1)
		}
		b.events.Handler().ServeHTTP(w, r)
	})
	mux.Handle("/event", channels)
	mux.Handle("/event/", channels)
	mux.HandleFunc("GET /api/config", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{
			"region": "us-west-2", "cognito": map[string]string{"endpoint": b.url + "/cognito/", "clientId": "console"},
			"events": map[string]string{"httpUrl": b.url + "/event", "realtimeUrl": "ws://" + host + "/event/realtime", "host": host},
		})
	})
	mux.HandleFunc("GET /api/me", func(w http.ResponseWriter, r *http.Request) {
		who, _ := verify(r.Context(), r.Header.Get("Authorization"))
		reply(w, who.Person)
	})
	mux.HandleFunc("GET /api/sessions", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]any{"sessions": b.list()}) })
	mux.HandleFunc("GET /api/sessions/{id}/log", b.page)
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(func() { b.events.Close(); b.wire.close(); server.Close() })
	return b
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func (b *backend) list() []client.Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []client.Session{}
	for _, id := range b.order {
		s := b.sessions[id]
		list = append(list, client.Session{ID: id, Title: s.Title, Status: "ACTIVE", LastSeq: s.Seq, Seat: s.Seat, Waiting: len(s.Queue)})
	}
	return list
}

func (b *backend) page(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	b.mu.Lock()
	log := b.logs[r.PathValue("id")]
	rest := log[min(after, len(log)):]
	page := rest[:min(limit, len(rest))]
	b.mu.Unlock()
	reply(w, map[string]any{"events": page, "more": len(page) < len(rest)})
}

func (b *backend) start(id string) {
	b.mu.Lock()
	b.order = append(b.order, id)
	b.sessions[id] = &playtest.State{}
	b.mu.Unlock()
	b.say(id, steward, playtest.Event{Action: playtest.ActionSessionStarted, Title: "game of " + id, EndsAt: time.Now().Add(time.Hour).UnixMilli()})
}

// say is the gate and the broadcast.
func (b *backend) say(id string, who playtest.Person, ask playtest.Event) playtest.Event {
	b.t.Helper()
	e, err := b.accept(id, who, ask)
	if err != nil || e == nil {
		b.t.Fatalf("%s of %s: %v", ask.Action, who.Name, err)
	}
	data, _ := json.Marshal(e)
	if err := b.events.Broadcast("/playtest/"+id, data); err != nil {
		b.t.Fatal(err)
	}
	return *e
}

func (b *backend) accept(id string, who playtest.Person, ask playtest.Event) (*playtest.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sessions[id]
	if s == nil {
		return nil, errors.New("no such session")
	}
	e, refusal := s.Decide(time.Now(), who, ask, fmt.Sprintf("r-%d", s.Seq))
	if refusal != nil {
		return nil, &appsync.EventError{Type: string(refusal.Code), Message: refusal.Message}
	}
	if e != nil {
		e.Seq, e.Session, e.Timestamp, e.User = s.Seq+1, id, time.Now().UnixMilli(), e.Actor.Name
		s.Apply(*e)
		b.logs[id] = append(b.logs[id], *e)
	}
	return e, nil
}

// live says something on the live channel as the sidecar would.
func (b *backend) live(id string, fields map[string]any) {
	fields["session"], fields["timestamp"] = id, time.Now().UnixMilli()
	fields["actor"] = playtest.Person{ID: "sidecar-" + id, Name: "sidecar", Role: playtest.RoleSidecar}
	data, _ := json.Marshal(fields)
	if err := b.events.Broadcast("/live/"+id, data); err != nil {
		b.t.Error(err)
	}
}

// hooks are the gate for what clients publish.
type hooks struct{ b *backend }

func (h hooks) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	out := make([]appsync.Outcome, len(p.Events))
	for i, in := range p.Events {
		var ask playtest.Event
		if err := json.Unmarshal(in.Payload, &ask); err != nil {
			return nil, err
		}
		if p.Segments[0] == "live" {
			continue // presence, which nobody here looks at
		}
		e, err := h.b.accept(p.Segments[1], p.Identity.Person, ask)
		var refused *appsync.EventError
		switch {
		case errors.As(err, &refused):
			out[i].Error = refused
		case err != nil:
			return nil, err
		case e != nil:
			out[i].Payload, _ = json.Marshal(e)
		}
	}
	return out, nil
}

func (h hooks) OnSubscribe(_ context.Context, s appsync.Subscribe) error {
	if s.Wildcard && s.Identity.Role != playtest.RoleLead {
		return &appsync.EventError{Type: "Unauthorized", Message: "only a QA lead hears all sessions"}
	}
	return nil
}

// watch runs a client until the test ends and hands its updates over.
func (b *backend) watch(who playtest.Person, change func(*client.Config)) (*client.Client, <-chan client.Update) {
	b.t.Helper()
	cfg := client.Config{
		URL: b.url, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Token: func(context.Context) (string, time.Time, error) { return who.ID, time.Time{}, nil },
	}
	if change != nil {
		change(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		for range c.Updates() {
		}
		if err := <-done; err != nil {
			b.t.Errorf("Run ended with %v", err)
		}
	})
	return c, c.Updates()
}

// until reads updates until one makes ok true.
func until(t testing.TB, updates <-chan client.Update, what string, ok func(client.Update) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case u, open := <-updates:
			if !open {
				t.Fatalf("the client ended before: %s", what)
			}
			if ok(u) {
				return
			}
		case <-deadline:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// wire is a TCP forwarder that can be cut: what is under way is lost, and connecting fails.
type wire struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu    sync.Mutex // protects what follows
	down  bool
	conns map[net.Conn]bool
}

func newWire(t testing.TB, to string) *wire {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, to: to, conns: map[net.Conn]bool{}}
	w.running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			w.join(near)
		}
	})
	return w
}

func (w *wire) join(near net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		_ = near.Close()
		return
	}
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = near.Close()
		return
	}
	w.conns[near], w.conns[far] = true, true
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		w.running.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, c := range pair {
				_ = c.Close()
				delete(w.conns, c)
			}
		})
	}
}

// cut loses every connection, and with it what the kernel still holds of it.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for c := range w.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an orderly end
		}
		_ = c.Close()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

func (w *wire) close() {
	_ = w.listener.Close()
	w.cut()
	w.running.Wait()
}
