package gate

import (
	"encoding/json"
	"fmt"
	"testing"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// repeated publishes an ask, and again through another gate on the same log, as a client does that never
// heard what became of the first. It returns what became of the second.
func repeated(t *testing.T, in string, who auth.Identity, ask json.RawMessage, between func(*Gate)) string {
	t.Helper()
	g, log := situation(t, in)
	if ask == nil {
		t.Fatal("nothing to ask")
	}
	if _, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", who, ask); err != nil {
		t.Fatalf("%s: %v", ask, err)
	}
	another := New(log, g.now)
	if between != nil {
		between(another)
	}
	before := len(log.events)
	out, err := another.Publish(t.Context(), NamespacePlaytest, "s-1", who, ask)
	verdict := verdictOf(out, err)
	if (len(log.events) > before) != (verdict == "ok") {
		t.Errorf("%s: %s, and the log grew by %d", ask, verdict, len(log.events)-before)
	}
	return verdict
}

// TestAskingAgainDoesNothingTwice: a publication has no key by which it could be known again. Whoever
// repeats one, since its outcome was lost, is told that it is so already.
func TestAskingAgainDoesNothingTwice(t *testing.T) {
	waiting, holder, removed := columns[1].who, columns[2].who, columns[7].who
	for _, c := range []struct {
		in     string
		who    auth.Identity
		action playtest.Action
		want   string // of the second
	}{
		{"usual", viewer, playtest.ActionTakeoverRequest, "RequestPending"},
		{"usual", waiting, playtest.ActionTakeoverCancel, "AlreadyDecided"},
		{"usual", holder, playtest.ActionTakeoverApprove, "AlreadyDecided"},
		{"usual", lead, playtest.ActionTakeoverDeny, "AlreadyDecided"},
		{"usual", holder, playtest.ActionSeatReleased, "BadRequest"}, // nobody has the seat
		{"usual", lead, playtest.ActionGive, "HandoverRunning"},
		{"usual", removed, playtest.ActionArrived, "–"},
		{"usual", viewer, playtest.ActionLeft, "–"},
		{"usual", lead, playtest.ActionMute, "–"},
		{"usual", lead, playtest.ActionUnmute, "–"},
		{"usual", lead, playtest.ActionRemove, "–"},
		{"usual", lead, playtest.ActionBan, "–"},
		{"usual", lead, playtest.ActionUnban, "–"},
		{"usual", lead, playtest.ActionLock, "–"},
		{"locked", lead, playtest.ActionUnlock, "–"},
		{"usual", lead, playtest.ActionSlowMode, "–"},
		{"unstarted", backend, playtest.ActionSessionStarted, "BadRequest"},
		{"usual", backend, playtest.ActionSessionState, "–"},
		{"usual", backend, playtest.ActionSessionEnded, "SessionEnded"},
		{"empty", backend, playtest.ActionTakeoverApprove, "no"},
		{"expired", backend, playtest.ActionTakeoverCancel, "AlreadyDecided"},
		{"running", backend, playtest.ActionSeatTaken, "NoSuchRequest"},
		{"running", backend, playtest.ActionHandoverFailed, "NoSuchRequest"},
		{"usual", backend, playtest.ActionSeatReleased, "–"},
		// It is heard a second time, as a line of chat is that is sent again, and changes nothing.
		{"running", backend, playtest.ActionHandoverConnecting, "ok"},
		{"usual", viewer, playtest.ActionChat, "ok"},
		{"usual", lead, playtest.ActionSessionMark, "ok"},
	} {
		_, log := situation(t, c.in)
		if got := repeated(t, c.in, c.who, askOf(c.action, log), nil); got != c.want {
			t.Errorf("%s (%s) by %s, once more: %s, want %s", c.action, c.in, c.who.ID, got, c.want)
		}
	}
}

// TestAsksThatNameNothingCountEachTime: an ask that leaves open which request or whose seat it is about is
// decided by what is so when it comes. Repeated after others did something, it is another decision. No
// client may therefore repeat one by itself; ours look at the log first.
func TestAsksThatNameNothingCountEachTime(t *testing.T) {
	do := func(g *Gate, who auth.Identity, ask playtest.Event) {
		t.Helper()
		payload, err := json.Marshal(ask)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Publish(t.Context(), NamespacePlaytest, "s-1", who, payload); err != nil {
			t.Fatal(err)
		}
	}
	taken := func(g *Gate) {
		state, err := g.State(t.Context(), "s-1")
		if err != nil {
			t.Fatal(err)
		}
		do(g, backend, playtest.Event{Action: playtest.ActionSeatTaken, RequestID: state.Handover.Request.ID})
	}
	viewerAsks := func(g *Gate) { do(g, viewer, playtest.Event{Action: playtest.ActionTakeoverRequest}) }
	for action, between := range map[playtest.Action]func(*Gate){
		// The next of the queue is approved as well.
		playtest.ActionTakeoverApprove: func(g *Gate) { taken(g); viewerAsks(g) },
		// The next of the queue is denied as well.
		playtest.ActionTakeoverDeny: viewerAsks,
		// The seat is taken from the next holder as well.
		playtest.ActionSeatReleased: func(g *Gate) { do(g, lead, playtest.Event{Action: playtest.ActionTakeoverApprove}); taken(g) },
	} {
		ask := json.RawMessage(fmt.Sprintf(`{"action":%q}`, action))
		if got := repeated(t, "usual", lead, ask, between); got != "ok" {
			t.Errorf("%s that names nothing, once more: %s", action, got)
		}
	}
}
