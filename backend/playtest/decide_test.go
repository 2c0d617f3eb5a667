package playtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	lead    = Person{"lead", "lead", RoleLead}
	player  = Person{"player", "player", RolePlayer}
	viewer  = Person{"viewer", "viewer", RoleViewer}
	viewer2 = Person{"viewer2", "viewer2", RoleViewer}
	backend = Person{"backend", "backend", RoleBackend}
	sidecar = Person{"sidecar-s-1", "sidecar", RoleSidecar}
	start   = time.UnixMilli(1_790_000_000_000)
)

// table is a session under test: a state, a clock, and a log.
type table struct {
	state State
	now   time.Time
	log   []Event
	ids   int
}

func newTable() *table { return newTableWith(nil) }

func newTableWith(p *Policy) *table {
	t := &table{now: start}
	t.must(backend, Event{Action: ActionSessionStarted, Title: "a game", Policy: p})
	return t
}

func (t *table) ask(who Person, ask Event) (*Event, *Refusal) {
	t.ids++
	e, refusal := t.state.Decide(t.now, who, ask, fmt.Sprintf("r-%d", t.ids))
	if refusal != nil || e == nil {
		return nil, refusal
	}
	e.Seq, e.Session, e.Timestamp = t.state.Seq+1, "s-1", t.now.UnixMilli()
	t.state.Apply(*e)
	t.log = append(t.log, *e)
	return e, nil
}

func (t *table) must(who Person, ask Event) Event {
	e, refusal := t.ask(who, ask)
	if refusal != nil {
		panic(refusal)
	}
	return *e
}

