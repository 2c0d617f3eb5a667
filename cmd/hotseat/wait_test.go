package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui"
)

func TestWaitEndsWhenTheSeatIsTaken(t *testing.T) {
	d := signedIn(t, playtest.RoleLead)
	id := d.backend.Session("One")
	for _, who := range []playtest.Person{ann, anna, bob} {
		d.says(id, who, playtest.ActionArrived)
	}
	d.says(id, ann, playtest.ActionTakeoverRequest)
	d.says(id, anna, playtest.ActionTakeoverRequest)
	for i, step := range []struct {
		args string
		who  playtest.Person
	}{{"approve --wait", ann}, {"approve anna -w", anna}, {"give bob --wait --reason turn", bob}} {
		d.backend.Skip(time.Second)
		r := d.hotseat(append(strings.Fields(step.args), "--json")...)
		var answer deedAnswer
		if err := json.Unmarshal([]byte(r.out), &answer); r.err != nil || err != nil {
			t.Fatalf("%s: %v, %v: %s", step.args, r.err, err, r.out)
		}
		if answer.Person == nil || answer.Person.ID != step.who.ID || answer.Epoch != int64(i+1) {
			t.Errorf("%s: %s", step.args, r.out)
		}
		if s := d.backend.State(id); !s.Seat.HeldBy(step.who.ID) { // it is so when the command ends
			t.Errorf("%s: the seat is %+v", step.args, s.Seat)
		}
	}
	d.backend.Skip(time.Second)
	if r := d.hotseat("give", "ann", "--wait"); r.err != nil || !strings.HasPrefix(r.out, "ann has the seat after ") {
		t.Errorf("for people: %q, %v", r.out, r.err)
	}
	d.backend.Skip(time.Second)
	if r := d.hotseat("approve", "--wait"); r.code() != exitRefused || errorCode(r.err) != "NoSuchRequest" {
		t.Errorf("nobody waits: %v", r.err)
	}
}

func TestWaitEndsWithWhyAHandOverFailed(t *testing.T) {
	const request = "r-2"
	lead := playtest.Person{ID: "u-lead", Name: "lead", Role: playtest.RoleLead}
	approval := playtest.Event{Action: playtest.ActionTakeoverApprove, Actor: lead, RequestID: request, Requester: &bob}
	others := []playtest.Event{
		{Action: playtest.ActionTakeoverApprove, Actor: ann, RequestID: "r-1", Requester: &bob}, // by somebody else
		{Action: playtest.ActionTakeoverApprove, Actor: lead, RequestID: "r-3", Requester: &anna},
		{Action: playtest.ActionHandoverFailed, RequestID: "r-1", Reason: "not this one"},
		{Action: playtest.ActionSeatTaken, RequestID: "r-3", Holder: &anna},
	}
	for _, row := range []struct {
		last          playtest.Event
		code, message string
	}{
		{playtest.Event{Action: playtest.ActionHandoverFailed, RequestID: request, Reason: "the page\x1b went away"}, codeHandoverFailed, "bob did not get the seat: the page‹U+001B› went away"},
		{playtest.Event{Action: playtest.ActionTakeoverCancel, RequestID: request, Reason: "cancelled"}, codeHandoverFailed, "cancelled"},
		{playtest.Event{Action: playtest.ActionSessionEnded, Reason: "time is up"}, string(playtest.CodeSessionEnded), "ended before"},
	} {
		h := handoverWatch{by: lead.ID, person: bob}
		for _, e := range append(append(slices.Clone(others), approval), others...) {
			if over, err := h.see(e); over {
				t.Fatalf("%s ends the wait: %v", e.Action, err)
			}
		}
		over, err := h.see(row.last)
		if !over || exitCode(err) != exitRefused || errorCode(err) != row.code || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s: %v, %v", row.last.Action, over, err)
		}
	}
}

// TestOneWordForOneAction: what is typed in a shell, after : in the console, on the input of --plain, and written
// into console.toml, is the same word.
func TestOneWordForOneAction(t *testing.T) {
	var typed []string
	for _, c := range tui.Commands() {
		typed = append(typed, c.Name)
	}
	words := []string{"start", "end", "report", "sessions"}
	for _, d := range deeds {
		words = append(words, d.name)
	}
	for _, w := range words {
		if !slices.Contains(typed, w) {
			t.Errorf("hotseat %s is not :%s in the console", w, w)
		}
	}
	keysOnly := []string{ // they move about, or are of the screen alone
		"deny-with-reason", "command", "palette", "filter", "next-match", "previous-match", "next-pane", "previous-pane", "zoom", "next-session",
		"previous-session", "switch", "sort", "save", "sign-ins", "up", "down", "page-up", "page-down", "first", "last", "back",
	}
	for _, a := range tui.Actions() {
		if !slices.Contains(typed, a.Name) && !slices.Contains(keysOnly, a.Name) && !strings.HasPrefix(a.Name, "pane-") {
			t.Errorf("the key for %q has another word than any command", a.Name)
		}
	}
}
