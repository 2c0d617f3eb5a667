package gate

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"hotseat/backend/playtest"
)

// The check must be able to say no: histories that one gate cannot have made are refused.
func TestAHistoryOfTwoMindsIsRefused(t *testing.T) {
	began := clockZero.UnixMilli()
	deadline := began + 60_000
	wants := &playtest.Event{Action: playtest.ActionTakeoverRequest}
	decides := func(action playtest.Action) *playtest.Event {
		return &playtest.Event{Action: action, RequestID: "r-1"}
	}
	approves, denies := decides(playtest.ActionTakeoverApprove), decides(playtest.ActionTakeoverDeny)
	event := func(seq, at int64, e playtest.Event) reply {
		e.Seq, e.Session, e.Timestamp, e.RequestID, e.Requester = seq, "s-1", at, "r-1", &viewer.Person
		return reply{Event: &e}
	}
	made := func(seq int64, action playtest.Action) reply {
		return event(seq, began, playtest.Event{Action: action, Actor: lead.Person})
	}
	late := func(message string) reply {
		return reply{Code: playtest.CodeAlreadyDecided, Message: message}
	}
	saw := func(v view) reply { return reply{View: &v} }
	waits := saw(view{Seq: 2, Queue: []string{"r-1"}})
	// at is a call of which the clock showed one moment only.
	at := func(from, to, moment int64, ask *playtest.Event, r reply) porcupine.Operation {
		c := call{Session: "s-1", Who: lead, Ask: ask, At: moment}
		if ask == wants {
			c.Who = viewer
		}
		r.At = moment
		return porcupine.Operation{Input: c, Output: r, Call: from, Return: to}
	}
	op := func(from, to int64, ask *playtest.Event, r reply) porcupine.Operation {
		return at(from, to, began, ask, r)
	}
	asked := op(0, 1, wants, event(2, began, playtest.Event{Action: wants.Action, Actor: viewer.Person, Deadline: deadline}))
	approve := op(2, 9, approves, made(3, approves.Action))
	orphan := map[int64]playtest.Event{3: *made(3, approves.Action).Event}
	lost := reply{Lost: true}

	for name, c := range map[string]struct {
		history []porcupine.Operation
		orphans map[int64]playtest.Event
		want    bool
	}{
		"decided once":                 {[]porcupine.Operation{asked, approve, op(2, 9, denies, late("lead already approved the request of viewer"))}, nil, true},
		"decided twice":                {[]porcupine.Operation{asked, approve, op(2, 9, denies, made(4, denies.Action))}, nil, false},
		"the loser reads what was not": {[]porcupine.Operation{asked, approve, op(2, 9, denies, late("lead already denied the request of viewer"))}, nil, false},
		"an old state is read":         {[]porcupine.Operation{asked, op(2, 3, nil, saw(view{Seq: 1}))}, nil, false},
		"an old state, read meanwhile": {[]porcupine.Operation{op(0, 2, wants, asked.Output.(reply)), op(1, 3, nil, saw(view{Seq: 1}))}, nil, true},
		"refused by an old state":      {[]porcupine.Operation{asked, op(2, 3, denies, reply{Code: playtest.CodeNoSuchRequest})}, nil, false},
		"a number left out":            {[]porcupine.Operation{asked, op(2, 9, approves, made(4, approves.Action))}, nil, false},
		"a name that is not the caller's": {[]porcupine.Operation{asked, op(2, 9, approves,
			event(3, began, playtest.Event{Action: approves.Action, Actor: player.Person}))}, nil, false},

		"expired in time":  {[]porcupine.Operation{asked, at(2, 3, deadline, denies, late("the request of viewer has expired"))}, nil, true},
		"expired too soon": {[]porcupine.Operation{asked, at(2, 3, deadline-1, denies, late("the request of viewer has expired"))}, nil, false},
		"approved although it had expired": {[]porcupine.Operation{asked, at(2, 3, deadline, approves,
			event(3, deadline, playtest.Event{Action: approves.Action, Actor: lead.Person}))}, nil, false},
		"a stamp of another time than the call's": {[]porcupine.Operation{asked, at(2, 3, began+5, approves, made(3, approves.Action))}, nil, false},

		"a lost call took effect": {[]porcupine.Operation{asked, op(2, 3, approves, lost),
			op(4, 5, denies, late("lead already approved the request of viewer"))}, orphan, true},
		"a lost call took effect later, while its process lived": {[]porcupine.Operation{asked, op(2, 9, approves, lost), op(3, 4, nil, waits),
			op(5, 6, nil, saw(view{Seq: 3, Running: "r-1"}))}, orphan, true},
		"a lost call took effect when its process was gone": {[]porcupine.Operation{asked, op(2, 3, approves, lost), op(4, 5, nil, waits),
			op(6, 7, nil, saw(view{Seq: 3, Running: "r-1"}))}, orphan, false},
		"a lost call never took effect": {[]porcupine.Operation{asked, op(2, 3, approves, lost), op(4, 5, nil, waits)}, nil, true},
		"an effect without an event": {[]porcupine.Operation{asked, op(2, 3, approves, lost),
			op(4, 5, denies, late("lead already approved the request of viewer"))}, nil, false},
		"an event that nobody asked for": {[]porcupine.Operation{asked, op(2, 3, denies, lost),
			op(4, 5, nil, saw(view{Seq: 3, Running: "r-1"}))}, orphan, false},
		"repeated after it was lost, and once in the log": {[]porcupine.Operation{asked, op(2, 3, approves, lost),
			op(4, 5, approves, late("lead already approved the request of viewer"))}, orphan, true},
		"repeated after it was lost, and twice in the log": {[]porcupine.Operation{asked, op(2, 3, approves, lost),
			op(4, 5, approves, made(4, approves.Action))}, orphan, false},
	} {
		t.Run(name, func(t *testing.T) {
			model := linearizable(playtest.Policy{RequestSeconds: 60}, c.orphans)
			if got := porcupine.CheckOperations(model, c.history); got != c.want {
				t.Fatalf("linearizable: %t", got)
			}
		})
	}
}
