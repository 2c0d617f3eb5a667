package gate

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

const (
	// callsBetweenKills lets the processes that are left get on with it for a while.
	callsBetweenKills = 40
	// callsOfAnything is how many calls people make as they like, and mostCallsOfAnything how many they make
	// where processes start so slowly that there were too few kills by then.
	callsOfAnything, mostCallsOfAnything = 700, 3500
	// leastKills are each kind of kill several times.
	leastKills = 9
	// tickEvery is after how many calls the clock moves on, by up to tick.
	tickEvery = 8
	tick      = 800 * time.Millisecond
)

// The clients of the history, for the checker's picture.
const (
	clientKiller = iota
	clientSteward
	clientSteward2
	clientLead
	clientLead2
	clientOthers
)

// TestGatesThatAreKilledAreOne: processes of gates are killed at random moments and at the two points of
// an append that matter, and started anew, while clients ask others instead. All replies are still those
// of one gate that was never killed; no acknowledged event is missing; and what a gate tells after its
// restart is the fold of the log.
func TestGatesThatAreKilledAreOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h := newHistory(t, log, path, playtest.Policy{RequestSeconds: 20, SilenceSeconds: 12, CooldownSeconds: 3, TurnSeconds: 15})
	for range gateProcesses {
		h.gates = append(h.gates, newSlot(startProcess(t, path)))
	}
	h.tickEvery = tickEvery

	var over atomic.Bool
	var killing sync.WaitGroup
	killing.Go(func() {
		for !over.Load() && h.killOne(t, path) {
			for more := h.calls() + rand.N(callsBetweenKills); h.calls() < more && !over.Load(); {
				<-h.called
			}
		}
	})
	spare := sync.OnceFunc(func() {
		over.Store(true)
		select {
		case h.called <- struct{}{}: // so that the killer looks
		default:
		}
		killing.Wait()
	})
	defer spare()

	h.aFullQueue(t)
	h.oneLeadSignedInTwice(t)
	h.threeDecideAtOnce(t, log)
	h.anythingGoes(func() bool { return h.kills.Load() >= leastKills && h.untold.Load() > 0 })
	spare()

	orphans := h.survived(t, log)
	h.check(t, orphans)
	kills := h.kills.Load()
	t.Logf("%d kills; of the lost calls %d took effect", kills, len(orphans))
	tally := h.tally()
	for _, e := range orphans {
		tally[string(e.Action)]++
	}
	if kills < leastKills || len(orphans) == 0 {
		t.Errorf("%d kills and %d orphans prove little", kills, len(orphans))
	}
	for _, kind := range []string{
		"lost", "expired", string(playtest.ActionSeatTaken), string(playtest.ActionSeatReleased), string(playtest.ActionSessionEnded),
		string(playtest.CodeQueueFull), string(playtest.CodeSessionEnded), string(playtest.CodeAlreadyDecided), string(playtest.CodeMuted),
		string(playtest.CodeBanned), string(playtest.CodeRemoved), string(playtest.CodeLocked), string(playtest.CodeTooFast),
	} {
		if tally[kind] == 0 {
			t.Errorf("the history has no %s", kind)
		}
	}
}

// killOne kills a process, waits until it is gone, and starts another in its place; false if that failed.
func (h *history) killOne(t *testing.T, path string) bool {
	slot := h.gates[rand.N(len(h.gates))]
	p := slot.Load()
	patience := time.NewTimer(500 * time.Millisecond) // for an append to die in
	defer patience.Stop()
	point := [...]crashPoint{"", beforeAppend, afterAppend}[h.kills.Load()%3]
	switch point {
	case "":
		patience.Reset(rand.N(20 * time.Millisecond))
	default:
		p.dieAt(point)
	}
	select {
	case <-p.done:
		if point == afterAppend {
			h.untold.Add(1)
		}
	case <-patience.C:
		p.kill()
	}
	slot.Store(nil)
	fresh, err := launch(path)
	if err != nil {
		t.Error(err)
		return false
	}
	t.Cleanup(func() { fresh.end(t) })
	h.ask(clientKiller, fresh, lead, nil) // what a restarted gate tells is a part of the history
	slot.Store(fresh)
	h.kills.Add(1)
	return true
}

