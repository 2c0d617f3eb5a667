// Package standin is a backend for tests of what talks to one: the real user pool, event channels,
// gate, log and HTTP API, on one listener, without games. An approved hand-over is finished at once,
// since there is no stream to wait for. It is imported by tests only.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/api"
	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/gate"
	"hotseat/backend/local/appsync"
	"hotseat/backend/local/cognito"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// Backend is a running stand-in. It ends with the test.
type Backend struct {
	URL   string
	Users []cognito.User
	Gate  *gate.Gate

	t        testing.TB
	store    *store.Store
	events   *appsync.Server
	secret   []byte
	handover sync.WaitGroup
	server   *httptest.Server
	ahead    atomic.Int64 // nanoseconds that the gate's clock is ahead
	mu       sync.Mutex   // protects next
	next     int
}

var steward = auth.Identity{Person: playtest.Person{ID: "backend", Name: "backend", Role: playtest.RoleBackend}, TokenUse: auth.UseMachine}

// New starts one over plain HTTP on loopback.
func New(t testing.TB) *Backend { return start(t, "http", "ws", (*httptest.Server).Start) }

// NewTLS starts one over HTTPS, with a certificate of httptest's own authority: see Server.
func NewTLS(t testing.TB) *Backend { return start(t, "https", "wss", (*httptest.Server).StartTLS) }

// Server is the listener, for its certificate.
func (b *Backend) Server() *httptest.Server { return b.server }

