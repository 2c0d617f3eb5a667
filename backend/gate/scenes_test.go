package gate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// all lets several do something at once.
func all(does ...func()) {
	var wg sync.WaitGroup
	for _, do := range does {
		wg.Go(do)
	}
	wg.Wait()
}

// seatOne brings a player into an empty seat.
func (h *history) seatOne(t *testing.T, who auth.Identity) {
	h.insist(clientOthers, who, playtest.Event{Action: playtest.ActionTakeoverRequest})
	if v := h.settle(clientSteward); v.Holder != who.ID {
		t.Fatalf("%s asked for the empty seat, and %q has it", who.ID, v.Holder)
	}
}

// aFullQueue: more ask than can wait. Then all of them have waited too long.
func (h *history) aFullQueue(t *testing.T) {
	h.seatOne(t, person("first", playtest.RolePlayer))
	const more = 10
	var full atomic.Int64
	var asks []func()
	for client := range more {
		asks = append(asks, func() {
			for n := range playtest.MaxQueue/more + 1 {
				who := person(fmt.Sprintf("crowd-%d-%d", client, n), playtest.RoleViewer)
				if r := h.insist(clientOthers+client, who, playtest.Event{Action: playtest.ActionTakeoverRequest}); r.Code == playtest.CodeQueueFull {
					full.Add(1)
				}
			}
		})
	}
	all(asks...)
	if full.Load() != more {
		t.Errorf("%d were told that the queue is full, want %d", full.Load(), more)
	}
	queue := h.look(clientLead, lead).Queue
	h.tick(time.Duration(h.policy.RequestSeconds) * time.Second)
	all(
		func() { h.settle(clientSteward) }, func() { h.settle(clientSteward2) },
		func() { // too late for all
			for _, id := range queue[:min(12, len(queue))] {
				h.insist(clientLead, lead, playtest.Event{Action: playtest.ActionTakeoverDeny, RequestID: id})
			}
		},
	)
}

// oneLeadSignedInTwice: two clients of one lead do the same at the same time, one decision after another.
// It is made once, and what it is about then reads why not.
func (h *history) oneLeadSignedInTwice(t *testing.T) {
	guest := person("guest", playtest.RoleViewer)
	about := &playtest.Person{ID: guest.ID}
	twice := func(ask playtest.Event) {
		t.Helper()
		var first, second reply
		all(
			func() { first = h.insist(clientLead, lead, ask) },
			func() { second = h.insist(clientLead2, lead, ask) },
		)
		if first.Event != nil && second.Event != nil {
			t.Errorf("%s was made twice: as %d and %d", ask.Action, first.Event.Seq, second.Event.Seq)
		}
	}
	refused := func(code playtest.Code, ask playtest.Event) {
		t.Helper()
		if r := h.insist(clientOthers, guest, ask); r.Code != code {
			t.Errorf("%s: %+v, want %s", ask.Action, r, code)
		}
	}
	chat := playtest.Event{Action: playtest.ActionChat, Message: "hello"}
	request := playtest.Event{Action: playtest.ActionTakeoverRequest}
	arrive := playtest.Event{Action: playtest.ActionArrived}

	refused("", arrive)
	twice(playtest.Event{Action: playtest.ActionMute, Person: about})
	refused(playtest.CodeMuted, chat)
	twice(playtest.Event{Action: playtest.ActionUnmute, Person: about})
	twice(playtest.Event{Action: playtest.ActionSlowMode, Seconds: 600})
	h.insist(clientOthers, guest, chat)
	refused(playtest.CodeTooFast, chat)
	twice(playtest.Event{Action: playtest.ActionSlowMode})
	twice(playtest.Event{Action: playtest.ActionBan, Person: about})
	refused(playtest.CodeBanned, request)
	refused(playtest.CodeBanned, arrive)
	twice(playtest.Event{Action: playtest.ActionUnban, Person: about})
	refused("", arrive)
	twice(playtest.Event{Action: playtest.ActionRemove, Person: about})
	refused(playtest.CodeRemoved, chat)
	refused("", arrive)
	twice(playtest.Event{Action: playtest.ActionLock})
	refused(playtest.CodeLocked, request)
	twice(playtest.Event{Action: playtest.ActionGive, Person: about})
	if v := h.settle(clientSteward); v.Holder != guest.ID {
		t.Errorf("the seat was given to %s, and %q has it", guest.ID, v.Holder)
	}
	twice(playtest.Event{Action: playtest.ActionUnlock})
	twice(playtest.Event{Action: playtest.ActionSeatReleased, Reason: "somebody else's turn"})
	if v := h.look(clientLead, lead); v.Holder != "" {
		t.Errorf("the seat was taken back, and %q has it", v.Holder)
	}
}

