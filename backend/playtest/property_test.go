package playtest

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnySequenceOfWishesKeepsTheSeatsPromises plays random people against the rules, under a random
// policy. `task test:rules` plays 100,000 sequences.
func TestAnySequenceOfWishesKeepsTheSeatsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newGame(rt)
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			g.step()
		}
		g.end()
		g.folds()
	})
}

// TestWishesAreEveryAction: what is asked at random is all that can be asked of the log.
func TestWishesAreEveryAction(t *testing.T) {
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	live := []Action{
		ActionPresence, ActionSidecarHealth, ActionThumbnail, ActionHandoverStep,
		ActionGameCaption, ActionGameState, ActionSpawnPlayer, ActionMovePlayer, ActionDespawnPlayer,
	}
	declared := regexp.MustCompile(`\bAction\w+\s+Action += "(\w+)"`).FindAllSubmatch(source, -1)
	for _, name := range declared {
		if a := Action(name[1]); !slices.Contains(wishes, a) && !slices.Contains(live, a) {
			t.Errorf("nobody wishes for %s", a)
		}
	}
	if len(declared) < len(live)+20 {
		t.Errorf("only %d actions are found", len(declared))
	}
}

var (
	lead2     = Person{"lead2", "lead2", RoleLead}
	player2   = Person{"player2", "player2", RolePlayer}
	everybody = []Person{lead, lead2, player, player2, viewer, viewer2, backend, backend, sidecar}
	wishes    = []Action{
		ActionArrived, ActionLeft, ActionChat, ActionChat, ActionReact, ActionTakeoverRequest, ActionTakeoverCancel, ActionTakeoverApprove,
		ActionTakeoverDeny, ActionSeatReleased, ActionSeatTaken, ActionHandoverConnecting, ActionHandoverFailed, ActionSessionMark, ActionGive, ActionMute, ActionUnmute, ActionRemove, ActionBan,
		ActionUnban, ActionLock, ActionUnlock, ActionSlowMode, ActionSessionStarted, ActionSessionState, ActionSessionEnded,
	}
)

// game is a table at which random people ask for random things.
type game struct {
	*table
	*record
	rt *rapid.T
}

func newGame(rt *rapid.T) *game {
	pick := func(name string, from ...int) int { return rapid.SampledFrom(from).Draw(rt, name) }
	policy := Policy{
		Approvers:       rapid.SampledFrom([]Approvers{"", ApproversBoth, ApproversHolder, ApproversLead}).Draw(rt, "approvers"),
		RequestSeconds:  pick("request", 0, 0, 15, 300),
		SilenceSeconds:  pick("silence", 0, 0, 10),
		CooldownSeconds: pick("cooldown", 0, 0, 15),
		TurnSeconds:     pick("turn", 0, 0, 20),
		GraceSeconds:    pick("grace", 0, 5),
	}
	if err := policy.Check(); err != nil {
		rt.Fatalf("%+v: %v", policy, err)
	}
	g := &game{table: newTableWith(&policy), record: newRecord(policy), rt: rt}
	for _, who := range everybody {
		if who.Role.IsPerson() && rapid.Bool().Draw(rt, "is there") {
			g.wish(who, Event{Action: ActionArrived})
		}
	}
	if rapid.Bool().Draw(rt, "somebody plays") { // the more interesting half of the rules begins here
		g.wish(rapid.SampledFrom([]Person{player, viewer, lead2}).Draw(rt, "who plays"), Event{Action: ActionTakeoverRequest})
		g.wish(lead, Event{Action: ActionTakeoverApprove})
		g.wish(backend, Event{Action: ActionSeatTaken, RequestID: g.running})
	}
	return g
}

// step lets time pass and somebody ask for something, or the backend do what is due.
func (g *game) step() {
	g.passes()
	if due, ok := g.state.Due(g.now); ok && rapid.Bool().Draw(g.rt, "due") {
		if e := g.wish(backend, due); e == nil {
			g.rt.Fatalf("what is due is refused: %+v", due)
		}
		return
	}
	if g.running != "" && rapid.IntRange(0, 2).Draw(g.rt, "arrives") == 0 {
		g.wish(backend, Event{Action: ActionSeatTaken, RequestID: g.running})
		return
	}
	who := rapid.SampledFrom(everybody).Draw(g.rt, "who")
	ask := Event{
		Action: g.wants(), Message: "m", Reason: rapid.SampledFrom([]string{"because", "expired", "left", ""}).Draw(g.rt, "reason"),
		Seconds: rapid.SampledFrom([]int{0, 60, 60, MaxSlow + 1}).Draw(g.rt, "seconds"), Status: rapid.SampledFrom([]string{"ACTIVE", "ERROR"}).Draw(g.rt, "status"),
	}
	if ask.Action == ActionSessionEnded && rapid.IntRange(0, 3).Draw(g.rt, "not yet") > 0 {
		return
	}
	if ask.Action == ActionSessionMark {
		ask.At = g.now.Add(time.Duration(rapid.IntRange(-700, 60).Draw(g.rt, "at")) * time.Second).UnixMilli()
	}
	if len(g.asked) > 0 && rapid.Bool().Draw(g.rt, "names a request") {
		ask.RequestID = fmt.Sprintf("r-%d", rapid.IntRange(1, g.ids).Draw(g.rt, "request"))
	} else if h := g.state.Handover; h != nil && who.Role == RoleBackend {
		ask.RequestID = h.Request.ID
	} else if len(g.state.Queue) > 0 && rapid.Bool().Draw(g.rt, "names the last") {
		ask.RequestID = g.state.Queue[len(g.state.Queue)-1].ID
	}
	ask.Person = about(rapid.SampledFrom(everybody).Draw(g.rt, "person"))
	g.wish(who, ask)
}

