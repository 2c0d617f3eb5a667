package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

func person(id string, role playtest.Role) auth.Identity {
	return auth.Identity{Person: playtest.Person{ID: id, Name: id, Role: role}}
}

var (
	lead    = person("lead", playtest.RoleLead)
	player  = person("player", playtest.RolePlayer)
	viewer  = person("viewer", playtest.RoleViewer)
	backend = person("backend", playtest.RoleBackend)
	sidecar = auth.Identity{Person: playtest.Person{ID: "sidecar-s-1", Name: "sidecar", Role: playtest.RoleSidecar}, Session: "s-1"}
)

type clock struct{ now time.Time }

func newGate(t *testing.T) (*Gate, *store.Store, *clock) {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := &clock{time.UnixMilli(1_790_000_000_000)}
	for _, id := range []string{"s-1", "s-2"} {
		if err := s.SaveSession(t.Context(), store.Session{ID: id, CreatedAt: c.now}); err != nil {
			t.Fatal(err)
		}
	}
	g := New(s, func() time.Time { return c.now })
	for _, id := range []string{"s-1", "s-2"} {
		if _, err := g.Publish(t.Context(), NamespacePlaytest, id, backend, json.RawMessage(`{"action":"SESSION_STARTED"}`)); err != nil {
			t.Fatal(err)
		}
	}
	return g, s, c
}

func codeOf(err error) playtest.Code {
	var refusal *playtest.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func TestWhatTheMessageClaimsIsOverwritten(t *testing.T) {
	g, _, _ := newGate(t)
	out, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, json.RawMessage(
		`{"action":"USER_CHAT_MESSAGE","message":"hello","user":"lead","actor":{"id":"lead","role":"qa-lead"},"seq":77,"session":"s-2","timestamp":1}`))
	if err != nil {
		t.Fatal(err)
	}
	var e playtest.Event
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatal(err)
	}
	if e.Actor != viewer.Person || e.User != "viewer" || e.Seq != 2 || e.Session != "s-1" || e.Timestamp < 1_790_000_000_000 {
		t.Fatalf("event = %s", out)
	}
}

