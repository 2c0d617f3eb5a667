package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"hotseat/backend/auth"
	"hotseat/backend/aws"
	"hotseat/backend/gate"
	"hotseat/backend/local/cognito"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
	"hotseat/backend/store"
)

const machineSecret = "a secret of at least thirty-two bytes"

// world is a backend with a real user pool. GameLift Streams and IVS are not there: what needs
// them fails with 500, which is not what these tests look at.
type world struct {
	t      *testing.T
	server *httptest.Server
	pool   *httptest.Server
	gate   *gate.Gate
	skew   atomic.Int64 // of the backend's clock
	tokens map[playtest.Role]string
}

const testSession = "s-1"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, tokens: map[playtest.Role]string{}}
	var pool http.Handler
	w.pool = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { pool.ServeHTTP(rw, r) }))
	t.Cleanup(w.pool.Close)
	users := []cognito.User{
		{Email: "lead@example.com", Password: "Lead-pass-1", Group: "qa-lead"},
		{Email: "player@example.com", Password: "Player-pass-1", Group: "player"},
		{Email: "viewer@example.com", Password: "Viewer-pass-1", Group: "viewer"},
	}
	service, err := cognito.New(cognito.Config{Endpoint: w.pool.URL, PoolID: "us-west-2_Test", ClientID: "testclient"}, users)
	if err != nil {
		t.Fatal(err)
	}
	pool = service.Handler()
	now := func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(filepath.Join(t.TempDir(), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.SaveSession(t.Context(), store.Session{ID: testSession, CreatedAt: now(), StageARN: "arn:aws:ivs:x", StreamSessionARN: "arn:aws:gameliftstreams:x"}); err != nil {
		t.Fatal(err)
	}
	w.gate = gate.New(db, now)
	w.publish(playtest.Person{ID: "backend", Name: "backend", Role: playtest.RoleBackend}, playtest.Event{Action: playtest.ActionSessionStarted, Title: "game"})
	nowhere := httptest.NewServer(http.NotFoundHandler()) // answers at once, so nothing is tried again
	t.Cleanup(nowhere.Close)
	calls := aws.New(aws.Config{
		Region: "us-west-2", Credentials: awssdk.AnonymousCredentials{},
		StreamsEndpoint: nowhere.URL, RealTimeEndpoint: nowhere.URL, StreamGroup: "sg-1",
	})
	w.server = httptest.NewServer(New(Config{
		Verifier: auth.NewVerifier(auth.Config{
			Issuer: service.Issuer(), ClientID: "testclient", JWKSURL: service.JWKSURL(), MachineSecret: []byte(machineSecret), Now: now,
		}),
		Gate: w.gate, Store: db, AWS: calls, Now: now, Log: log,
		Steward: steward.New(steward.Config{AWS: calls, Store: db, Now: now, Log: log}),
	}))
	t.Cleanup(w.server.Close)
	for _, u := range users {
		w.tokens[playtest.Role(u.Group)] = w.signIn(u)
	}
	return w
}

func (w *world) publish(who playtest.Person, e playtest.Event) {
	w.t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.gate.Publish(context.Background(), gate.NamespacePlaytest, testSession, auth.Identity{Person: who}, payload); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) signIn(u cognito.User) string {
	w.t.Helper()
	body, _ := json.Marshal(map[string]any{
		"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "testclient",
		"AuthParameters": map[string]string{"USERNAME": u.Email, "PASSWORD": u.Password},
	})
	r, err := http.NewRequest(http.MethodPost, w.pool.URL+"/", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var out struct{ AuthenticationResult struct{ IdToken string } }
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil || out.AuthenticationResult.IdToken == "" {
		w.t.Fatalf("signing %s in: %s, %v", u.Email, response.Status, err)
	}
	return out.AuthenticationResult.IdToken
}

// call makes a request and returns the status and the body.
func (w *world) call(method, path, token, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestEveryRouteWithEveryRole walks the table of routes: who has no right gets 401 or 403, who has
// it gets something else.
func TestEveryRouteWithEveryRole(t *testing.T) {
	w := newWorld(t)
	own, err := auth.MintMachine([]byte(machineSecret), playtest.RoleSidecar, testSession, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	strange, err := auth.MintMachine([]byte(machineSecret), playtest.RoleSidecar, "s-another", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := auth.MintMachine([]byte(strings.Repeat("x", 40)), playtest.RoleBackend, "", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged := w.tokens[playtest.RoleLead]
	forged = forged[:len(forged)-8] + "AAAAAAAA"
	for _, r := range (&Server{}).routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.ReplaceAll(path, "{id}", testSession)
		for role, token := range w.tokens {
			status, body := w.call(method, path, token, "{}")
			want := r.access == open || r.access.allows(role)
			if allowed := status != http.StatusUnauthorized && status != http.StatusForbidden; allowed != want {
				t.Errorf("%s as %s: %d %s", r.pattern, role, status, body)
			}
		}
		for name, token := range map[string]string{"no token": "", "a forged token": forged, "a foreign machine's token": other, "nonsense": "a.b.c"} {
			if status, body := w.call(method, path, token, "{}"); r.access != open && status != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d %s", r.pattern, name, status, body)
			}
		}
		for name, machine := range map[string]string{"its own sidecar": own, "another session's sidecar": strange} {
			status, body := w.call(method, path, machine, "{}")
			want := r.access == open || r.access.allowsSidecar() && machine == own
			if allowed := status != http.StatusForbidden; allowed != want {
				t.Errorf("%s as %s: %d %s", r.pattern, name, status, body)
			}
		}
	}
	w.skew.Store(int64(time.Hour))
	for _, r := range (&Server{}).routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.ReplaceAll(path, "{id}", testSession)
		status, body := w.call(method, path, w.tokens[playtest.RoleLead], "{}")
		if r.access != open && (status != http.StatusUnauthorized || !strings.Contains(body, "expired")) {
			t.Errorf("%s with an expired token: %d %s", r.pattern, status, body)
		}
	}
}

func TestTheLogIsReadInPages(t *testing.T) {
	w := newWorld(t)
	viewer := playtest.Person{ID: "v", Name: "v", Role: playtest.RoleViewer}
	for range 4 {
		w.publish(viewer, playtest.Event{Action: playtest.ActionChat, Message: "hello"})
	}
	var page struct {
		Events []playtest.Event
		Next   int64
		More   bool
	}
	var seqs []int64
	for more := true; more; more = page.More {
		status, body := w.call(http.MethodGet, fmt.Sprintf("/api/sessions/s-1/log?limit=2&after=%d", page.Next), w.tokens[playtest.RoleViewer], "")
		page.Events = nil
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		for _, e := range page.Events {
			seqs = append(seqs, e.Seq)
		}
	}
	if len(seqs) != 5 || seqs[0] != 1 || seqs[4] != 5 {
		t.Fatalf("seqs = %v", seqs)
	}
}

func TestBadRequestsSayWhatToDo(t *testing.T) {
	w := newWorld(t)
	lead := w.tokens[playtest.RoleLead]
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"an unknown session":      {http.MethodGet, "/api/sessions/s-9", "", 404, "lobby"},
		"an unknown route":        {http.MethodGet, "/api/nothing", "", 404, "docs/protocol.md"},
		"a broken body":           {http.MethodPost, "/api/sessions", "{", 400, "JSON"},
		"no application":          {http.MethodPost, "/api/sessions", "{}", 400, "/api/applications"},
		"a picture IVS refuses":   {http.MethodPost, "/api/sessions", `{"application":"a","width":1920,"height":1080}`, 400, "1280x720"},
		"a bitrate IVS refuses":   {http.MethodPost, "/api/sessions", `{"application":"a","videoBitrateKbps":15000}`, 400, "8500"},
		"an oversized body":       {http.MethodPost, "/api/sessions", `{"application":"` + strings.Repeat("x", maxBody) + `"}`, 413, "65536"},
		"a limit out of range":    {http.MethodGet, "/api/sessions/s-1/log?limit=0", "", 400, "limit"},
		"an empty offer":          {http.MethodPut, "/api/sessions/s-1/offer", "{}", 400, "signalRequest"},
		"an offer that is none":   {http.MethodPut, "/api/sessions/s-1/offer", `{"signalRequest":"x"}`, 400, "offer"},
		"a picture beyond reason": {http.MethodPost, "/api/sessions", `{"application":"a","width":4294967296,"height":4294967296}`, 400, "1280x720"},
		"an offer out of turn":    {http.MethodPut, "/api/sessions/s-1/offer", `{"signalRequest":"{\"type\":\"offer\",\"sdp\":\"v=0\"}","requestId":"r-1"}`, 410, "over"},
		"the end of what is over": {http.MethodDelete, "/api/sessions/s-1", "", 409, "over"},
	} {
		status, body := w.call(c.method, c.path, lead, c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestSessionsTellNoSecrets(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/api/sessions", "/api/sessions/s-1", "/api/sessions/s-1/log"} {
		if _, body := w.call(http.MethodGet, path, w.tokens[playtest.RoleViewer], ""); strings.Contains(body, "arn:") {
			t.Errorf("%s tells an ARN: %s", path, body)
		}
	}
}

func TestThePageAllowsNoForeignScript(t *testing.T) {
	w := newWorld(t)
	response, err := http.Get(w.server.URL + "/s/s-1")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "default-src 'none'") {
		t.Fatalf("policy = %q", policy)
	}
}

func TestTheBannedReadNothing(t *testing.T) {
	w := newWorld(t)
	status, body := w.call(http.MethodGet, "/api/me", w.tokens[playtest.RoleViewer], "")
	var viewer playtest.Person
	if err := json.Unmarshal([]byte(body), &viewer); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	lead := playtest.Person{ID: "l", Name: "l", Role: playtest.RoleLead}
	w.publish(viewer, playtest.Event{Action: playtest.ActionArrived})
	w.publish(lead, playtest.Event{Action: playtest.ActionBan, Person: &viewer})
	for _, path := range []string{"GET /api/sessions/s-1", "GET /api/sessions/s-1/log", "POST /api/sessions/s-1/stage-token"} {
		method, path, _ := strings.Cut(path, " ")
		if status, body := w.call(method, path, w.tokens[playtest.RoleViewer], "{}"); status != http.StatusForbidden || !strings.Contains(body, "banned") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
