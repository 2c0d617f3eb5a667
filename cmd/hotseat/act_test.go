package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

func TestEveryActionOfTheConsoleIsACommand(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	started := d.hotseat("start", "--json")
	var session client.Session
	if err := json.Unmarshal([]byte(started.out), &session); err != nil || session.ID == "" {
		t.Fatalf("start: %v: %q", err, started.out)
	}
	id := session.ID
	for _, who := range []playtest.Person{ann, anna, bob} {
		d.says(id, who, playtest.ActionArrived)
	}
	d.says(id, anna, playtest.ActionTakeoverRequest)
	d.says(id, ann, playtest.ActionTakeoverRequest)
	state := func() playtest.State { return d.backend.State(id) }
	holds := func(who playtest.Person) func() bool {
		return func() bool { s := state(); return s.Seat.HeldBy(who.ID) && s.Handover == nil }
	}
	event := func(action playtest.Action, ok func(e playtest.Event) bool) func() bool {
		return func() bool { e, err := d.lastOf(id, action); return err == nil && ok(e) }
	}
	for _, step := range []struct {
		args string
		ok   func() bool
	}{
		{"deny ann --reason later", event(playtest.ActionTakeoverDeny, func(e playtest.Event) bool { return e.Requester.ID == ann.ID && e.Reason == "later" })},
		{"approve", holds(anna)},
		{"give bob", holds(bob)},
		{"reclaim --reason lunch", func() bool { return state().Seat.Holder == nil }},
		{"lock --reason boss", func() bool { return state().Locked }},
		{"unlock", func() bool { return !state().Locked }},
		{"mute u-ann --reason spam", func() bool { return state().People[ann.ID].Muted }},
		{"unmute ann", func() bool { return !state().People[ann.ID].Muted }},
		{"remove anna", func() bool { return state().People[anna.ID].Removed }},
		{"ban anna", func() bool { return state().People[anna.ID].Banned }},
		{"unban anna", func() bool { return !state().People[anna.ID].Banned }},
		{"slow 1m", func() bool { return state().SlowSeconds == 60 }},
		{"slow off", func() bool { return state().SlowSeconds == 0 }},
		{"chat five minutes left", event(playtest.ActionChat, func(e playtest.Event) bool { return e.Message == "five minutes left" })},
		{"mark --ago 5s crash on jump", event(playtest.ActionSessionMark, func(e playtest.Event) bool {
			back := time.Duration(e.Timestamp-e.At) * time.Millisecond
			return e.Message == "crash on jump" && back >= 5*time.Second && back < time.Minute
		})},
		{"end", func() bool { s := state(); return s.Ended() }},
	} {
		d.backend.Skip(time.Second) // the gate takes one decision a second from a person
		r := d.hotseat(append(strings.Fields(step.args), "--json")...)
		var answer deedAnswer
		if err := json.Unmarshal([]byte(r.out), &answer); r.err != nil || err != nil || !answer.OK || answer.Session != id {
			t.Fatalf("%s: %v, %v: %s", step.args, r.err, err, r.out)
		}
		for deadline := time.Now().Add(10 * time.Second); !step.ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s has not made it so; the state is %+v", step.args, state())
			}
		}
	}
}

func TestWhatACommandEndsWithSaysWhy(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	if code, message := d.hotseat("approve", "--json").refused(t); code != "usage" || !strings.Contains(message, "no playtest runs") {
		t.Errorf("%s: %s", code, message)
	}
	one := d.backend.Session("One")
	for _, who := range []playtest.Person{ann, anna, {ID: "u-bob-2", Name: "bob", Role: playtest.RoleViewer}, bob} {
		d.says(one, who, playtest.ActionArrived)
	}
	for _, c := range []struct {
		args    string
		code    int
		reason  string
		message string
	}{
		{"approve", 3, "NoSuchRequest", "nobody is waiting for the seat"},
		{"approve ann", 2, "usage", `nobody called "ann" waits for the seat; there: nobody`},
		{"reclaim", 3, "BadRequest", "nobody has the seat"},
		{"mute zoe", 2, "usage", "ann (viewer, u-ann), anna (viewer, u-anna)"},
		{"mute bob", 2, "usage", `"bob" could be: bob (player, u-bob), bob (viewer, u-bob-2); name one by id`},
		{"mute an", 2, "usage", `"an" could be: ann (viewer, u-ann), anna`},
		{"mute lead-is-not-here", 2, "usage", "nobody called"},
		{"mute", 2, "usage", "--help` shows how it is used"},
		{"mute ann --nonsense", 2, "usage", "unknown flag"},
		{"slow soon", 2, "usage", "no length in whole seconds"},
		{"slow 2h", 3, "BadRequest", "between 0 (off) and 600"},
		{"mark --ago -5s x", 2, "usage", "counts backwards"},
		{"mark --ago 1h x", 3, "BadRequest", "at most 10m0s back"},
		{"lock --session s-9", 2, "usage", `no session begins with "s-9"`},
		{"start nonsense", 2, "usage", "there are: a-demo (Hotseat Runner)"},
		{"start --size big", 2, "usage", "write 1280x720"},
		{"tail --after -1", 2, "usage", "from 0 on"},
		{"report --format pdf", 2, "usage", "md, json or csv"},
	} {
		d.backend.Skip(time.Second)
		r := d.hotseat(strings.Fields(c.args)...)
		if r.code() != c.code || !strings.Contains(r.err.Error(), c.message) || errorCode(r.err) != c.reason {
			t.Errorf("%s: ended with %d, %s: %v", c.args, r.code(), errorCode(r.err), r.err)
		}
	}
	if code, _ := d.hotseat("reclaim", "--json").refused(t); code != "BadRequest" {
		t.Errorf("the code of a refusal in JSON is %q", code)
	}
	two := d.backend.Session("Two")
	r := d.hotseat("lock")
	if r.code() != 2 || !strings.Contains(r.err.Error(), one+" (One)") || !strings.Contains(r.err.Error(), two+" (Two)") {
		t.Errorf("two run: %v", r.err)
	}
	if r := d.hotseat("lock", "-s", two[:6]); r.err != nil {
		t.Errorf("by the beginning of its id: %v", r.err)
	}
}

func TestAViewerIsRefusedByTheRulesAndNotByTheCommand(t *testing.T) {
	d := signedIn(t, playtest.RoleViewer)
	d.backend.Session("One")
	for _, args := range []string{"approve", "lock", "end", "mark x", "start"} {
		if r := d.hotseat(strings.Fields(args)...); r.code() != exitRefused {
			t.Errorf("%s: ended with %d: %v", args, r.code(), r.err)
		}
	}
	if r := d.hotseat("chat", "hello"); r.err != nil {
		t.Errorf("chat: %v", r.err)
	}
}

func TestNamesFromStrangersAreShownAndNotObeyed(t *testing.T) {
	if got := shown("a\x1b[2Jb\u202ec\u200bd\n"); got != "a‹U+001B›[2Jb‹U+202E›c‹U+200B›d‹U+000A›" {
		t.Errorf("got %q", got)
	}
	line := eventLine(playtest.Event{Seq: 7, Action: "X\x07", Actor: playtest.Person{Name: "\x1b]0;t\x07"}, Message: "\u202e"})
	if strings.ContainsAny(line, "\x1b\x07\u202e") {
		t.Errorf("the line %q", line)
	}
}