func TestReactionsAreStampedButNotLogged(t *testing.T) {
	g, s, _ := newGate(t)
	for _, namespace := range []string{NamespacePlaytest, NamespaceLive} {
		out, err := g.Publish(t.Context(), namespace, "s-1", viewer, json.RawMessage(`{"action":"STREAM_REACT","reaction":"fire","user":null,"message":null}`))
		if err != nil || !strings.Contains(string(out), `"name":"viewer"`) {
			t.Fatalf("out = %s, %v", out, err)
		}
	}
	events, err := s.Read(t.Context(), "s-1", 0, 10)
	if err != nil || len(events) != 1 {
		t.Fatalf("log = %+v, %v", events, err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	g, _, _ := newGate(t)
	long := fmt.Sprintf(`{"action":"USER_CHAT_MESSAGE","message":%q}`, strings.Repeat("x", maxPersonPayload))
	for name, c := range map[string]struct {
		who                         auth.Identity
		namespace, session, payload string
		want                        playtest.Code
	}{
		"a sidecar on another session":  {sidecar, NamespaceLive, "s-2", `{"action":"SIDECAR_HEALTH","state":"live"}`, playtest.CodeUnauthorized},
		"a sidecar that chats":          {sidecar, NamespacePlaytest, "s-1", `{"action":"USER_CHAT_MESSAGE","message":"hi"}`, playtest.CodeNotAllowed},
		"a viewer who is a sidecar":     {viewer, NamespaceLive, "s-1", `{"action":"SIDECAR_HEALTH","state":"live"}`, playtest.CodeNotAllowed},
		"a viewer who takes the seat":   {viewer, NamespacePlaytest, "s-1", `{"action":"SEAT_TAKEN","requestId":"r-1"}`, playtest.CodeNotAllowed},
		"a viewer who approves":         {viewer, NamespacePlaytest, "s-1", `{"action":"TAKEOVER_APPROVED"}`, playtest.CodeNotAllowed},
		"a person without a role":       {person("x", ""), NamespacePlaytest, "s-1", `{"action":"USER_CHAT_MESSAGE","message":"hi"}`, playtest.CodeUnauthorized},
		"an unknown session":            {viewer, NamespacePlaytest, "s-9", `{"action":"USER_CHAT_MESSAGE","message":"hi"}`, playtest.CodeBadRequest},
		"no JSON object":                {viewer, NamespacePlaytest, "s-1", `[1]`, playtest.CodeBadRequest},
		"no action":                     {viewer, NamespacePlaytest, "s-1", `{}`, playtest.CodeBadRequest},
		"a number for a message":        {viewer, NamespacePlaytest, "s-1", `{"action":"USER_CHAT_MESSAGE","message":7}`, playtest.CodeBadRequest},
		"an unknown reaction":           {viewer, NamespaceLive, "s-1", `{"action":"STREAM_REACT","reaction":"\u001b[2J"}`, playtest.CodeBadRequest},
		"an oversized event":            {viewer, NamespacePlaytest, "s-1", long, playtest.CodeTooLarge},
		"a log action on the live side": {viewer, NamespaceLive, "s-1", `{"action":"USER_CHAT_MESSAGE","message":"hi"}`, playtest.CodeNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := g.Publish(t.Context(), c.namespace, c.session, c.who, json.RawMessage(c.payload))
			if codeOf(err) != c.want {
				t.Fatalf("out = %s, err = %v, want %s", out, err, c.want)
			}
		})
	}
}

func TestWhatWasHeardCannotBeReplayed(t *testing.T) {
	g, _, c := newGate(t)
	ask := func(who auth.Identity, payload string) (json.RawMessage, error) {
		c.now = c.now.Add(2 * time.Second)
		return g.Publish(t.Context(), NamespacePlaytest, "s-1", who, json.RawMessage(payload))
	}
	request, err := ask(viewer, `{"action":"TAKEOVER_REQUEST"}`)
	if err != nil {
		t.Fatal(err)
	}
	var r playtest.Event
	if err := json.Unmarshal(request, &r); err != nil {
		t.Fatal(err)
	}
	approval, err := ask(lead, fmt.Sprintf(`{"action":"TAKEOVER_APPROVED","requestId":%q}`, r.RequestID))
	if err != nil {
		t.Fatal(err)
	}
	// Whole events as they were broadcast, stamps and all, by somebody who heard them.
	for name, replay := range map[string]struct {
		who     auth.Identity
		payload json.RawMessage
		want    playtest.Code
	}{
		"the request, by another":          {player, request, ""}, // becomes the player's own, with a new id
		"the request, by the requester":    {viewer, request, playtest.CodeHandoverRunning},
		"the approval, by the requester":   {viewer, approval, playtest.CodeNotAllowed},
		"the approval, by the lead":        {lead, approval, playtest.CodeAlreadyDecided},
		"the approval, on another session": {lead, approval, playtest.CodeNoSuchRequest},
	} {
		session := "s-1"
		if strings.Contains(name, "another session") {
			session = "s-2"
		}
		c.now = c.now.Add(2 * time.Second)
		out, err := g.Publish(t.Context(), NamespacePlaytest, session, replay.who, replay.payload)
		if codeOf(err) != replay.want {
			t.Errorf("%s: %s, %v, want %q", name, out, err, replay.want)
		}
		if err == nil && (strings.Contains(string(out), r.RequestID) || !strings.Contains(string(out), `"name":"player"`)) {
			t.Errorf("%s: became %s", name, out)
		}
	}
}

func TestTextThatPlaysTricksIsNeutralised(t *testing.T) {
	g, _, _ := newGate(t)
	tricks := "\x1b]0;title\x07 \u202eevil\u202c \u2066x\u2069 \u009b31m line\nbreak"
	payload, err := json.Marshal(map[string]string{"action": "USER_CHAT_MESSAGE", "message": tricks})
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, payload)
	if err != nil {
		t.Fatal(err)
	}
	var e playtest.Event
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatal(err)
	}
	for _, r := range e.Message {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Errorf("%q still holds %U", e.Message, r)
		}
	}
	if !strings.Contains(e.Message, "evil") || !strings.Contains(e.Message, "line break") {
		t.Errorf("the words are gone: %q", e.Message)
	}
}

func TestTheFloodOfOneIsNotTheSilenceOfOthers(t *testing.T) {
	g, _, c := newGate(t)
	say := json.RawMessage(`{"action":"USER_CHAT_MESSAGE","message":"hi"}`)
	refused := 0
	for range 20 {
		if _, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, say); codeOf(err) == playtest.CodeTooFast {
			refused++
		}
	}
	if refused != 15 {
		t.Fatalf("%d of 20 refused, want all after the first 5", refused)
	}
	if _, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", player, say); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(time.Second)
	if _, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, say); err != nil {
		t.Fatal(err)
	}
}

