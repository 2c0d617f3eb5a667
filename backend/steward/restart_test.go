package steward_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/backend/steward"
)

// steps are the moments of a hand-over at which a backend can die, in their order: what it tells on /live, what it
// appends, and its calls.
var steps = []string{
	"after TAKEOVER_APPROVED", "approved", "closing", "released", "before the call", "after the call",
	"before HANDOVER_CONNECTING", "after HANDOVER_CONNECTING", "connecting", "connected", "before SEAT_TAKEN", "after SEAT_TAKEN",
}

// crashAt lets the backend die at these steps, at each once and in their order, if it comes by them.
func (r *rig) crashAt(points ...string) {
	at := func(point string) {
		r.mu.Lock()
		die := len(points) > 0 && points[0] == point
		if die {
			points = points[1:]
		}
		r.mu.Unlock()
		if die {
			r.crash()
		}
	}
	r.set(func(r *rig) { r.at = at })
	r.wire.choose(opConnect, func(int) fault {
		return func(w http.ResponseWriter, _ *http.Request, forward func(http.ResponseWriter)) {
			if at("before the call"); r.process().dead.Load() {
				panic(http.ErrAbortHandler)
			}
			answer := httptest.NewRecorder()
			forward(answer)
			if at("after the call"); r.process().dead.Load() {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		}
	})
}

// TestABackendThatDiesAtAnyStepIsFollowedByOneThatSeesItThrough: offers live in the memory of the backend that died.
// The requester's page, whose request for the answer breaks off, asks the next backend, reads that it has none,
// and sends its offer again.
func TestABackendThatDiesAtAnyStepIsFollowedByOneThatSeesItThrough(t *testing.T) {
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			r := started(t)
			p, v, next := r.page(player), r.page(viewer), r.page(third)
			r.seat(p)
			request := v.ask()
			r.crashAt(step)
			r.approve(request)
			if step == "after TAKEOVER_APPROVED" {
				r.crash()
			}
			r.plays(v)
			r.once(request)
			r.seat(next)
		})
	}
}

// once checks that a request came to the seat, and only once.
func (r *rig) once(request string) {
	r.t.Helper()
	taken := r.all(playtest.ActionSeatTaken)
	if n := len(taken); n != 2 || taken[1].RequestID != request || taken[1].Epoch != 2 {
		r.t.Errorf("the seat was taken %d times: %+v", n, taken)
	}
	if failed := r.all(playtest.ActionHandoverFailed); len(failed) > 0 {
		r.t.Errorf("it failed: %s", failed[0].Reason)
	}
}

func TestBackendsThatDieOneAfterTheOtherSeeAHandOverThrough(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	r.seat(p)
	request := v.ask()
	r.crashAt("approved", "closing", "released", "before the call", "after the call", "before HANDOVER_CONNECTING", "after HANDOVER_CONNECTING", "before SEAT_TAKEN")
	r.approve(request)
	r.plays(v)
	r.once(request)
}

// TestAPageThatDoesNotComeBackToTheNextBackendLeavesTheHolderSeated: at whatever step the backend died.
func TestAPageThatDoesNotComeBackToTheNextBackendLeavesTheHolderSeated(t *testing.T) {
	for _, step := range []string{"approved", "released", "after the call", "after HANDOVER_CONNECTING"} {
		t.Run(step, func(t *testing.T) {
			r := started(t)
			p, v, next := r.page(player), r.page(viewer), r.page(third)
			r.seat(p)
			r.restart(func(t *steward.Timing) { t.Offer, t.Connect = short, short })
			v.once = true
			request := v.ask()
			v.waits()
			r.crashAt(step)
			r.approve(request)
			if e := r.logged(playtest.ActionHandoverFailed); e.Holder == nil || e.Holder.ID != "player" || e.Reason == "" {
				t.Errorf("event = %+v", e)
			}
			r.restart(nil)
			r.reaches(p)
			r.seat(next)
		})
	}
}

func TestAHolderWhoComesBackWhileTheBackendDiesIsLetIn(t *testing.T) {
	r := started(t)
	p := r.page(player)
	r.seat(p)
	r.crashAt("after the call")
	p.drop()
	p.play("")
	r.eventually("the crash", func() bool { return len(r.wire.calls(opConnect, time.Time{})) >= 3 })
	r.reaches(p)
	if r.state().Seat.Epoch != 1 {
		t.Errorf("epoch = %d", r.state().Seat.Epoch)
	}
}
