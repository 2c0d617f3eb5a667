package gate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

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
	if err := log.SaveSession(t.Context(), store.Session{ID: "s-1", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(log, time.Now).Publish(t.Context(), NamespacePlaytest, "s-1", backend, json.RawMessage(`{"action":"SESSION_STARTED"}`)); err != nil {
		t.Fatal(err)
	}
	h := &history{began: time.Now()}
	for range gateProcesses {
		h.gates = append(h.gates, startProcess(t, path))
	}

	h.play()

	tally := map[string]int{}
	for _, o := range h.operations {
		c, r := o.Input.(call), o.Output.(reply)
		tally[kind(r)]++
		if r.Code != "" {
			tally[string(r.Code)]++
		}
		if r.Event != nil {
			tally[string(r.Event.Action)]++
		}
		if r.Failure != "" && !r.Overtaken || r.Code == playtest.CodeTooFast {
			t.Fatal(describe(c, r))
		}
	}
	checked := time.Now()
	result, info := porcupine.CheckOperationsVerbose(linearizable, h.operations, 20*time.Second)
	t.Logf("%d calls in %s, checked in %s: %v", len(h.operations), checked.Sub(h.began).Round(time.Millisecond), time.Since(checked).Round(time.Millisecond), tally)
	if result != porcupine.Ok {
		picture := filepath.Join(t.ArtifactDir(), "history.html")
		if err := porcupine.VisualizePath(linearizable, info, picture); err != nil {
			t.Error(err)
		}
		t.Fatalf("the history has no order that explains it (%s); with -artifacts it is drawn in %s", result, picture)
	}
	report, err := log.Verify(t.Context(), "s-1")
	if err != nil || !report.Intact() || report.Events != int64(tally["accepted"])+1 {
		t.Fatalf("the log of %d accepted events: %+v, %v", tally["accepted"], report, err)
	}
	if tally["accepted"] < 100 || tally["refused"] < 100 || tally[string(playtest.ActionSeatTaken)] < 5 {
		t.Errorf("a history of %v proves little", tally)
	}
}

// history is what was asked of the gates and replied, and when.
type history struct {
	gates []*process
	began time.Time

	mu         sync.Mutex // protects operations
	operations []porcupine.Operation
}

func (h *history) ask(client int, gate *process, who auth.Identity, ask *playtest.Event) reply {
	c := call{Session: "s-1", Who: who, Ask: ask}
	called := time.Since(h.began)
	r := gate.ask(c)
	returned := time.Since(h.began)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: client, Input: c, Output: r, Call: called.Nanoseconds(), Return: returned.Nanoseconds(),
	})
	return r
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
				if r := h.ask(client, h.gates[rand.N(len(h.gates))], who, nil); r.View != nil {
					seen = *r.View
				}
			}
			ask := wish(who, seen, mine[i])
			r := h.ask(client, h.gates[(client+n)%len(h.gates)], who, &ask)
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
		seen := h.ask(client, h.gates[rand.N(len(h.gates))], backend, nil).View
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
		if r := h.ask(client, h.gates[rand.N(len(h.gates))], backend, &ask); r.Event == nil {
			return // another was faster, or it is a person's turn
		}
	}
}

func kind(r reply) string {
	switch {
	case r.View != nil:
		return "read"
	case r.Event != nil:
		return "accepted"
	case r.Code != "":
		return "refused"
	case r.Overtaken:
		return "overtaken"
	case r.Failure != "":
		return "failed"
	}
	return "nothing"
}

func describe(c call, r reply) string {
	if c.Ask == nil {
		return fmt.Sprintf("%s reads %+v", c.Who.ID, r.View)
	}
	asked := fmt.Sprintf("%s: %s %s", c.Who.ID, c.Ask.Action, c.Ask.RequestID)
	if r.Event != nil {
		return fmt.Sprintf("%s → %d %s", asked, r.Event.Seq, r.Event.RequestID)
	}
	return fmt.Sprintf("%s → %s %s%s", asked, r.Code, r.Message, r.Failure)
}

// The check must be able to say no: histories that one gate cannot have made are refused.
func TestAHistoryOfTwoMindsIsRefused(t *testing.T) {
	viewerAsks := call{Session: "s-1", Who: viewer, Ask: &playtest.Event{Action: playtest.ActionTakeoverRequest}}
	asked := reply{Event: &playtest.Event{Seq: 2, Session: "s-1", Action: playtest.ActionTakeoverRequest, RequestID: "r-1", Requester: &viewer.Person}}
	leadDecides := func(action playtest.Action) call {
		return call{Session: "s-1", Who: lead, Ask: &playtest.Event{Action: action, RequestID: "r-1"}}
	}
	decided := func(seq int64, action playtest.Action) reply {
		return reply{Event: &playtest.Event{Seq: seq, Session: "s-1", Action: action, RequestID: "r-1", Requester: &viewer.Person}}
	}
	read := call{Session: "s-1", Who: lead}
	late := func(message string) reply {
		return reply{Code: playtest.CodeAlreadyDecided, Message: message}
	}
	op := func(from, to int64, c call, r reply) porcupine.Operation {
		return porcupine.Operation{Input: c, Output: r, Call: from, Return: to}
	}
	first := op(0, 1, viewerAsks, asked)
	approve := op(2, 9, leadDecides(playtest.ActionTakeoverApprove), decided(3, playtest.ActionTakeoverApprove))
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"decided once":                 {[]porcupine.Operation{first, approve, op(2, 9, leadDecides(playtest.ActionTakeoverDeny), late("lead already approved the request of viewer"))}, true},
		"decided twice":                {[]porcupine.Operation{first, approve, op(2, 9, leadDecides(playtest.ActionTakeoverDeny), decided(4, playtest.ActionTakeoverDeny))}, false},
		"the loser reads what was not": {[]porcupine.Operation{first, approve, op(2, 9, leadDecides(playtest.ActionTakeoverDeny), late("lead already denied the request of viewer"))}, false},
		"an old state is read":         {[]porcupine.Operation{first, op(2, 3, read, reply{View: &view{Seq: 1}})}, false},
		"an old state, read meanwhile": {[]porcupine.Operation{op(0, 2, viewerAsks, asked), op(1, 3, read, reply{View: &view{Seq: 1}})}, true},
		"refused by an old state":      {[]porcupine.Operation{first, op(2, 3, leadDecides(playtest.ActionTakeoverDeny), reply{Code: playtest.CodeNoSuchRequest})}, false},
		"a number left out":            {[]porcupine.Operation{first, op(2, 9, leadDecides(playtest.ActionTakeoverApprove), decided(4, playtest.ActionTakeoverApprove))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperations(linearizable, c.history); got != c.want {
				t.Fatalf("linearizable: %t", got)
			}
		})
	}
}