// insist asks until there is an answer, as a client does that has a person behind it: when a process dies,
// the outcome is unknown, and the same ask goes to any other.
//
// An ask has no key of its own by which a gate could know it again. That it does not count twice follows
// from what it names: who has asked has a request already, a request that was decided is decided, and
// what is so is so (see TestAskingAgainDoesNothingTwice). Asks that name nothing, such as approving the
// first of the queue, are not repeated by any client of ours.
func (h *history) insist(client int, who auth.Identity, ask playtest.Event) reply {
	for {
		switch r := h.ask(client, h.some(), who, &ask); {
		case r.limited():
			h.tick(time.Second)
		case !r.Lost && !r.Overtaken:
			return r
		}
	}
}

// look reads until there is an answer.
func (h *history) look(client int, who auth.Identity) *view {
	for {
		if v := h.ask(client, h.some(), who, nil).View; v != nil {
			return v
		}
	}
}

// settle does what a steward does: what is due, and the hand-over that runs.
func (h *history) settle(client int) *view {
	for {
		switch v := h.look(client, backend); {
		case v.Due != nil:
			h.insist(client, backend, *v.Due)
		case v.Running != "":
			h.insist(client, backend, playtest.Event{Action: playtest.ActionSeatTaken, RequestID: v.Running})
		default:
			return v
		}
	}
}

// survived checks what is left when all is over, and returns the events that nobody was told of.
func (h *history) survived(t *testing.T, log *store.Store) (orphans map[int64]playtest.Event) {
	t.Helper()
	report, err := log.Verify(t.Context(), "s-1")
	if err != nil || !report.Intact() {
		t.Fatalf("after the kills: %+v, %v", report, err)
	}
	events := wholeLog(t, log)
	decided := map[string]playtest.Action{}
	for i, e := range events {
		if e.Seq != int64(i)+1 {
			t.Fatalf("line %d has the number %d", i+1, e.Seq)
		}
		if outcomes[e.Action] {
			if was := decided[e.RequestID]; was != "" {
				t.Errorf("request %s: %s and then %s", e.RequestID, was, e.Action)
			}
			decided[e.RequestID] = e.Action
		}
	}
	orphans = map[int64]playtest.Event{}
	for _, e := range events[1:] { // SESSION_STARTED is nobody's in the history
		orphans[e.Seq] = e
	}
	for _, o := range h.operations {
		r := o.Output.(reply)
		if r.Failure != "" && !r.Overtaken {
			t.Error(describe(o.Input.(call), r))
		}
		if e := r.Event; e != nil {
			if e.Seq > int64(len(events)) || !reflect.DeepEqual(*e, events[e.Seq-1]) {
				t.Errorf("event %d was acknowledged and is not in the log: %+v", e.Seq, e)
			}
			if _, untold := orphans[e.Seq]; !untold {
				t.Errorf("event %d was acknowledged twice", e.Seq)
			}
			delete(orphans, e.Seq)
		}
	}
	folded, err := json.Marshal(playtest.Fold(events))
	if err != nil {
		t.Fatal(err)
	}
	for i, slot := range h.gates {
		if v := slot.Load().ask(call{Session: "s-1", Who: lead}).View; v == nil || !bytes.Equal(v.Whole, folded) {
			t.Errorf("gate %d tells %s, and the log folds to %s", i, v.Whole, folded)
		}
	}
	return orphans
}

// decisionOf is the one event of the log that decided a request.
func decisionOf(t *testing.T, log *store.Store, request string) playtest.Event {
	t.Helper()
	var decisions []playtest.Event
	for _, e := range wholeLog(t, log) {
		if e.RequestID == request && outcomes[e.Action] {
			decisions = append(decisions, e)
		}
	}
	if len(decisions) != 1 {
		t.Fatalf("request %s was decided %d times: %+v", request, len(decisions), decisions)
	}
	return decisions[0]
}

var outcomes = map[playtest.Action]bool{
	playtest.ActionTakeoverApprove: true, playtest.ActionTakeoverDeny: true, playtest.ActionTakeoverCancel: true,
}

func wholeLog(t *testing.T, log *store.Store) []playtest.Event {
	t.Helper()
	var events []playtest.Event
	for {
		page, err := log.Read(t.Context(), "s-1", int64(len(events)), store.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, page...)
		if len(page) < store.MaxPage {
			return events
		}
	}
}