func start(t testing.TB, scheme, wsScheme string, listen func(*httptest.Server)) *Backend {
	t.Helper()
	b := &Backend{t: t, Users: cognito.DemoUsers(), secret: []byte("a secret of 32 bytes for the test")}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if b.store, err = store.Open(filepath.Join(t.TempDir(), "log.db")); err != nil {
		t.Fatal(err)
	}
	b.Gate = gate.New(b.store, func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) })
	b.server = httptest.NewUnstartedServer(nil)
	host := b.server.Listener.Addr().String()
	b.URL = scheme + "://" + host
	pool, err := cognito.New(cognito.Config{Endpoint: b.URL + "/cognito", PoolID: "us-west-2_Hotseat01", ClientID: "console", Now: time.Now, Log: quiet}, b.Users)
	if err != nil {
		t.Fatal(err)
	}
	// The pool is in this process: its keys need no network, nor a trusted certificate.
	keys := &http.Client{Transport: inProcess{http.StripPrefix("/cognito", pool.Handler())}}
	verifier := auth.NewVerifier(auth.Config{Issuer: pool.Issuer(), JWKSURL: pool.JWKSURL(), ClientID: "console", MachineSecret: b.secret, HTTPClient: keys})
	b.events, err = appsync.New(appsync.Config{Host: host, Verify: verifier.Verify, Namespaces: []appsync.Namespace{
		{Name: gate.NamespacePlaytest, Hooks: hooks{b, gate.NamespacePlaytest}}, {Name: gate.NamespaceLive, Hooks: hooks{b, gate.NamespaceLive}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	served := api.New(api.Config{
		Public: api.PublicConfig{
			Region: "us-west-2", Cognito: api.CognitoConfig{Endpoint: b.URL + "/cognito/", UserPoolID: "us-west-2_Hotseat01", ClientID: "console"},
			Events: api.EventsConfig{HTTPURL: b.URL + "/event", RealtimeURL: wsScheme + "://" + host + "/event/realtime", Host: host}, Local: true,
		},
		Verifier: verifier, Gate: b.Gate, Store: b.store, Now: time.Now, Log: quiet,
	})
	mux := http.NewServeMux()
	mux.Handle("/cognito/", http.StripPrefix("/cognito", pool.Handler()))
	mux.Handle("/event", b.events.Handler())
	mux.Handle("/event/", b.events.Handler())
	mux.Handle("/", served)
	b.withoutGames(mux, verifier)
	b.server.Config.Handler = mux
	listen(b.server)
	t.Cleanup(func() {
		b.handover.Wait()
		b.events.Close()
		b.server.Close()
		_ = b.store.Close()
	})
	return b
}

// withoutGames answers what the steward and the services would.
func (b *Backend) withoutGames(mux *http.ServeMux, verifier *auth.Verifier) {
	lead := func(do func(r *http.Request, who playtest.Person) (int, any)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			who, err := verifier.Verify(r.Context(), r.Header.Get("Authorization"))
			status, body := http.StatusUnauthorized, any(map[string]any{"error": map[string]string{"code": "unauthorized", "message": "sign in again"}})
			switch {
			case err != nil:
			case who.Role != playtest.RoleLead:
				status, body = http.StatusForbidden, map[string]any{"error": map[string]string{"code": "not_allowed", "message": "a " + string(who.Role) + " may not do this"}}
			default:
				status, body = do(r, who.Person)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		}
	}
	mux.HandleFunc("GET /api/applications", lead(func(*http.Request, playtest.Person) (int, any) {
		return http.StatusOK, map[string]any{"applications": []map[string]string{{"id": "a-demo", "description": "Hotseat Runner", "status": "READY"}}}
	}))
	mux.HandleFunc("POST /api/sessions", lead(func(_ *http.Request, who playtest.Person) (int, any) {
		return http.StatusCreated, map[string]string{"id": b.Session("Hotseat Runner")}
	}))
	mux.HandleFunc("DELETE /api/sessions/{id}", lead(func(r *http.Request, who playtest.Person) (int, any) {
		id := r.PathValue("id")
		b.Publish(id, steward.Person, map[string]any{"action": playtest.ActionSessionEnded, "reason": "ended by " + who.Name})
		return http.StatusAccepted, map[string]string{"id": id}
	}))
}

// Session starts a session and returns its id.
func (b *Backend) Session(title string) string {
	b.t.Helper()
	b.mu.Lock()
	b.next++
	id := fmt.Sprintf("s-%04dstandin", b.next)
	b.mu.Unlock()
	ends := time.Now().Add(time.Hour)
	record := store.Session{ID: id, CreatedAt: time.Now(), Application: "a-demo", Title: title, Width: 1280, Height: 720, Framerate: 30, EndsAt: ends}
	if err := b.store.SaveSession(context.Background(), record); err != nil {
		b.t.Fatal(err)
	}
	b.Publish(id, steward.Person, map[string]any{"action": playtest.ActionSessionStarted, "title": title, "application": "a-demo", "width": 1280, "height": 720, "framerate": 30, "endsAt": ends.UnixMilli()})
	b.Publish(id, steward.Person, map[string]any{"action": playtest.ActionSessionState, "status": "ACTIVE"})
	return id
}

// Skip puts the gate's clock forward, so that a test need not wait for its rates.
func (b *Backend) Skip(d time.Duration) { b.ahead.Add(int64(d)) }

// Publish says something on a session's log as somebody, through the gate, and broadcasts it.
func (b *Backend) Publish(session string, who playtest.Person, event map[string]any) {
	b.t.Helper()
	if err := b.say(gate.NamespacePlaytest, session, auth.Identity{Person: who}, event); err != nil {
		b.t.Errorf("publishing %v as %s: %v", event["action"], who.Name, err)
	}
}

// Live says something on a session's live channel.
func (b *Backend) Live(session string, who auth.Identity, event map[string]any) error {
	return b.say(gate.NamespaceLive, session, who, event)
}

func (b *Backend) say(namespace, session string, who auth.Identity, event map[string]any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	out, err := b.Gate.Publish(context.Background(), namespace, session, who, payload)
	if err != nil || out == nil {
		return err
	}
	b.finish(session, out)
	return b.events.Broadcast("/"+namespace+"/"+session, out)
}

// finish is the steward: an approved hand-over is connected at once.
func (b *Backend) finish(session string, out json.RawMessage) {
	var e playtest.Event
	if json.Unmarshal(out, &e) != nil || e.Action != playtest.ActionTakeoverApprove {
		return
	}
	b.handover.Go(func() {
		b.Publish(session, steward.Person, map[string]any{"action": playtest.ActionSeatTaken, "requestId": e.RequestID})
	})
}

// State is the session's state at the end of its log.
func (b *Backend) State(session string) playtest.State {
	b.t.Helper()
	state, err := b.Gate.State(context.Background(), session)
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

// PersonToken are the credentials of a person whom the pool does not know.
func (b *Backend) PersonToken(who playtest.Person) events.Credentials {
	return func(context.Context) (string, time.Time, error) {
		now := time.Now()
		token, err := auth.MintPerson(b.secret, who, auth.MaxPersonLife, now)
		return token, now.Add(auth.MaxPersonLife), err
	}
}

// Lead is the account of the QA lead.
func (b *Backend) Lead() cognito.User {
	for _, u := range b.Users {
		if u.Group == string(playtest.RoleLead) {
			return u
		}
	}
	b.t.Fatal("no QA lead among the users")
	return cognito.User{}
}

// hooks ask the gate, as backend/local does.
type hooks struct {
	b         *Backend
	namespace string
}

func (h hooks) OnPublish(ctx context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	outcomes := make([]appsync.Outcome, len(p.Events))
	for i, e := range p.Events {
		out, err := h.b.Gate.Publish(ctx, h.namespace, p.Segments[1], p.Identity, e.Payload)
		var refusal *playtest.Refusal
		switch {
		case errors.As(err, &refusal):
			outcomes[i].Error = &appsync.EventError{Type: string(refusal.Code), Message: refusal.Message, Status: http.StatusConflict}
		case err != nil:
			return nil, err
		case out != nil:
			outcomes[i].Payload = out
			h.b.finish(p.Segments[1], out)
		}
	}
	return outcomes, nil
}

func (h hooks) OnSubscribe(ctx context.Context, s appsync.Subscribe) error {
	session := "*"
	if !s.Wildcard {
		session = s.Segments[1]
	}
	err := h.b.Gate.Subscribe(ctx, session, s.Identity)
	var refusal *playtest.Refusal
	if errors.As(err, &refusal) {
		return &appsync.EventError{Type: string(refusal.Code), Message: refusal.Message, Status: http.StatusForbidden}
	}
	return err
}

// inProcess answers requests by calling a handler.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.RemoteAddr = net.JoinHostPort("127.0.0.1", "1")
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}
