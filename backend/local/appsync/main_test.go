package appsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of the tests; they wait for events, never for time.
const patience = 10 * time.Second

const (
	goodKey    = "da2-abcdefghijklmnopqrstuvwxyz"
	expiredKey = "da2-zyxwvutsrqponmlkjihgfedcba"
)

// identities are the tokens that verify accepts.
var identities = map[string]auth.Identity{
	"token-viewer":  {Person: auth.Person{ID: "u-1", Name: "viewer", Role: auth.RoleViewer}, TokenUse: auth.UseID},
	"token-lead":    {Person: auth.Person{ID: "u-2", Name: "lead", Role: auth.RoleQALead}, TokenUse: auth.UseAccess},
	"token-sidecar": {Person: auth.Person{ID: "sidecar-s-1", Name: "sidecar", Role: auth.RoleSidecar}, TokenUse: auth.UseMachine, Session: "s-1"},
}

func verify(_ context.Context, token string) (auth.Identity, error) {
	identity, ok := identities[strings.TrimPrefix(token, "Bearer ")]
	if !ok {
		return auth.Identity{}, auth.ErrInvalid
	}
	return identity, nil
}

// hooks are functions that a test fills in; a nil one lets everything pass.
type hooks struct {
	publish   func(context.Context, appsync.Publish) ([]appsync.Outcome, error)
	subscribe func(context.Context, appsync.Subscribe) error
}

func (h hooks) OnPublish(ctx context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	if h.publish != nil {
		return h.publish(ctx, p)
	}
	return passAll(p), nil
}

func (h hooks) OnSubscribe(ctx context.Context, s appsync.Subscribe) error {
	if h.subscribe != nil {
		return h.subscribe(ctx, s)
	}
	return nil
}

func passAll(p appsync.Publish) []appsync.Outcome {
	outcomes := make([]appsync.Outcome, len(p.Events))
	for i, event := range p.Events {
		outcomes[i].Payload = event.Payload
	}
	return outcomes
}

// service is a running server.
type service struct {
	*appsync.Server
	httpURL, realtimeURL, host string
}

// serve runs a server with the namespaces "playtest" (with the hooks) and "keys" (API keys
// only), until the test ends.
func serve(t testing.TB, h hooks, change ...func(*appsync.Config)) service {
	t.Helper()
	var handler http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	host := web.Listener.Addr().String()
	cfg := appsync.Config{
		Host:    host,
		APIKeys: map[string]time.Time{goodKey: time.Now().Add(time.Hour), expiredKey: time.Now().Add(-time.Hour)},
		Verify:  verify,
		Namespaces: []appsync.Namespace{
			{Name: "playtest", Hooks: h},
			{Name: "keys", PublishModes: []appsync.AuthMode{appsync.ModeAPIKey}, SubscribeModes: []appsync.AuthMode{appsync.ModeAPIKey}},
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	server, err := appsync.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	handler = server.Handler()
	t.Cleanup(func() {
		server.Close()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return service{server, "http://" + host + "/event", "ws://" + host + "/event/realtime", host}
}

func (s service) token(name string) events.Authorization {
	return events.TokenAuthorization(s.host, "token-"+name)
}

// socket is a bare client: it says and hears single frames.
type socket struct {
	t testing.TB
	*websocket.Conn
}

// dial opens a socket with an authorization, and says nothing.
func (s service) dial(t testing.TB, given events.Authorization) socket {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{events.EncodeAuthProtocol(given), events.Subprotocol}}
	ws, _, err := dialer.Dial(s.realtimeURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != events.Subprotocol {
		t.Fatalf("the server selected %q", ws.Subprotocol())
	}
	t.Cleanup(func() { ws.Close() })
	return socket{t, ws}
}

func (s socket) say(frame any) {
	s.t.Helper()
	text, ok := frame.(string)
	if !ok {
		data, err := json.Marshal(frame)
		if err != nil {
			s.t.Fatal(err)
		}
		text = string(data)
	}
	if err := s.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// hear returns the next frame that is no keep-alive, as its text and parsed.
func (s socket) hear() (string, events.ServerFrame) {
	s.t.Helper()
	s.SetReadDeadline(time.Now().Add(patience)) // for all of them: keep-alives may go on and on
	for {
		_, data, err := s.ReadMessage()
		if err != nil {
			s.t.Fatal(err)
		}
		frame, err := events.ParseServerFrame(data)
		if err != nil {
			s.t.Fatal(err)
		}
		if frame.Type != events.TypeKeepAlive {
			return string(data), frame
		}
	}
}

// expect hears a frame of a type.
func (s socket) expect(kind string) events.ServerFrame {
	s.t.Helper()
	text, frame := s.hear()
	if frame.Type != kind {
		s.t.Fatalf("heard %s, want %s", text, kind)
	}
	return frame
}

// expectClose hears frames until the connection closes, and returns the code.
func (s socket) expectClose() int {
	s.t.Helper()
	s.SetReadDeadline(time.Now().Add(patience)) // for all of them: keep-alives may go on and on
	for {
		if _, _, err := s.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			if !errors.As(err, &closed) {
				s.t.Fatalf("the connection ended without a close frame: %v", err)
			}
			return closed.Code
		}
	}
}

func (s socket) subscribe(id, channel string, given events.Authorization) {
	s.t.Helper()
	s.say(events.ClientFrame{Type: events.TypeSubscribe, ID: id, Channel: channel, Authorization: given})
	if frame := s.expect(events.TypeSubscribeSuccess); frame.ID != id {
		s.t.Fatalf("answer for %q, want %q", frame.ID, id)
	}
}

func (s socket) publish(id, channel string, given events.Authorization, texts ...string) {
	s.t.Helper()
	s.say(events.ClientFrame{Type: events.TypePublish, ID: id, Channel: channel, Events: texts, Authorization: given})
}

// expectEvent hears a data frame of a subscription and returns its event.
func (s socket) expectEvent(id string) string {
	s.t.Helper()
	frame := s.expect(events.TypeData)
	found, err := frame.DataEvents()
	if err != nil || len(found) != 1 || frame.ID != id {
		s.t.Fatalf("data for %q with %v (%v), want one event for %q", frame.ID, found, err, id)
	}
	return string(found[0])
}

func expectErrorType(t testing.TB, frame events.ServerFrame, errorType string) {
	t.Helper()
	if len(frame.Errors) != 1 || frame.Errors[0].ErrorType != errorType || frame.Errors[0].Message == "" {
		t.Fatalf("errors %+v, want one %s with a message", frame.Errors, errorType)
	}
}
