package steward

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func started(t *testing.T) *rig {
	r := newRig(t, store.Session{StreamSessionARN: testARN})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionStarted, Title: "game"})
	r.run()
	return r
}

func TestAHandOverWaitsUntilTheOldPageHasLetGo(t *testing.T) {
	r := started(t)
	r.seat(player)
	request := r.ask(viewer)
	r.offer(viewer, request, "offer of viewer")
	if n := len(r.streams.offersSoFar()); n != 1 {
		t.Fatalf("%d connections were asked for while the player was connected", n)
	}
	r.streams.set(func(s *streams) { s.status = "PENDING_CLIENT_RECONNECTION" })
	answer, err := r.steward.Answer(t.Context(), testID, viewer.Person, request)
	if err != nil || answer != "answer to offer of viewer" {
		t.Fatalf("answer = %q, %v", answer, err)
	}
	r.eventually("the viewer in the seat", func() bool { return r.state().Seat.HeldBy("viewer") })
}

func (s *streams) offersSoFar() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.offers...)
}

// TestHandOversThatFailLeaveTheHolderSeated goes through the ways to fail. The holder's page is told by
// HANDOVER_FAILED and comes back.
func TestHandOversThatFailLeaveTheHolderSeated(t *testing.T) {
	letGo := func(r *rig) { r.streams.set(func(s *streams) { s.status = "PENDING_CLIENT_RECONNECTION" }) }
	failing := func(status int, name, path string) func(*rig) {
		return func(r *rig) {
			r.streams.set(func(s *streams) {
				s.fault = func(req *http.Request) (int, string) {
					if strings.HasSuffix(req.URL.Path, path) {
						return status, name
					}
					return 0, ""
				}
			})
			letGo(r)
		}
	}
	for name, c := range map[string]struct {
		offer bool
		fault func(*rig)
		says  string
	}{
		"the new page sends no offer":         {false, letGo, "did not answer"},
		"the old page does not let go":        {true, func(*rig) {}, "did not let go"},
		"the new page never connects":         {true, func(r *rig) { r.streams.set(func(s *streams) { s.connects = "ACTIVE" }); letGo(r) }, "did not connect"},
		"the offer is stale":                  {true, failing(400, "ValidationException", "/connections"), "did not understand the offer"},
		"the service says Conflict for ever":  {true, failing(409, "ConflictException", "/connections"), "had an error"},
		"the service is throttling for ever":  {true, failing(429, "ThrottlingException", "/connections"), "had an error"},
		"the service fails":                   {true, failing(500, "InternalServerException", "/connections"), "had an error"},
		"the service's status cannot be read": {true, failing(500, "InternalServerException", "/abc"), "did not let go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for a time-out
			r := started(t)
			r.seat(player)
			request := r.say(viewer, playtest.Event{Action: playtest.ActionTakeoverRequest}).RequestID
			if c.offer {
				r.offer(viewer, request, "offer of viewer")
			}
			c.fault(r)
			r.say(lead, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request})
			e := r.logged(playtest.ActionHandoverFailed)
			if !strings.Contains(e.Reason, c.says) || e.Holder == nil || e.Holder.ID != "player" || e.Epoch != 1 {
				t.Errorf("event = %+v, want the player seated and %q", e, c.says)
			}
			if strings.Contains(e.Reason, "arn") {
				t.Errorf("the log tells an ARN: %q", e.Reason)
			}
			r.streams.set(func(s *streams) { s.fault, s.connects, s.status = nil, "CONNECTED", "PENDING_CLIENT_RECONNECTION" })
			r.offer(player, "", "the player's page again")
			r.eventually("the player's page back in the game", func() bool {
				offers := r.streams.offersSoFar()
				return offers[len(offers)-1] == "the player's page again"
			})
		})
	}
}

func TestOneBadLookAtTheServiceDoesNotFailAHandOver(t *testing.T) {
	r := started(t)
	r.seat(player)
	request := r.ask(viewer)
	r.offer(viewer, request, "offer of viewer")
	var failed atomic.Int64
	r.streams.set(func(s *streams) {
		s.status = "PENDING_CLIENT_RECONNECTION"
		s.fault = func(*http.Request) (int, string) {
			if failed.Add(1) <= 3 {
				return 429, "ThrottlingException"
			}
			return 0, ""
		}
	})
	r.eventually("the viewer in the seat", func() bool { return r.state().Seat.HeldBy("viewer") })
}

func TestASeatTakenThatCannotBeLoggedAtOnceIsNotAFailure(t *testing.T) {
	r := newRig(t, store.Session{StreamSessionARN: testARN})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionStarted})
	var tries atomic.Int64
	r.refuse = func(e playtest.Event) error {
		if e.Action == playtest.ActionSeatTaken && tries.Add(1) <= 3 {
			return errors.New("the store is slow")
		}
		return nil
	}
	r.run()
	r.seat(player)
	for _, e := range r.log() {
		if e.Action == playtest.ActionHandoverFailed {
			t.Errorf("the log says that it failed: %q", e.Reason)
		}
	}
}

func TestWhoLostTheSeatDoesNotGetTheGameByComingBack(t *testing.T) {
	r := started(t)
	r.seat(player)
	r.offer(player, "", "the page again") // the old connection is still there: the steward waits
	r.say(lead, playtest.Event{Action: playtest.ActionSeatReleased, Reason: "break"})
	r.streams.set(func(s *streams) { s.status = "PENDING_CLIENT_RECONNECTION" })
	_, err := r.steward.Answer(t.Context(), testID, player.Person, "")
	if err == nil {
		t.Fatal("the former holder got an answer")
	}
	if n := len(r.streams.offersSoFar()); n != 1 {
		t.Fatalf("%d connections were made, want the first alone", n)
	}
}

