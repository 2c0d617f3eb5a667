package playtest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnySequenceOfWishesKeepsTheSeatsPromises plays random people against the rules. `task test:rules`
// plays 100,000 sequences.
func TestAnySequenceOfWishesKeepsTheSeatsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newGame(rt)
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			g.step()
		}
		g.folds()
	})
}

// game is a table at which random people ask for random things.
type game struct {
	*table
	rt       *rapid.T
	outcomes map[string]Action // of each request
	asked    map[string]bool   // requests that were made
	epoch    int64
}

var (
	everybody = []Person{lead, player, viewer, viewer2, backend, backend, sidecar}
	wishes    = []Action{
		ActionArrived, ActionLeft, ActionChat, ActionTakeoverRequest, ActionTakeoverRequest, ActionTakeoverCancel,
		ActionTakeoverApprove, ActionTakeoverApprove, ActionTakeoverDeny, ActionSeatReleased, ActionSeatTaken, ActionSeatTaken, ActionHandoverConnecting,
		ActionHandoverFailed, ActionSessionMark, ActionGive, ActionMute, ActionUnmute, ActionRemove, ActionBan, ActionUnban,
		ActionLock, ActionUnlock, ActionSlowMode, ActionSessionEnded,
	}
)

func newGame(rt *rapid.T) *game {
	policy := &Policy{
		Approvers:       rapid.SampledFrom([]Approvers{"", ApproversBoth, ApproversHolder, ApproversLead}).Draw(rt, "approvers"),
		SilenceSeconds:  rapid.SampledFrom([]int{0, 0, 10}).Draw(rt, "silence"),
		CooldownSeconds: rapid.SampledFrom([]int{0, 0, 15}).Draw(rt, "cooldown"),
		TurnSeconds:     rapid.SampledFrom([]int{0, 0, 20}).Draw(rt, "turn"),
	}
	return &game{table: newTableWith(policy), rt: rt, outcomes: map[string]Action{}, asked: map[string]bool{}}
}

// step lets time pass and somebody ask for something, or the backend do what is due.
func (g *game) step() {
	g.now = g.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(g.rt, "ms")) * time.Millisecond)
	before := g.state.Clone()
	who, ask := backend, Event{}
	if due, ok := g.state.Due(g.now); ok && rapid.Bool().Draw(g.rt, "due") {
		ask = due
	} else {
		who = rapid.SampledFrom(everybody).Draw(g.rt, "who")
		ask = Event{Action: rapid.SampledFrom(wishes).Draw(g.rt, "wish"), Message: "m", Reason: "because", Seconds: 5}
		if len(g.asked) > 0 && rapid.Bool().Draw(g.rt, "names a request") {
			ask.RequestID = fmt.Sprintf("r-%d", rapid.IntRange(1, g.ids).Draw(g.rt, "request"))
		} else if h := g.state.Handover; h != nil && who.Role == RoleBackend {
			ask.RequestID = h.Request.ID
		}
		ask.Person = about(rapid.SampledFrom(everybody).Draw(g.rt, "person"))
	}
	e, refusal := g.ask(who, ask)
	if refusal != nil && refusal.Message == "" {
		g.rt.Fatalf("%s refused without a word", ask.Action)
	}
	if e != nil {
		g.check(&before, who, *e)
	}
}

// check holds one accepted event against the promises.
func (g *game) check(before *State, who Person, e Event) {
	rt := g.rt
	switch e.Action {
	case ActionTakeoverRequest:
		if g.asked[e.RequestID] {
			rt.Fatalf("request %s was made twice", e.RequestID)
		}
		g.asked[e.RequestID] = true
	case ActionTakeoverApprove, ActionTakeoverDeny, ActionTakeoverCancel:
		if was, decided := g.outcomes[e.RequestID]; decided {
			rt.Fatalf("request %s was %s and then %s", e.RequestID, was, e.Action)
		}
		g.outcomes[e.RequestID] = e.Action
		if before.Handover != nil && e.Action == ActionTakeoverApprove {
			rt.Fatal("approved while a hand-over runs")
		}
		if e.Action == ActionTakeoverApprove && e.Actor == Rules && before.Position(e.RequestID) != 1 {
			rt.Fatal("the rules passed over somebody who waits")
		}
	case ActionChat:
		if p := before.People[who.ID]; p.Muted || p.Banned || p.Removed {
			rt.Fatalf("%s is heard: %+v", who.Name, p)
		}
	case ActionSeatTaken:
		if before.Handover == nil || *e.Holder != before.Handover.Request.Person {
			rt.Fatalf("%s took a seat that was not on its way to them", e.Holder.Name)
		}
	}
	if e.Actor != who && e.Actor != Rules {
		rt.Fatalf("%s spoke as %s", who.Name, e.Actor.Name)
	}
	changed := g.state.Seat.Epoch != g.epoch
	if changes := e.Action == ActionSeatTaken || e.Action == ActionSeatReleased; changed != changes || g.state.Seat.Epoch < g.epoch {
		rt.Fatalf("the epoch went from %d to %d at %s", g.epoch, g.state.Seat.Epoch, e.Action)
	}
	g.epoch = g.state.Seat.Epoch
	for i := 1; i < len(g.state.Queue); i++ {
		if g.state.Queue[i].Since < g.state.Queue[i-1].Since {
			rt.Fatal("the queue is out of order")
		}
	}
	for id := range g.asked {
		waits := g.state.Position(id) > 0
		if _, decided := g.outcomes[id]; decided == waits && !g.state.Ended() {
			rt.Fatalf("request %s waits: %v, has an outcome: %v", id, waits, decided)
		}
	}
}

// folds: the state is the fold of its log, and so is the fold of a prefix and then of the rest.
func (g *game) folds() {
	cut := rapid.IntRange(0, len(g.log)).Draw(g.rt, "cut")
	folded := Fold(g.log[:cut])
	for _, e := range g.log[cut:] {
		folded.Apply(e)
	}
	if !reflect.DeepEqual(folded, g.state) {
		g.rt.Fatalf("the fold of the log is\n%+v\nand the state\n%+v", folded, g.state)
	}
}
