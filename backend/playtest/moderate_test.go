package playtest

import (
	"strings"
	"testing"
	"time"
)

func about(p Person) *Person { return &Person{ID: p.ID} }

// withEverybody is a session where all have arrived and the player has the seat.
func withEverybody(p *Policy) *table {
	s := newTableWith(p)
	for _, who := range []Person{lead, player, viewer, viewer2} {
		s.must(who, Event{Action: ActionArrived})
	}
	s.seat(player)
	return s
}

// settle publishes what is due until nothing is.
func (t *table) settle() {
	for {
		e, ok := t.state.Due(t.now)
		if !ok {
			return
		}
		t.must(backend, e)
	}
}

func TestNobodyMutedIsHeard(t *testing.T) {
	s := withEverybody(nil)
	s.must(lead, Event{Action: ActionMute, Person: about(viewer), Reason: "spam"})
	_, refusal := s.ask(viewer, Event{Action: ActionChat, Message: "hi"})
	wantRefusal(t, refusal, CodeMuted)
	if refusal := s.state.MaySpeak(viewer); refusal == nil {
		t.Error("reactions of the muted are heard")
	}
	if refusal := s.state.MayWatch(viewer); refusal != nil {
		t.Errorf("the muted may not watch: %v", refusal)
	}
	s.must(lead, Event{Action: ActionUnmute, Person: about(viewer)})
	s.must(viewer, Event{Action: ActionChat, Message: "hi"})
}

func TestTheBannedLoseRequestSeatAndVoice(t *testing.T) {
	for name, holds := range map[string]bool{"in the seat": true, "in the queue": false} {
		t.Run(name, func(t *testing.T) {
			s := withEverybody(nil)
			who := viewer
			if holds {
				who = player
			} else {
				s.must(viewer, Event{Action: ActionTakeoverRequest})
			}
			s.must(lead, Event{Action: ActionBan, Person: about(who), Reason: "cheating"})
			s.settle()
			if s.state.Seat.HeldBy(who.ID) || len(s.state.Queue) != 0 {
				t.Errorf("seat = %+v, queue = %+v", s.state.Seat, s.state.Queue)
			}
			for _, action := range []Action{ActionChat, ActionTakeoverRequest, ActionArrived} {
				_, refusal := s.ask(who, Event{Action: action, Message: "let me in"})
				wantRefusal(t, refusal, CodeBanned)
			}
			if s.state.MayWatch(who) == nil {
				t.Error("the banned may watch")
			}
			s.must(lead, Event{Action: ActionUnban, Person: about(who)})
			s.must(who, Event{Action: ActionArrived})
			s.must(who, Event{Action: ActionChat, Message: "thanks"})
		})
	}
}

func TestTheRemovedComeBackByArrivingAgain(t *testing.T) {
	s := withEverybody(nil)
	s.must(lead, Event{Action: ActionRemove, Person: about(viewer)})
	_, refusal := s.ask(viewer, Event{Action: ActionChat, Message: "hello?"})
	wantRefusal(t, refusal, CodeRemoved, "again")
	s.must(viewer, Event{Action: ActionArrived})
	s.must(viewer, Event{Action: ActionChat, Message: "back"})
}

func TestALeadGivesTheSeatAheadOfTheQueue(t *testing.T) {
	s := withEverybody(nil)
	first := s.must(viewer, Event{Action: ActionTakeoverRequest})
	e := s.must(lead, Event{Action: ActionGive, Person: about(viewer2)})
	if e.Action != ActionTakeoverApprove || e.Requester.ID != "viewer2" || e.RequestID == "" || e.From.ID != "player" {
		t.Fatalf("event = %+v", e)
	}
	s.must(backend, Event{Action: ActionSeatTaken, RequestID: e.RequestID})
	if !s.state.Seat.HeldBy("viewer2") || s.state.Position(first.RequestID) != 1 {
		t.Fatalf("seat = %+v, queue = %+v", s.state.Seat, s.state.Queue)
	}
	given := s.must(lead, Event{Action: ActionGive, Person: about(viewer)})
	if given.RequestID != first.RequestID {
		t.Errorf("giving to somebody who waits made request %s, want %s", given.RequestID, first.RequestID)
	}
}

