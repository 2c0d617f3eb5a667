package tui

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/local/appsync"
	"hotseat/backend/local/cognito"
	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// rig is a small backend around the real parts that a console talks to: the user pool, the event
// channels and the rules. Sessions are in memory, games are not run: an approved hand-over is
// finished by the rig at once.
type rig struct {
	t        testing.TB
	server   *httptest.Server
	verifier *auth.Verifier
	events   *appsync.Server
	users    []cognito.User
	steward  sync.WaitGroup // finishes hand-overs

	mu       sync.Mutex // protects what follows
	sessions map[string]*rigSession
	order    []string
	next     int
}

type rigSession struct {
	info  client.Session
	state playtest.State
	log   []playtest.Event
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, sessions: map[string]*rigSession{}, users: cognito.DemoUsers()}
	r.server = httptest.NewUnstartedServer(nil)
	address := r.server.Listener.Addr().String()
	pool, err := cognito.New(cognito.Config{Endpoint: "http://" + address + "/cognito", PoolID: "us-west-2_Hotseat01", ClientID: "console"}, r.users)
	if err != nil {
		t.Fatal(err)
	}
	fetcher := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r.verifier = auth.NewVerifier(auth.Config{Issuer: pool.Issuer(), ClientID: "console", HTTPClient: fetcher})
	modes := []appsync.AuthMode{appsync.ModeCognito, appsync.ModeLambda}
	r.events, err = appsync.New(appsync.Config{Host: address, Verify: r.verifier.Verify, Namespaces: []appsync.Namespace{
		{Name: "playtest", PublishModes: modes, SubscribeModes: modes, Hooks: logHooks{r}},
		{Name: "live", PublishModes: modes, SubscribeModes: modes, Hooks: liveHooks{r}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/cognito/", http.StripPrefix("/cognito", pool.Handler()))
	mux.Handle("/event", r.events.Handler())
	mux.Handle("/event/", r.events.Handler())
	mux.HandleFunc("GET /api/config", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{
			"region": "us-west-2", "cognito": map[string]string{"endpoint": "http://" + address + "/cognito/", "clientId": "console"},
			"events": map[string]string{"httpUrl": "http://" + address + "/event", "realtimeUrl": "ws://" + address + "/event/realtime", "host": address},
		})
	})
	mux.HandleFunc("GET /api/me", r.signedIn(func(w http.ResponseWriter, _ *http.Request, who playtest.Person) { reply(w, 200, who) }))
	mux.HandleFunc("GET /api/applications", r.signedIn(func(w http.ResponseWriter, _ *http.Request, _ playtest.Person) {
		reply(w, 200, map[string]any{"applications": []client.Application{{ID: "a-demo", Description: "Hotseat Runner", Status: "READY"}}})
	}))
	mux.HandleFunc("GET /api/sessions", r.signedIn(r.list))
	mux.HandleFunc("POST /api/sessions", r.signedIn(func(w http.ResponseWriter, _ *http.Request, _ playtest.Person) {
		reply(w, 201, r.start("Hotseat Runner"))
	}))
	mux.HandleFunc("DELETE /api/sessions/{id}", r.signedIn(r.end))
	mux.HandleFunc("GET /api/sessions/{id}/log", r.signedIn(r.readLog))
	r.server.Config.Handler = mux
	r.server.Start()
	t.Cleanup(func() { r.steward.Wait(); r.events.Close(); r.server.Close() })
	return r
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (r *rig) signedIn(then func(http.ResponseWriter, *http.Request, playtest.Person)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		who, err := r.verifier.Verify(req.Context(), req.Header.Get("Authorization"))
		if err != nil {
			reply(w, 401, map[string]any{"error": map[string]string{"code": "unauthorized", "message": "sign in first"}})
			return
		}
		then(w, req, personOf(who))
	}
}

func personOf(i auth.Identity) playtest.Person {
	return playtest.Person{ID: i.ID, Name: i.Name, Role: playtest.Role(i.Role)}
}

// account is how somebody signs in.
func (r *rig) account(group string) Options {
	for _, u := range r.users {
		if u.Group == group {
			return Options{URL: r.server.URL, Email: u.Email, Password: u.Password}.withDefaults()
		}
	}
	r.t.Fatalf("no account for %s", group)
	return Options{}
}

func (r *rig) start(title string) client.Session {
	r.mu.Lock()
	r.next++
	id := fmt.Sprintf("s-%d", r.next)
	s := &rigSession{info: client.Session{ID: id, Title: title, Application: "a-demo", CreatedAt: time.Now(), EndsAt: time.Now().Add(time.Hour), Status: "ACTIVE"}}
	r.sessions[id] = s
	r.order = append([]string{id}, r.order...)
	info := s.info // list changes it
	r.mu.Unlock()
	r.decide(id, steward, playtest.Event{Action: playtest.ActionSessionStarted, Title: title, Application: "a-demo", Width: 1280, Height: 720, Framerate: 30, EndsAt: info.EndsAt.UnixMilli()}, true)
	return info
}

// decide is the gate: what is accepted is stamped and kept. It is broadcast from here if wanted, not
// under the lock: a publisher holds its channel while it waits for the lock.
func (r *rig) decide(id string, who playtest.Person, ask playtest.Event, broadcast bool) (*playtest.Event, *playtest.Refusal) {
	e, refusal := r.accept(id, who, ask)
	if e != nil && broadcast {
		data, _ := json.Marshal(e)
		if err := r.events.Broadcast("/playtest/"+id, data); err != nil {
			r.t.Errorf("broadcast: %v", err)
		}
	}
	return e, refusal
}

func (r *rig) accept(id string, who playtest.Person, ask playtest.Event) (*playtest.Event, *playtest.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[id]
	if s == nil {
		return nil, &playtest.Refusal{Code: playtest.CodeBadRequest, Message: "there is no such playtest"}
	}
	r.next++
	e, refusal := s.state.Decide(time.Now(), who, ask, fmt.Sprintf("r-%d", r.next))
	if e == nil {
		return nil, refusal
	}
	e.Seq, e.Session, e.Timestamp, e.User = s.state.Seq+1, id, time.Now().UnixMilli(), e.Actor.Name
	s.state.Apply(*e)
	s.log = append(s.log, *e)
	return e, nil
}

// live says something on the live channel.
func (r *rig) live(id string, fields map[string]any) {
	fields["session"], fields["timestamp"] = id, time.Now().UnixMilli()
	if fields["actor"] == nil {
		fields["actor"] = playtest.Person{ID: "sidecar-" + id, Name: "sidecar", Role: playtest.RoleSidecar}
	}
	data, _ := json.Marshal(fields)
	if err := r.events.Broadcast("/live/"+id, data); err != nil {
		r.t.Errorf("broadcast: %v", err)
	}
}

func thumbnail() string {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, drawGame(160, 90), nil)
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func (r *rig) list(w http.ResponseWriter, _ *http.Request, _ playtest.Person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []client.Session{}
	for _, id := range r.order {
		s := r.sessions[id]
		s.info.LastSeq, s.info.Seat, s.info.Waiting = s.state.Seq, s.state.Seat, len(s.state.Queue)
		list = append(list, s.info)
	}
	reply(w, 200, map[string]any{"sessions": list})
}

func (r *rig) end(w http.ResponseWriter, req *http.Request, who playtest.Person) {
	id := req.PathValue("id")
	if who.Role != playtest.RoleLead {
		reply(w, 403, map[string]any{"error": map[string]string{"code": "forbidden", "message": "only a QA lead ends a playtest"}})
		return
	}
	_, refusal := r.decide(id, steward, playtest.Event{Action: playtest.ActionSessionEnded, Reason: "ended by " + who.Name}, true)
	if refusal != nil {
		reply(w, 409, map[string]any{"error": map[string]string{"code": string(refusal.Code), "message": refusal.Message}})
		return
	}
	r.mu.Lock()
	now := time.Now()
	s := r.sessions[id]
	s.info.Status, s.info.EndedAt = "TERMINATED", &now
	info := s.info
	r.mu.Unlock()
	reply(w, 202, info)
}

func (r *rig) readLog(w http.ResponseWriter, req *http.Request, _ playtest.Person) {
	after, _ := strconv.ParseInt(req.URL.Query().Get("after"), 10, 64)
	limit, _ := strconv.Atoi(req.URL.Query().Get("limit"))
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[req.PathValue("id")]
	if s == nil {
		reply(w, 404, map[string]any{"error": map[string]string{"code": "not_found", "message": "there is no such playtest"}})
		return
	}
	rest := s.log[min(int(after), len(s.log)):]
	page := slices.Clone(rest[:min(limit, len(rest))])
	reply(w, 200, map[string]any{"events": page, "more": len(page) < len(rest)})
}

// logHooks are the gate of /playtest.
type logHooks struct{ r *rig }

func (h logHooks) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	out := make([]appsync.Outcome, len(p.Events))
	for i, in := range p.Events {
		var ask playtest.Event
		if err := json.Unmarshal(in.Payload, &ask); err != nil || len(p.Segments) != 2 {
			return nil, errors.New("not an event")
		}
		decided, refusal := h.r.decide(p.Segments[1], personOf(p.Identity), ask, false)
		if refusal != nil {
			out[i].Error = &appsync.EventError{Type: string(refusal.Code), Message: refusal.Message}
			continue
		}
		if decided == nil {
			continue
		}
		out[i].Payload, _ = json.Marshal(decided)
		if decided.Action == playtest.ActionTakeoverApprove {
			h.r.steward.Go(func() {
				h.r.decide(decided.Session, steward, playtest.Event{Action: playtest.ActionSeatTaken, RequestID: decided.RequestID}, true)
			})
		}
	}
	return out, nil
}

func (h logHooks) OnSubscribe(_ context.Context, s appsync.Subscribe) error {
	if s.Wildcard && s.Identity.Role != auth.Role(playtest.RoleLead) {
		return &appsync.EventError{Type: "Unauthorized", Message: "only a QA lead hears every playtest"}
	}
	return nil
}

// liveHooks stamp what is said on /live.
type liveHooks struct{ r *rig }

func (h liveHooks) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	out := make([]appsync.Outcome, len(p.Events))
	for i, in := range p.Events {
		fields := map[string]any{}
		if err := json.Unmarshal(in.Payload, &fields); err != nil {
			return nil, err
		}
		fields["session"], fields["timestamp"], fields["actor"] = p.Segments[1], time.Now().UnixMilli(), personOf(p.Identity)
		out[i].Payload, _ = json.Marshal(fields)
	}
	return out, nil
}

func (h liveHooks) OnSubscribe(ctx context.Context, s appsync.Subscribe) error {
	return logHooks{h.r}.OnSubscribe(ctx, s)
}