// seat brings a person into the seat the way it happens.
func (t *table) seat(who Person) {
	r := t.must(who, Event{Action: ActionTakeoverRequest})
	if granted, ok := t.state.Granted(t.now); ok && granted.ID == r.RequestID {
		t.must(backend, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	} else {
		t.must(lead, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	}
	t.must(backend, Event{Action: ActionSeatTaken, RequestID: r.RequestID})
}

func wantRefusal(t *testing.T, refusal *Refusal, code Code, words ...string) {
	t.Helper()
	if refusal == nil {
		t.Fatalf("accepted, want %s", code)
	}
	if refusal.Code != code {
		t.Fatalf("refused with %v, want %s", refusal, code)
	}
	for _, w := range words {
		if !strings.Contains(refusal.Message, w) {
			t.Errorf("message %q does not say %q", refusal.Message, w)
		}
	}
}

func TestAnEmptySeatGoesToAPlayerByTheRules(t *testing.T) {
	s := newTable()
	r := s.must(player, Event{Action: ActionTakeoverRequest})
	granted, ok := s.state.Granted(s.now)
	if !ok || granted.ID != r.RequestID {
		t.Fatalf("granted = %+v %v, want the player's request", granted, ok)
	}
	e := s.must(backend, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	if e.Actor != Rules || e.From != nil {
		t.Fatalf("approval = %+v, want one by the rules, from nobody", e)
	}
}

func TestAnEmptySeatDoesNotGoToAViewerWithoutAWord(t *testing.T) {
	s := newTable()
	r := s.must(viewer, Event{Action: ActionTakeoverRequest})
	if _, ok := s.state.Granted(s.now); ok {
		t.Fatal("the rules gave the seat to a viewer")
	}
	_, refusal := s.ask(backend, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	wantRefusal(t, refusal, CodeNotAllowed)
}

func TestTheSeatChangesOnlyWhenTheHandOverIsDone(t *testing.T) {
	s := newTable()
	s.seat(player)
	r := s.must(viewer, Event{Action: ActionTakeoverRequest})
	e := s.must(player, Event{Action: ActionTakeoverApprove})
	if e.From == nil || *e.From != player || *e.Requester != viewer {
		t.Fatalf("approval = %+v", e)
	}
	if !s.state.Seat.HeldBy("player") || s.state.Handover == nil {
		t.Fatalf("seat = %+v, hand-over = %+v", s.state.Seat, s.state.Handover)
	}
	s.now = s.now.Add(300 * time.Millisecond)
	taken := s.must(backend, Event{Action: ActionSeatTaken, RequestID: r.RequestID})
	if taken.Epoch != 2 || *taken.Holder != viewer || *taken.Previous != player || taken.TookMs != 300 {
		t.Fatalf("taken = %+v", taken)
	}
	if !s.state.Seat.HeldBy("viewer") {
		t.Fatalf("seat = %+v", s.state.Seat)
	}
}

func TestAFailedHandOverLeavesThePreviousHolderSeated(t *testing.T) {
	s := newTable()
	s.seat(player)
	r := s.must(viewer, Event{Action: ActionTakeoverRequest})
	s.must(lead, Event{Action: ActionTakeoverApprove})
	e := s.must(backend, Event{Action: ActionHandoverFailed, RequestID: r.RequestID, Reason: "the page went away"})
	if *e.Holder != player || e.Epoch != 1 || e.Reason == "" {
		t.Fatalf("failure = %+v", e)
	}
	if !s.state.Seat.HeldBy("player") || s.state.Handover != nil || s.state.Seat.Epoch != 1 {
		t.Fatalf("state = %+v", s.state.Seat)
	}
}

func TestALateDeciderReadsWhoDecidedWhat(t *testing.T) {
	s := newTable()
	s.seat(player)
	r := s.must(viewer, Event{Action: ActionTakeoverRequest})
	s.must(lead, Event{Action: ActionTakeoverDeny, RequestID: r.RequestID, Reason: "later"})
	_, refusal := s.ask(player, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	wantRefusal(t, refusal, CodeAlreadyDecided, "lead", "denied", "viewer")
}

func TestAnExpiredRequestCannotBeApproved(t *testing.T) {
	s := newTable()
	s.seat(player)
	r := s.must(viewer, Event{Action: ActionTakeoverRequest})
	_, refusal := s.ask(backend, Event{Action: ActionTakeoverCancel, RequestID: r.RequestID, Reason: "expired"})
	wantRefusal(t, refusal, CodeBadRequest)
	s.now = s.now.Add(defaultRequestSeconds * time.Second)
	_, refusal = s.ask(lead, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	wantRefusal(t, refusal, CodeAlreadyDecided, "expired")
	if due, ok := s.state.Due(s.now); !ok || due.Action != ActionTakeoverCancel {
		t.Fatalf("due = %+v", due)
	}
	s.must(backend, Event{Action: ActionTakeoverCancel, RequestID: r.RequestID, Reason: "expired"})
}

func TestNobodySpeaksAsAnother(t *testing.T) {
	s := newTable()
	e := s.must(viewer, Event{Action: ActionChat, Message: " hi \x1b[2J there ", Actor: lead, User: "lead", Seq: 99})
	if e.Actor != viewer {
		t.Fatalf("actor = %+v", e.Actor)
	}
	if strings.ContainsRune(e.Message, '\x1b') || strings.HasPrefix(e.Message, " ") {
		t.Fatalf("message = %q", e.Message)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	type cell struct {
		action Action
		lead, holder, other,
		sidecar Code // "" is allowed
	}
	for _, c := range []cell{
		{ActionChat, "", "", "", CodeNotAllowed},
		{ActionTakeoverApprove, "", "", CodeNotAllowed, CodeNotAllowed},
		{ActionTakeoverDeny, "", "", CodeNotAllowed, CodeNotAllowed},
		{ActionSeatReleased, "", "", CodeNotAllowed, CodeNotAllowed},
		{ActionSessionMark, "", CodeNotAllowed, CodeNotAllowed, ""},
		{ActionSeatTaken, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed},
		{ActionSessionEnded, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed},
		{ActionSessionState, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed},
		{ActionHandoverFailed, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed},
		{"SOMETHING_ELSE", CodeNotAllowed, CodeNotAllowed, CodeNotAllowed, CodeNotAllowed},
	} {
		for who, want := range map[Person]Code{lead: c.lead, player: c.holder, viewer2: c.other, sidecar: c.sidecar} {
			s := newTable()
			s.seat(player)
			s.must(viewer, Event{Action: ActionTakeoverRequest})
			_, refusal := s.ask(who, Event{Action: c.action, Message: "words"})
			var got Code
			if refusal != nil {
				got = refusal.Code
			}
			if got != want {
				t.Errorf("%s by %s: %q, want %q", c.action, who.Role, got, want)
			}
		}
	}
}

func TestNothingHappensAfterTheEnd(t *testing.T) {
	s := newTable()
	s.must(viewer, Event{Action: ActionTakeoverRequest})
	s.must(backend, Event{Action: ActionSessionEnded, Reason: "over"})
	_, refusal := s.ask(viewer, Event{Action: ActionChat, Message: "still here?"})
	wantRefusal(t, refusal, CodeSessionEnded)
	if len(s.state.Queue) != 0 {
		t.Fatalf("queue = %v", s.state.Queue)
	}
}