func TestLockedRequestsAreRefusedAndGivingGoesOn(t *testing.T) {
	s := withEverybody(nil)
	s.must(lead, Event{Action: ActionLock, Reason: "boss fight"})
	_, refusal := s.ask(viewer, Event{Action: ActionTakeoverRequest})
	wantRefusal(t, refusal, CodeLocked)
	s.must(lead, Event{Action: ActionGive, Person: about(viewer)})
	s.must(lead, Event{Action: ActionUnlock})
	s.must(viewer2, Event{Action: ActionTakeoverRequest})
}

func TestSlowModeSaysHowLongToWait(t *testing.T) {
	s := withEverybody(nil)
	s.must(lead, Event{Action: ActionSlowMode, Seconds: 10})
	s.must(viewer, Event{Action: ActionChat, Message: "one"})
	s.now = s.now.Add(4 * time.Second)
	_, refusal := s.ask(viewer, Event{Action: ActionChat, Message: "two"})
	wantRefusal(t, refusal, CodeTooFast, "6 s")
	s.must(viewer2, Event{Action: ActionChat, Message: "others go on"})
	s.must(lead, Event{Action: ActionChat, Message: "so do leads"})
	s.must(lead, Event{Action: ActionChat, Message: "at once"})
	s.now = s.now.Add(6 * time.Second)
	s.must(viewer, Event{Action: ActionChat, Message: "two"})
}

func TestWhoLeavesGivesUpRequestAndSeat(t *testing.T) {
	s := withEverybody(nil)
	s.must(viewer, Event{Action: ActionTakeoverRequest})
	s.must(viewer, Event{Action: ActionLeft})
	s.must(player, Event{Action: ActionLeft})
	s.settle()
	if s.state.Seat.Holder != nil || len(s.state.Queue) != 0 {
		t.Errorf("seat = %+v, queue = %+v", s.state.Seat, s.state.Queue)
	}
}

func TestATurnEndsWhenSomebodyWaits(t *testing.T) {
	s := withEverybody(&Policy{TurnSeconds: 120})
	s.now = s.now.Add(3 * time.Minute)
	if _, ok := s.state.Due(s.now); ok {
		t.Fatal("the turn ended though nobody waits")
	}
	s.must(viewer, Event{Action: ActionTakeoverRequest})
	e, ok := s.state.Due(s.now)
	if !ok || e.Action != ActionTakeoverApprove {
		t.Fatalf("due = %+v, %v", e, ok)
	}
	if approved := s.must(backend, e); approved.Actor != Rules || approved.From.ID != "player" {
		t.Fatalf("approval = %+v", approved)
	}
}

func TestASilentHolderIsNotWaitedForForEver(t *testing.T) {
	s := withEverybody(&Policy{SilenceSeconds: 30})
	s.must(viewer, Event{Action: ActionTakeoverRequest})
	if next := s.state.NextDeadline(); next != s.now.Add(30*time.Second) {
		t.Errorf("next deadline is in %s", next.Sub(s.now))
	}
	s.now = s.now.Add(29 * time.Second)
	if _, ok := s.state.Due(s.now); ok {
		t.Fatal("granted too early")
	}
	s.now = s.now.Add(time.Second)
	if e, ok := s.state.Due(s.now); !ok || e.Action != ActionTakeoverApprove {
		t.Fatalf("due = %+v, %v", e, ok)
	}
}