// threeDecideAtOnce: the holder, one lead with two clients, and another lead decide about the same request
// at the same time. One decision stands, and everybody else reads whose.
func (h *history) threeDecideAtOnce(t *testing.T, log *store.Store) {
	holder := person("player-0", playtest.RolePlayer)
	h.seatOne(t, holder)
	for round := range 8 {
		rival := person(fmt.Sprintf("rival-%d", round), playtest.RoleViewer)
		h.insist(clientOthers, rival, playtest.Event{Action: playtest.ActionTakeoverRequest})
		queue := h.look(clientOthers, rival).Queue
		if len(queue) != 1 {
			t.Fatalf("%s asked, and %q wait", rival.ID, queue)
		}
		request := queue[0]
		deciders := []auth.Identity{holder, lead, lead, person("lead-b", playtest.RoleLead)}
		replies := make([]reply, len(deciders))
		var decide []func()
		for i, who := range deciders {
			ask := playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request}
			if (round+i)%2 == 0 {
				ask.Action = playtest.ActionTakeoverDeny
			}
			decide = append(decide, func() { replies[i] = h.insist(clientOthers+i, who, ask) })
		}
		all(decide...)

		standing := decisionOf(t, log, request)
		verb := map[playtest.Action]string{playtest.ActionTakeoverApprove: "approved", playtest.ActionTakeoverDeny: "denied"}[standing.Action]
		says := fmt.Sprintf("%s already %s the request of %s", standing.Actor.Name, verb, rival.Name)
		for i, r := range replies {
			if made := r.Event != nil && reflect.DeepEqual(*r.Event, standing); !made && (r.Code != playtest.CodeAlreadyDecided || r.Message != says) {
				t.Errorf("round %d: %s was told %s, want %q", round, deciders[i].ID, describe(call{Who: deciders[i], Ask: &standing}, r), says)
			}
		}
		if v := h.settle(clientSteward); v.Holder == rival.ID {
			holder = rival
		}
	}
}

// anythingGoes lets people ask for whatever they like, until the session is ended, by two stewards at once: when
// there were enough calls, and they have shown what they are to show or never will.
func (h *history) anythingGoes(shown func() bool) {
	const clients = 6
	enough, most := h.calls()+callsOfAnything, h.calls()+mostCallsOfAnything
	var does []func()
	for client := range clients {
		does = append(does, func() {
			people := []auth.Identity{
				person(fmt.Sprintf("lead-%d", client/2), playtest.RoleLead), // signed in twice
				person(fmt.Sprintf("player-%d", client), playtest.RolePlayer),
				person(fmt.Sprintf("viewer-%d", client), playtest.RoleViewer),
			}
			mine := make([]string, len(people))
			for ended := false; !ended; {
				seen := *h.look(clientOthers+client, people[0])
				for i, who := range people {
					ask := whim(who, seen, mine[i])
					var r reply
					if ask.Action == playtest.ActionTakeoverApprove && ask.RequestID == "" {
						r = h.ask(clientOthers+client, h.some(), who, &ask) // see insist
					} else {
						r = h.insist(clientOthers+client, who, ask)
					}
					if r.Event != nil && ask.Action == playtest.ActionTakeoverRequest {
						mine[i] = r.Event.RequestID
					}
					ended = r.Code == playtest.CodeSessionEnded
				}
			}
		})
	}
	for _, client := range []int{clientSteward, clientSteward2} {
		does = append(does, func() {
			for h.calls() < enough || !shown() && h.calls() < most {
				h.settle(client)
			}
			h.insist(client, backend, playtest.Event{Action: playtest.ActionSessionEnded, Reason: "over"})
		})
	}
	all(does...)
}

// whim is a wish, or something else that people do.
func whim(who auth.Identity, seen view, mine string) playtest.Event {
	some := &playtest.Person{ID: fmt.Sprintf("%s-%d", []string{"player", "viewer"}[rand.N(2)], rand.N(6))}
	moderation := []playtest.Action{
		playtest.ActionMute, playtest.ActionUnmute, playtest.ActionRemove, playtest.ActionBan, playtest.ActionUnban, playtest.ActionUnban,
		playtest.ActionLock, playtest.ActionUnlock, playtest.ActionUnlock,
	}
	switch choice := rand.N(100); {
	case choice < 10:
		return playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprint("line ", choice)}
	case choice < 18:
		return playtest.Event{Action: playtest.ActionArrived}
	case choice < 22:
		return playtest.Event{Action: playtest.ActionLeft}
	case choice < 30:
		return playtest.Event{Action: playtest.ActionGive, Person: some}
	case choice < 40 && who.Role == playtest.RoleLead, choice == 30:
		return playtest.Event{Action: moderation[rand.N(len(moderation))], Person: some}
	}
	return wish(who, seen, mine)
}