// wants is an action: every second time one about the seat, and more talk where it is slow.
func (g *game) wants() Action {
	if g.slow > 0 && rapid.IntRange(0, 3).Draw(g.rt, "talks") == 0 {
		return ActionChat
	}
	if rapid.Bool().Draw(g.rt, "about the seat") {
		return rapid.SampledFrom([]Action{
			ActionTakeoverRequest, ActionTakeoverRequest, ActionTakeoverApprove, ActionTakeoverDeny, ActionTakeoverCancel, ActionSeatReleased, ActionGive,
		}).Draw(g.rt, "wish")
	}
	return rapid.SampledFrom(wishes).Draw(g.rt, "wish")
}

// passes lets time pass: a while, or until the very moment at which something is due. Until then nothing
// may become due that was not.
func (g *game) passes() {
	_, was := g.state.Due(g.now)
	next := g.state.NextDeadline()
	g.now = g.now.Add(time.Duration(rapid.IntRange(0, 9_000).Draw(g.rt, "ms")) * time.Millisecond)
	if next.After(g.now) && rapid.IntRange(0, 4).Draw(g.rt, "to the deadline") == 0 {
		g.now = next.Add(time.Duration(rapid.IntRange(-1, 0).Draw(g.rt, "just before")) * time.Millisecond)
	}
	if due, is := g.state.Due(g.now); is && !was && (next.IsZero() || g.now.Before(next)) {
		g.rt.Fatalf("%s is due before the deadline that was told", due.Action)
	}
}

// wish is one ask and what must be true of its outcome.
func (g *game) wish(who Person, ask Event) *Event {
	if ask.Action == ActionReact { // it is not logged: here it is only decided
		g.hears(g.rt, &g.state, who)
		return nil
	}
	compares := rapid.IntRange(0, 19).Draw(g.rt, "compares") == 0 // it takes as long as all the rest
	var before State
	if compares {
		before = g.state.Clone()
	}
	e, refusal := g.ask(who, ask)
	switch {
	case refusal != nil && (refusal.Message == "" || !refusal.Code.Known()):
		g.rt.Fatalf("%s refused without a word: %+v", ask.Action, refusal)
	case refusal != nil && refusal.Code == CodeAlreadyDecided:
		g.isTold(g.rt, ask, refusal)
	case e != nil:
		g.holds(g.rt, who, ask, *e)
		g.notes(*e)
		g.legal(g.rt, &g.state)
	}
	if e == nil && compares && !reflect.DeepEqual(before.Clone(), g.state.Clone()) {
		g.rt.Fatalf("%s was refused and changed the state", ask.Action)
	}
	return e
}

// isTold: a late decider reads which outcome stood and whose it was, or that time had run out.
func (g *game) isTold(rt *rapid.T, ask Event, refusal *Refusal) {
	if strings.Contains(refusal.Message, "has expired") {
		if was, decided := g.outcomes[ask.RequestID]; decided && was.Reason != "expired" {
			rt.Fatalf("%q, and it was %s", refusal.Message, was.Action)
		}
		return
	}
	was, decided := g.outcomes[ask.RequestID]
	verb := map[Action]string{ActionTakeoverApprove: "approved", ActionTakeoverDeny: "denied", ActionTakeoverCancel: "cancelled"}[was.Action]
	if want := fmt.Sprintf("%s already %s the request of %s", was.Actor.Name, verb, was.RequesterUsername); !decided || refusal.Message != want {
		rt.Fatalf("%q, want %q", refusal.Message, want)
	}
}

// end does all that is due, ends the session, and looks that nobody is left waiting.
func (g *game) end() {
	for left := len(g.state.Queue) + 3; ; left-- {
		due, ok := g.state.Due(g.now)
		if !ok {
			break
		}
		if g.wish(backend, due) == nil || left == 0 {
			g.rt.Fatalf("%s is due again and again", due.Action)
		}
	}
	if !g.over {
		g.wish(backend, Event{Action: ActionSessionEnded, Reason: "over"})
	}
	for id := range g.asked {
		how, ok := g.state.OutcomeOf(id)
		was, decided := g.outcomes[id]
		switch {
		case !ok:
			g.rt.Fatalf("request %s has no outcome", id)
		case decided && how.Action != was.Action, !decided && (how.Action != ActionTakeoverCancel || how.Reason != "ended"):
			g.rt.Fatalf("request %s: %+v is remembered, %+v was", id, how, was)
		}
	}
	for _, who := range everybody {
		if e := g.wish(who, Event{Action: rapid.SampledFrom(wishes).Draw(g.rt, "too late"), Message: "m", Person: about(viewer)}); e != nil {
			g.rt.Fatalf("%s happened after the end", e.Action)
		}
	}
}

// folds: the state is the fold of its log, and so is the fold of a prefix and then of the rest. The state
// after each event was a legal one, so that the fold of every prefix is.
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