func TestAHolderWhoIsGoneLosesTheSeatHoweverOftenThePageTries(t *testing.T) {
	r := started(t)
	r.seat(player)
	r.streams.set(func(s *streams) { s.status, s.connects = "PENDING_CLIENT_RECONNECTION", "" })
	r.eventually("the seat to be free", func() bool {
		if state := r.state(); state.Seat.HeldBy("player") {
			_ = r.steward.PutOffer(state, player.Person, "", "once more")
			return false
		}
		return true
	})
}

func TestAGameThatEndsInAHandOverEndsItsBooksToo(t *testing.T) {
	r := started(t)
	r.seat(player)
	request := r.ask(viewer)
	r.offer(viewer, request, "offer of viewer")
	r.streams.set(func(s *streams) { s.status, s.reason = "TERMINATED", "applicationExit" })
	if e := r.logged(playtest.ActionSessionEnded); !strings.Contains(e.Reason, "exited") {
		t.Errorf("reason = %q", e.Reason)
	}
	r.logged(playtest.ActionHandoverFailed)
	if state := r.state(); state.Seat.Holder != nil || state.Handover != nil {
		t.Errorf("state = %+v", state)
	}
	r.eventually("the record to say so", func() bool {
		running, err := r.store.Sessions(t.Context(), true, 10)
		return err == nil && len(running) == 0
	})
}

func TestAnEndThatWasInterruptedIsFinishedByTheNextBackend(t *testing.T) {
	r := newRig(t, store.Session{StreamSessionARN: testARN})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionStarted})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionEnded, Reason: "over"})
	r.run()
	r.eventually("stream, stage and record to be ended", func() bool {
		running, err := r.store.Sessions(t.Context(), true, 10)
		r.streams.mu.Lock()
		defer r.streams.mu.Unlock()
		return err == nil && len(running) == 0 && strings.Join(r.streams.ended, " ") == "stream stage"
	})
}

func TestARecordWithoutALogIsClearedAwayQuietly(t *testing.T) {
	r := newRig(t, store.Session{CreatedAt: time.Now().Add(-time.Hour)})
	var published atomic.Int64
	r.refuse = func(playtest.Event) error { published.Add(1); return nil }
	r.run()
	r.eventually("the record to be ended", func() bool {
		running, err := r.store.Sessions(t.Context(), true, 10)
		return err == nil && len(running) == 0
	})
	if n := published.Load(); n != 0 {
		t.Errorf("%d events were published to a log that never began", n)
	}
}

func TestARequestExpiresByItself(t *testing.T) {
	r := newRig(t, store.Session{StreamSessionARN: testARN})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionStarted})
	// A request of an hour ago, as another backend left it.
	past := time.Now().Add(-time.Hour)
	if err := r.store.Append(t.Context(), playtest.Event{
		Session: testID, Seq: 2, Timestamp: past.UnixMilli(), Actor: viewer.Person, Action: playtest.ActionTakeoverRequest,
		RequestID: "r-old", Requester: &viewer.Person, Deadline: past.Add(time.Minute).UnixMilli(),
	}); err != nil {
		t.Fatal(err)
	}
	r.run()
	if e := r.logged(playtest.ActionTakeoverCancel); e.RequestID != "r-old" || e.Reason != "expired" {
		t.Errorf("event = %+v", e)
	}
}

func TestARestartedBackendFinishesWhatItFinds(t *testing.T) {
	r := newRig(t, store.Session{StreamSessionARN: testARN})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionStarted})
	request := r.say(player, playtest.Event{Action: playtest.ActionTakeoverRequest}).RequestID
	r.say(backend, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request}) // and then it was killed
	r.streams.set(func(s *streams) { s.connects = "CONNECTED" })
	r.run()
	r.offer(player, request, "the page sends its offer again")
	r.eventually("the player in the seat", func() bool { return r.state().Seat.HeldBy("player") })
}

func TestABackendThatStartsAfterTheAnswerSeesTheArrival(t *testing.T) {
	r := newRig(t, store.Session{StreamSessionARN: testARN})
	r.say(backend, playtest.Event{Action: playtest.ActionSessionStarted})
	request := r.say(player, playtest.Event{Action: playtest.ActionTakeoverRequest}).RequestID
	r.say(backend, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request})
	r.say(backend, playtest.Event{Action: playtest.ActionHandoverConnecting, RequestID: request}) // and then it was killed
	r.streams.set(func(s *streams) { s.status = "CONNECTED" })                                    // the page had its answer
	r.run()
	r.eventually("the player in the seat", func() bool { return r.state().Seat.HeldBy("player") })
	if n := len(r.streams.offersSoFar()); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestTheBannedArePutOffTheStage(t *testing.T) {
	r := started(t)
	r.say(viewer, playtest.Event{Action: playtest.ActionArrived})
	r.say(lead, playtest.Event{Action: playtest.ActionBan, Person: &viewer.Person, Reason: "spoilers"})
	r.eventually("the viewer's subscription to end", func() bool {
		r.streams.mu.Lock()
		defer r.streams.mu.Unlock()
		return len(r.streams.dismissed) == 1 && strings.Contains(r.streams.dismissed[0], `"here"`)
	})
}
