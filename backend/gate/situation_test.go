package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// memoryLog is a Log that is quick to make, with one session.
type memoryLog struct{ events []playtest.Event }

func (m *memoryLog) Append(_ context.Context, e playtest.Event) error {
	if e.Seq != int64(len(m.events))+1 {
		return store.ErrConflict
	}
	m.events = append(m.events, e)
	return nil
}

func (m *memoryLog) Fold(_ context.Context, _ string, from playtest.State) (playtest.State, error) {
	for _, e := range m.events[from.Seq:] {
		from.Apply(e)
	}
	return from, nil
}

func (m *memoryLog) Session(_ context.Context, id string) (store.Session, error) {
	if id != "s-1" {
		return store.Session{}, store.ErrNotFound
	}
	return store.Session{ID: id}, nil
}

// The people and machines of the tables, one for each column.
var columns = []struct {
	name string
	who  auth.Identity
}{
	{"viewer", viewer},
	{"waiting", person("waiting", playtest.RolePlayer)},
	{"holder", person("holder", playtest.RolePlayer)},
	{"lead", lead},
	{"sidecar", sidecar},
	{"backend", backend},
	{"banned", person("banned", playtest.RolePlayer)},
	{"removed", person("removed", playtest.RolePlayer)},
	{"muted", person("muted", playtest.RolePlayer)},
}

// strangers are refused whatever they publish, wherever.
var strangers = map[string]auth.Identity{
	"nobody":                       {},
	"a role that does not exist":   person("somebody", "owner"),
	"another session's sidecar":    {Person: playtest.Person{ID: "sidecar-s-2", Name: "sidecar", Role: playtest.RoleSidecar}, Session: "s-2"},
	"a sidecar without a session":  {Person: playtest.Person{ID: "sidecar-s-1", Name: "sidecar", Role: playtest.RoleSidecar}},
	"who is named like the rules":  {Person: playtest.Person{ID: playtest.Rules.ID, Name: playtest.Rules.Name}},
	"a role in another's spelling": person("lead", "QA-Lead"),
}

// situations are what a row's action is asked in. In the usual one the holder has the seat and a player
// waits; "running" has that player's hand-over under way, "expired" a request that waited too long, "empty"
// nobody in the seat, "locked" requests that are locked, "unstarted" an empty log and "ended" a session
// that is over.
func situation(t *testing.T, name string) (*Gate, *memoryLog) {
	t.Helper()
	if _, known := played[name]; !known {
		played[name] = play(t, name)
	}
	then := played[name]
	log := &memoryLog{events: slices.Clone(then.events)}
	return New(log, func() time.Time { return then.now }), log
}

// played are the situations that were played already: playing them again makes the tables slow.
var played = map[string]moment{}

type moment struct {
	events []playtest.Event
	now    time.Time
}

func play(t *testing.T, name string) moment {
	t.Helper()
	log, now := &memoryLog{}, clockZero
	g := New(log, func() time.Time { return now })
	do := func(who auth.Identity, ask playtest.Event) playtest.Event {
		t.Helper()
		payload, err := json.Marshal(ask)
		if err != nil {
			t.Fatal(err)
		}
		out, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", who, payload)
		if err != nil {
			t.Fatal(err)
		}
		var e playtest.Event
		if err := json.Unmarshal(out, &e); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second) // everybody's buckets are full again
		return e
	}
	if name == "unstarted" {
		return moment{log.events, now}
	}
	do(backend, playtest.Event{Action: playtest.ActionSessionStarted})
	for _, c := range columns {
		if c.who.Role.IsPerson() {
			do(c.who, playtest.Event{Action: playtest.ActionArrived})
		}
	}
	seat := do(columns[2].who, playtest.Event{Action: playtest.ActionTakeoverRequest}).RequestID
	do(backend, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: seat})
	do(backend, playtest.Event{Action: playtest.ActionSeatTaken, RequestID: seat})
	for action, who := range map[playtest.Action]string{playtest.ActionBan: "banned", playtest.ActionRemove: "removed", playtest.ActionMute: "muted"} {
		do(lead, playtest.Event{Action: action, Person: &playtest.Person{ID: who}})
	}
	request := do(columns[1].who, playtest.Event{Action: playtest.ActionTakeoverRequest}).RequestID
	switch name {
	case "running":
		do(lead, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request})
	case "expired":
		now = now.Add(time.Hour)
	case "empty":
		do(lead, playtest.Event{Action: playtest.ActionSeatReleased})
	case "locked":
		do(lead, playtest.Event{Action: playtest.ActionLock})
	case "ended":
		do(backend, playtest.Event{Action: playtest.ActionSessionEnded})
	case "usual":
		now = now.Add(10 * time.Second)
	default:
		t.Fatalf("no situation %q", name)
	}
	return moment{log.events, now}
}

// forged is everything that a publisher might claim about themselves and the log.
const forged = `"seq":1,"session":"s-2","timestamp":1,"user":"lead","requesterUsername":"lead","epoch":99,"tookMs":1,"logSeq":7,` +
	`"actor":{"id":"lead","name":"lead","role":"qa-lead"},"requester":{"id":"lead","name":"lead","role":"qa-lead"},` +
	`"holder":{"id":"viewer","name":"viewer","role":"viewer"},"from":{"id":"lead","name":"lead","role":"qa-lead"}`

// askOf is a publication with every field as good as it gets for the action, and forged stamps.
func askOf(action playtest.Action, log *memoryLog) json.RawMessage {
	request := ""
	for _, e := range log.events {
		if e.Action == playtest.ActionTakeoverRequest {
			request = e.RequestID
		}
	}
	about, reason := viewer.ID, "because"
	switch action {
	case playtest.ActionUnmute:
		about = "muted"
	case playtest.ActionUnban:
		about = "banned"
	case playtest.ActionTakeoverCancel:
		reason = "expired"
	}
	stamps := forged
	if action == playtest.ActionSeatReleased { // there an epoch is part of the ask
		stamps = strings.Replace(forged, `"epoch":99,`, "", 1)
	}
	return json.RawMessage(fmt.Sprintf(`{"action":%q,%s,"message":"words","requestId":%q,"person":{"id":%q},"reason":%q,"seconds":5,`+
		`"status":"ACTIVE","title":"a game","reaction":"fire","client":"page","watching":true,"state":"live","step":"closing","game":{"level":2}}`,
		action, stamps, request, about, reason))
}
