package gate

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

const (
	gateProcesses = 3
	peopleClients = 10 // goroutines, each three people who take turns
	stewards      = 2  // as two backends have them, doing the same
	asksPerPerson = 20 // below gateProcesses times the burst of seatClass, so that nobody is too fast
)

// TestGatesInSeveralProcessesAreOne: whatever many clients of several backends ask at once, all
// replies, the refusals and what is read included, are those of one gate asked one call after
// another, in an order that agrees with when each call was made and answered.
func TestGatesInSeveralProcessesAreOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h := newHistory(t, log, path, playtest.Policy{RequestSeconds: 60})
	for range gateProcesses {
		h.gates = append(h.gates, newSlot(startProcess(t, path)))
	}

	h.play()

	tally := h.tally()
	for _, o := range h.operations {
		if c, r := o.Input.(call), o.Output.(reply); r.Failure != "" && !r.Overtaken || r.Lost || r.limited() {
			t.Fatal(describe(c, r))
		}
	}
	h.check(t, nil)
	report, err := log.Verify(t.Context(), "s-1")
	if err != nil || !report.Intact() || report.Events != int64(tally["accepted"])+1 {
		t.Fatalf("the log of %d accepted events: %+v, %v", tally["accepted"], report, err)
	}
	if tally["accepted"] < 100 || tally["refused"] < 100 || tally[string(playtest.ActionSeatTaken)] < 5 {
		t.Errorf("a history of %v proves little", tally)
	}
}

// play lets everybody loose and returns when the people have done.
func (h *history) play() {
	var people, machines sync.WaitGroup
	var done atomic.Bool
	wakes := make([]chan struct{}, stewards)
	for i := range wakes {
		wakes[i] = make(chan struct{}, 1)
		machines.Go(func() {
			for range wakes[i] {
				h.steward(peopleClients+i, wakes[i], &done)
			}
		})
	}
	for client := range peopleClients {
		people.Go(func() {
			h.people(client, wakes)
		})
	}
	people.Wait()
	done.Store(true)
	for _, wake := range wakes {
		close(wake)
	}
	machines.Wait()
}

// people lets a lead, a player and a viewer ask in turn for this and that, now on what was just
// read, now on what was read a while ago.
func (h *history) people(client int, wakes []chan struct{}) {
	roles := []playtest.Role{playtest.RoleLead, playtest.RolePlayer, playtest.RoleViewer}
	seen, mine := view{}, make([]string, len(roles))
	for n := range asksPerPerson {
		for i, role := range roles {
			who := person(fmt.Sprintf("%s-%d", role, client), role)
			if rand.N(3) > 0 {
				if r := h.ask(client, h.some(), who, nil); r.View != nil {
					seen = *r.View
				}
			}
			ask := wish(who, seen, mine[i])
			r := h.ask(client, h.gates[(client+n)%len(h.gates)].Load(), who, &ask)
			if r.Event == nil {
				continue
			}
			if ask.Action == playtest.ActionTakeoverRequest {
				mine[i] = r.Event.RequestID
			}
			for _, wake := range wakes {
				select {
				case wake <- struct{}{}:
				default: // it is awake
				}
			}
		}
	}
}

// wish is something that the person might want, allowed or not. mine is their newest request.
func wish(who auth.Identity, seen view, mine string) playtest.Event {
	some := "r-nobodys"
	if len(seen.Queue) > 0 {
		some = seen.Queue[rand.N(min(3, len(seen.Queue)))] // many want the same few
	}
	decides := who.Role == playtest.RoleLead || seen.Holder == who.ID
	waits := slices.Contains(seen.Queue, mine)
	switch choice := rand.N(100); {
	case choice < 10:
		return playtest.Event{Action: playtest.ActionTakeoverCancel, RequestID: some}
	case choice < 20:
		return playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: some}
	case waits && (choice < 35 || !decides && choice < 80):
		return playtest.Event{Action: playtest.ActionTakeoverCancel, RequestID: mine}
	case choice < 35 || !decides:
		return playtest.Event{Action: playtest.ActionTakeoverRequest}
	case choice < 50:
		return playtest.Event{Action: playtest.ActionTakeoverDeny, RequestID: some}
	case choice < 60:
		return playtest.Event{Action: playtest.ActionSeatReleased}
	case choice < 75:
		return playtest.Event{Action: playtest.ActionTakeoverApprove} // the first of the queue
	}
	return playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: some}
}

// steward does what a state that it reads asks for, until there is nothing to do.
func (h *history) steward(client int, wake chan struct{}, done *atomic.Bool) {
	for !done.Load() {
		seen := h.ask(client, h.some(), backend, nil).View
		if seen == nil {
			return
		}
		ask := playtest.Event{Action: playtest.ActionSeatTaken, RequestID: seen.Running}
		switch {
		case seen.Running != "" && rand.N(4) == 0:
			ask.Action = playtest.ActionHandoverFailed
		case seen.Running != "":
		case seen.Holder == "" && len(seen.Queue) > 0:
			ask = playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: seen.Queue[0]}
		default:
			return
		}
		if r := h.ask(client, h.some(), backend, &ask); r.Event == nil {
			return // another was faster, or it is a person's turn
		}
	}
}
