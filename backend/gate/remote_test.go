package gate

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// newRemote is a gate in "another process": a Remote on the Handler of a gate.
func newRemote(t *testing.T) (*Remote, *Gate) {
	t.Helper()
	g, _, _ := newGate(t)
	server := httptest.NewServer(g.Handler(func(r *http.Request) bool { return r.Header.Get("Authorization") == "ours" }, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	return &Remote{URL: server.URL, Token: func() (string, error) { return "ours", nil }, Client: client}, g
}

func TestAGateInAnotherProcessDecidesTheSame(t *testing.T) {
	far, _ := newRemote(t)
	near, _, _ := newGate(t)
	withKey := auth.Identity{Person: playtest.Person{ID: "ssh-1", Name: "Night shift", Role: playtest.RoleLead}, TokenUse: auth.UsePerson}
	stranger := auth.Identity{Person: sidecar.Person, Session: "s-2"}
	for _, c := range []struct {
		who       auth.Identity
		namespace string
		payload   string
	}{
		{viewer, NamespacePlaytest, `{"action":"USER_CHAT_MESSAGE","message":"hello"}`},
		{viewer, NamespacePlaytest, `{"action":"TAKEOVER_APPROVED"}`},
		{player, NamespacePlaytest, `{"action":"TAKEOVER_REQUEST"}`},
		{player, NamespacePlaytest, `{"action":"TAKEOVER_REQUEST"}`},
		{lead, NamespacePlaytest, `{"action":"SESSION_MARK","message":"here"}`},
		{withKey, NamespacePlaytest, `{"action":"SESSION_MARK","message":"there"}`},
		{viewer, NamespaceLive, `{"action":"STREAM_REACT","reaction":"heart"}`},
		{sidecar, NamespaceLive, `{"action":"SIDECAR_HEALTH","fps":30}`},
		{stranger, NamespaceLive, `{"action":"SIDECAR_HEALTH","fps":30}`},
		{backend, NamespacePlaytest, `{"action":"SESSION_ENDED","reason":"over"}`},
		{viewer, NamespacePlaytest, `{"action":"USER_CHAT_MESSAGE","message":"late"}`},
		{viewer, NamespacePlaytest, `{"action":"USER_CHAT_MESSAGE","message":"` + strings.Repeat("x", maxPersonPayload) + `"}`},
		{withKey, NamespacePlaytest, `{"action":"SESSION_MARK","message":"too late"}`},
		{viewer, NamespacePlaytest, `no JSON`},
		{viewer, NamespacePlaytest, `[]`},
	} {
		want, wantErr := near.Publish(t.Context(), c.namespace, "s-1", c.who, json.RawMessage(c.payload))
		got, err := far.Publish(t.Context(), c.namespace, "s-1", c.who, json.RawMessage(c.payload))
		name := c.payload[:min(len(c.payload), 60)]
		if codeOf(err) != codeOf(wantErr) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v, in process %v", name, err, wantErr)
		}
		var event, wanted playtest.Event
		_, _ = json.Unmarshal(got, &event), json.Unmarshal(want, &wanted)
		if event.Action != wanted.Action || event.Seq != wanted.Seq || event.Message != wanted.Message || event.User != wanted.User {
			t.Errorf("%s: %s, in process %s", name, got, want)
		}
	}
}

func TestAGateInAnotherProcessSaysWhoMayHear(t *testing.T) {
	far, _ := newRemote(t)
	for _, c := range []struct {
		session string
		who     auth.Identity
		code    playtest.Code
	}{
		{"s-1", viewer, ""}, {"s-1", sidecar, ""}, {"*", lead, ""}, {"*", backend, ""},
		{"*", viewer, playtest.CodeUnauthorized}, {"s-2", sidecar, playtest.CodeUnauthorized}, {"s-9", viewer, playtest.CodeBadRequest},
	} {
		if err := far.Subscribe(t.Context(), c.session, c.who); codeOf(err) != c.code || (err == nil) != (c.code == "") {
			t.Errorf("%s by %s: %v, want %q", c.session, c.who.ID, err, c.code)
		}
	}
}

func TestOnlyTheEventsServiceAsksAGate(t *testing.T) {
	far, g := newRemote(t)
	far.Token = func() (string, error) { return "a stranger's", nil }
	if _, err := far.Publish(t.Context(), NamespacePlaytest, "s-1", lead, json.RawMessage(`{"action":"SESSION_MARK"}`)); err == nil || codeOf(err) != "" {
		t.Errorf("error = %v", err)
	}
	if state, err := g.State(t.Context(), "s-1"); err != nil || state.Seq != 1 {
		t.Errorf("seq = %d, %v", state.Seq, err)
	}
}