func TestTwoBackendsOnOneLogDecideEachRequestOnce(t *testing.T) {
	g1, s, c := newGate(t)
	g2 := New(s, func() time.Time { return c.now })
	out, err := g1.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, json.RawMessage(`{"action":"TAKEOVER_REQUEST"}`))
	if err != nil {
		t.Fatal(err)
	}
	var request playtest.Event
	if err := json.Unmarshal(out, &request); err != nil {
		t.Fatal(err)
	}
	decide := func(action playtest.Action) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"action":%q,"requestId":%q}`, action, request.RequestID))
	}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, errs[0] = g1.Publish(t.Context(), NamespacePlaytest, "s-1", lead, decide(playtest.ActionTakeoverApprove))
	})
	wg.Go(func() {
		_, errs[1] = g2.Publish(t.Context(), NamespacePlaytest, "s-1", lead, decide(playtest.ActionTakeoverDeny))
	})
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("errors = %v, want exactly one", errs)
	}
	for _, err := range errs {
		if err != nil && codeOf(err) != playtest.CodeAlreadyDecided {
			t.Fatalf("the loser read %v", err)
		}
	}
}

func TestABackendDoesNotRefuseWhatAnotherMadeTrue(t *testing.T) {
	g1, s, c := newGate(t)
	g2 := New(s, func() time.Time { return c.now })
	say := json.RawMessage(`{"action":"USER_CHAT_MESSAGE","message":"hi"}`)
	if _, err := g2.Publish(t.Context(), NamespacePlaytest, "s-1", lead, say); err != nil { // its cache is warm now
		t.Fatal(err)
	}
	out, err := g1.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, json.RawMessage(`{"action":"TAKEOVER_REQUEST"}`))
	if err != nil {
		t.Fatal(err)
	}
	var request playtest.Event
	if err := json.Unmarshal(out, &request); err != nil {
		t.Fatal(err)
	}
	if _, err := g2.Publish(t.Context(), NamespacePlaytest, "s-1", lead,
		json.RawMessage(fmt.Sprintf(`{"action":"TAKEOVER_APPROVED","requestId":%q}`, request.RequestID))); err != nil {
		t.Fatalf("the second backend refused a request that the first one took: %v", err)
	}
}

func TestAClockSetBackDoesNotReorderTheLog(t *testing.T) {
	g, s, c := newGate(t)
	c.now = c.now.Add(-time.Hour)
	restarted := New(s, func() time.Time { return c.now })
	if _, err := restarted.Publish(t.Context(), NamespacePlaytest, "s-1", viewer, json.RawMessage(`{"action":"USER_CHAT_MESSAGE","message":"hi"}`)); err != nil {
		t.Fatal(err)
	}
	state, err := g.State(t.Context(), "s-1")
	if err != nil || state.Timestamp < 1_790_000_000_000 {
		t.Fatalf("the newest event is of %d, %v", state.Timestamp, err)
	}
}

func TestOnlyLeadsAndTheBackendHearAllSessions(t *testing.T) {
	g, _, _ := newGate(t)
	for _, c := range []struct {
		who     auth.Identity
		session string
		allowed bool
	}{
		{lead, "*", true}, {backend, "*", true}, {player, "*", false}, {viewer, "*", false}, {sidecar, "*", false},
		{viewer, "s-1", true}, {sidecar, "s-1", true}, {sidecar, "s-2", false}, {viewer, "s-9", false},
	} {
		if err := g.Subscribe(t.Context(), c.session, c.who); (err == nil) != c.allowed {
			t.Errorf("%s on %s: %v", c.who.ID, c.session, err)
		}
	}
}

func FuzzPublish(f *testing.F) {
	f.Add([]byte(`{"action":"USER_CHAT_MESSAGE","message":"hi"}`))
	f.Add([]byte(`{"action":"TAKEOVER_DENIED","reason":"\u202e\u0007"}`))
	f.Add([]byte(`{"action":"STREAM_REACT","reaction":"fire"}`))
	f.Add([]byte(`null`))
	s, err := store.Open(filepath.Join(f.TempDir(), "log.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	now := time.UnixMilli(1_790_000_000_000)
	if err := s.SaveSession(f.Context(), store.Session{ID: "s-1", CreatedAt: now}); err != nil {
		f.Fatal(err)
	}
	g := New(s, func() time.Time { now = now.Add(time.Minute); return now })
	if _, err := g.Publish(f.Context(), NamespacePlaytest, "s-1", backend, json.RawMessage(`{"action":"SESSION_STARTED"}`)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, namespace := range []string{NamespacePlaytest, NamespaceLive} {
			out, err := g.Publish(t.Context(), namespace, "s-1", viewer, payload)
			if err != nil && codeOf(err) == "" {
				t.Fatalf("%q: %v", payload, err)
			}
			if err == nil && out != nil && !json.Valid(out) {
				t.Fatalf("%q made %q", payload, out)
			}
		}
	})
}
