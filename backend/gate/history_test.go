package gate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// history is what was asked of several gates and replied, and when.
type history struct {
	gates  []*slot
	clock  sharedClock
	policy playtest.Policy
	began  time.Time
	// tickEvery is after how many calls the clock moves on by a little; 0: never.
	tickEvery int
	called    chan struct{} // gets one at a time when there was another call
	kills     atomic.Int64  // how many processes were killed and replaced
	untold    atomic.Int64  // how many of them had appended an event and told nobody

	mu         sync.Mutex // protects operations and moving the clock
	operations []porcupine.Operation
}

// slot is a place for a gate's process: nil while another one is starting there.
type slot struct{ atomic.Pointer[process] }

func newSlot(p *process) *slot {
	s := &slot{}
	s.Store(p)
	return s
}

// newHistory starts the session that the gates are asked about. The policy's fields are all set.
func newHistory(t *testing.T, log *store.Store, path string, policy playtest.Policy) *history {
	t.Helper()
	policy.Approvers = playtest.ApproversBoth
	h := &history{clock: clockAt(path), policy: policy, began: time.Now(), called: make(chan struct{}, 1)}
	if err := log.SaveSession(t.Context(), store.Session{ID: "s-1", CreatedAt: h.clock.now()}); err != nil {
		t.Fatal(err)
	}
	begin, err := json.Marshal(playtest.Event{Action: playtest.ActionSessionStarted, Policy: &policy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(log, h.clock.now).Publish(t.Context(), NamespacePlaytest, "s-1", backend, begin); err != nil {
		t.Fatal(err)
	}
	return h
}

// some is any of the gates that are up, of which there is always one.
func (h *history) some() *process {
	for {
		if p := h.gates[rand.N(len(h.gates))].Load(); p != nil {
			return p
		}
	}
}

// ask is one call. Its reply is Lost when the process died first.
func (h *history) ask(client int, gate *process, who auth.Identity, ask *playtest.Event) reply {
	c := call{Session: "s-1", Who: who, Ask: ask, At: h.clock.now().UnixMilli()}
	called := time.Since(h.began)
	r := gate.ask(c)
	returned := time.Since(h.began)
	r.At = h.clock.now().UnixMilli()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: client, Input: c, Output: r, Call: called.Nanoseconds(), Return: returned.Nanoseconds(),
	})
	if h.tickEvery > 0 && len(h.operations)%h.tickEvery == 0 {
		h.clock.advance(rand.N(tick))
	}
	select {
	case h.called <- struct{}{}:
	default: // nobody has looked since
	}
	return r
}

// calls is how many there were.
func (h *history) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.operations)
}

// tick moves the clock on.
func (h *history) tick(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock.advance(by)
}

// checkTime is far more than the search for an order takes: one that was not found by then is as bad as none.
const checkTime = 2 * time.Minute

// check asks for an order of the calls that explains all replies, and the orphans of the log.
func (h *history) check(t *testing.T, orphans map[int64]playtest.Event) {
	t.Helper()
	var operations []porcupine.Operation
	for _, o := range h.operations {
		// A lost call that no orphan can be of, or a lost read, fits anywhere: it makes only work.
		if c := o.Input.(call); !o.Output.(reply).Lost || c.causeOfAny(orphans) {
			operations = append(operations, o)
		}
	}
	checked := time.Now()
	model := linearizable(h.policy, orphans)
	result, info := porcupine.CheckOperationsVerbose(model, operations, checkTime)
	t.Logf("%d calls in %s, checked in %s: %v", len(h.operations), checked.Sub(h.began).Round(time.Millisecond), time.Since(checked).Round(time.Millisecond), h.tally())
	if result != porcupine.Ok {
		picture := filepath.Join(t.ArtifactDir(), "history.html")
		if err := porcupine.VisualizePath(model, info, picture); err != nil {
			t.Error(err)
		}
		t.Fatalf("the history has no order that explains it (%s); with -artifacts it is drawn in %s", result, picture)
	}
}

// causeOfAny: the call can have made one of the events.
func (c call) causeOfAny(events map[int64]playtest.Event) bool {
	for _, e := range events {
		if c.Ask == nil {
			return false
		}
		gave := c.Ask.Action == playtest.ActionGive && e.Action == playtest.ActionTakeoverApprove
		byRules := c.Who.Role == playtest.RoleBackend && e.Actor == playtest.Rules
		if (e.Action == c.Ask.Action || gave) && (e.Actor == c.Who.Person || byRules) {
			return true
		}
	}
	return false
}

// tally counts what kinds of replies there were, with which codes and actions.
func (h *history) tally() map[string]int {
	tally := map[string]int{}
	for _, o := range h.operations {
		c, r := o.Input.(call), o.Output.(reply)
		tally[kind(r)]++
		if r.limited() {
			tally["limited"]++
		} else if r.Code != "" {
			tally[string(r.Code)]++
		}
		if r.Event != nil {
			tally[string(c.Ask.Action)]++
		}
		if r.Event != nil && r.Event.Reason == "expired" {
			tally["expired"]++
		}
	}
	return tally
}

// limited: the process's own count of a person's calls refused it before anything was decided. It is no
// part of a session, and each process counts for itself.
func (r reply) limited() bool {
	return r.Code == playtest.CodeTooFast && !strings.HasPrefix(r.Message, "slow mode")
}

func kind(r reply) string {
	switch {
	case r.Lost:
		return "lost"
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
	if c.Ask == nil && r.View == nil {
		return fmt.Sprintf("%s reads: %s", c.Who.ID, kind(r))
	}
	if c.Ask == nil {
		v := *r.View
		return fmt.Sprintf("%s reads %d: epoch %d, %q holds, %q runs, %q wait", c.Who.ID, v.Seq, v.Epoch, v.Holder, v.Running, v.Queue)
	}
	asked := fmt.Sprintf("%s: %s %s", c.Who.ID, c.Ask.Action, c.Ask.RequestID)
	if r.Event != nil {
		return fmt.Sprintf("%s → %d %s", asked, r.Event.Seq, r.Event.RequestID)
	}
	return fmt.Sprintf("%s → %s %s %s%s", asked, kind(r), r.Code, r.Message, r.Failure)
}