func TestAfterATurnOthersComeFirst(t *testing.T) {
	s := withEverybody(&Policy{CooldownSeconds: 60})
	r := s.must(viewer, Event{Action: ActionTakeoverRequest})
	s.must(lead, Event{Action: ActionTakeoverApprove, RequestID: r.RequestID})
	s.must(backend, Event{Action: ActionSeatTaken, RequestID: r.RequestID})
	s.now = s.now.Add(20 * time.Second)
	_, refusal := s.ask(player, Event{Action: ActionTakeoverRequest})
	wantRefusal(t, refusal, CodeCoolingDown, "40 s")
	s.now = s.now.Add(40 * time.Second)
	s.must(player, Event{Action: ActionTakeoverRequest})
}

func TestWhoseWordARequestNeedsIsThePolicys(t *testing.T) {
	for _, c := range []struct {
		approvers    Approvers
		lead, holder bool
	}{{ApproversBoth, true, true}, {ApproversLead, true, false}, {ApproversHolder, false, true}, {"", true, true}} {
		for who, allowed := range map[Person]bool{lead: c.lead, player: c.holder, viewer2: false} {
			s := withEverybody(&Policy{Approvers: c.approvers})
			s.must(viewer, Event{Action: ActionTakeoverRequest})
			if _, refusal := s.ask(who, Event{Action: ActionTakeoverApprove}); (refusal == nil) != allowed {
				t.Errorf("approvers %q, by %s: %v", c.approvers, who.Name, refusal)
			}
		}
	}
}

func TestPoliciesThatCannotWorkAreExplained(t *testing.T) {
	for says, p := range map[string]Policy{
		"approvers":      {Approvers: "everybody\x1b[2J"},
		"requestSeconds": {RequestSeconds: 1},
		"expires first":  {SilenceSeconds: 60},
		"turnSeconds":    {TurnSeconds: -1},
	} {
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), says) || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%+v: %v, want %q", p, err, says)
		}
	}
	if err := (Policy{}).Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestOnlyLeadsModerate(t *testing.T) {
	for _, action := range []Action{ActionGive, ActionMute, ActionUnmute, ActionRemove, ActionBan, ActionUnban, ActionLock, ActionUnlock, ActionSlowMode} {
		for who, allowed := range map[Person]bool{lead: true, player: false, viewer: false, sidecar: false, backend: false} {
			s := withEverybody(nil)
			_, refusal := s.ask(who, Event{Action: action, Person: about(viewer2), Seconds: 5})
			if (refusal == nil) != allowed {
				t.Errorf("%s by %s: %v", action, who.Role, refusal)
			}
		}
		if action == ActionLock || action == ActionUnlock || action == ActionSlowMode {
			continue
		}
		s := withEverybody(nil)
		_, refusal := s.ask(lead, Event{Action: action})
		wantRefusal(t, refusal, CodeBadRequest)
		_, refusal = s.ask(lead, Event{Action: action, Person: &Person{ID: "stranger"}})
		wantRefusal(t, refusal, CodeNoSuchPerson)
	}
}

func TestAReleaseThatComesLateLeavesTheNextHolderAlone(t *testing.T) {
	s := withEverybody(nil)
	meant := s.state.Seat.Epoch
	s.must(lead, Event{Action: ActionGive, Person: about(viewer)})
	s.must(backend, Event{Action: ActionSeatTaken, RequestID: s.state.Handover.Request.ID})
	_, refusal := s.ask(lead, Event{Action: ActionSeatReleased, Epoch: meant})
	wantRefusal(t, refusal, CodeAlreadyDecided, viewer.Name)
	if e, refusal := s.ask(backend, Event{Action: ActionSeatReleased, Epoch: meant}); e != nil || refusal != nil {
		t.Errorf("the backend's late release: %+v, %v", e, refusal)
	}
	s.must(lead, Event{Action: ActionSeatReleased, Epoch: s.state.Seat.Epoch})
	if s.state.Seat.Holder != nil {
		t.Errorf("seat = %+v", s.state.Seat)
	}
}
