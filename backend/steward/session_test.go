package steward_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/aws"
	"hotseat/backend/local/stage"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
	"hotseat/backend/store"
)

func TestAHandOverWaitsUntilTheOldPageHasLetGo(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	r.seat(p)
	p.stubborn.Store(true)
	request := v.ask()
	begun := time.Now()
	r.approve(request)
	r.eventually("the steward to look for the page to let go", func() bool { return len(r.wire.calls(opGet, begun)) > 3 })
	if n := len(r.wire.calls(opConnect, begun)); n != 0 {
		t.Fatalf("%d connections were asked for while the player was connected", n)
	}
	p.drop()
	r.plays(v)
}

func TestHandOversInARowEachBringTheNext(t *testing.T) {
	r := started(t)
	p, v, next := r.page(player), r.page(viewer), r.page(third)
	for epoch, holder := range []*page{p, v, next, p, v} {
		r.seat(holder)
		if got := r.state().Seat.Epoch; got != int64(epoch+1) {
			t.Fatalf("epoch = %d, want %d", got, epoch+1)
		}
	}
	for _, former := range []*page{p, next} {
		heard := len(r.game.heard())
		former.send("intrusion")
		if slices.Contains(r.game.heard()[heard:], "intrusion") {
			t.Errorf("%s's input reached the game", former.who.ID)
		}
	}
}

// TestAWakeUpThatComesManyTimesDoesNothingTwice: messages only wake the steward.
func TestAWakeUpThatComesManyTimesDoesNothingTwice(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	awake := make(chan struct{})
	var waking atomic.Bool
	waking.Store(true)
	go func() {
		defer close(awake)
		for waking.Load() {
			r.process().steward.Wake(r.session)
			time.Sleep(100 * time.Microsecond) // between two of thousands of messages
		}
	}()
	r.seat(p)
	request := v.ask()
	r.approve(request)
	r.plays(v)
	waking.Store(false)
	<-awake
	r.once(request)
	if n := r.game.answered(); n != 2 {
		t.Errorf("%d offers were answered, want one each", n)
	}
	if n := len(r.all(playtest.ActionHandoverConnecting)); n != 2 {
		t.Errorf("%d hand-overs were connecting", n)
	}
}

func TestWhileAHandOverRunsLeadsAreToldToWait(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	r.page(third)
	r.seat(p)
	p.stubborn.Store(true)
	r.approve(v.ask())
	for _, ask := range []playtest.Event{
		{Action: playtest.ActionSeatReleased, Reason: "break"},
		{Action: playtest.ActionGive, Person: &third.Person},
	} {
		_, err := r.tell(t.Context(), r.session, lead, ask)
		var refusal *playtest.Refusal
		if !errors.As(err, &refusal) || refusal.Code != playtest.CodeHandoverRunning {
			t.Errorf("%s: %v", ask.Action, err)
		}
	}
	p.drop()
	r.plays(v)
	r.say(lead, playtest.Event{Action: playtest.ActionSeatReleased, Reason: "break"})
	if state := r.state(); state.Seat.Holder != nil || state.Seat.Epoch != 3 {
		t.Errorf("seat = %+v", state.Seat)
	}
}

func TestANewHolderWhoIsGoneAtOnceLosesTheSeat(t *testing.T) {
	r := started(t)
	p, v, next := r.page(player), r.page(viewer), r.page(third)
	r.seat(p)
	r.restart(func(t *steward.Timing) { t.Connect, t.Grace = short, short })
	p.lost = true
	v.fickle = true
	r.approve(v.ask())
	// Whether the steward saw the viewer in the instant of the connection is chance.
	r.eventually("the seat to be free", func() bool { return r.state().Seat.Holder == nil && r.state().Handover == nil })
	if e := r.logged(playtest.ActionSeatReleased); !strings.Contains(e.Reason, "connection was lost") {
		t.Errorf("event = %+v", e)
	}
	r.restart(nil)
	r.seat(next)
}

func TestAHolderWhoComesBackPlaysOn(t *testing.T) {
	r := started(t)
	p := r.page(player)
	r.seat(p)
	for range 2 {
		p.drop()
		p.play("")
		r.reaches(p)
	}
	if r.state().Seat.Epoch != 1 {
		t.Errorf("epoch = %d", r.state().Seat.Epoch)
	}
}

func TestAHolderWhoComesBackInAHandOverIsRefusedUntilItFailed(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	r.seat(p)
	v.deaf = true
	r.approve(v.ask()) // it runs until the viewer leaves
	if err := r.process().steward.PutOffer(r.state(), player.Person, "", "offer"); !errors.Is(err, steward.ErrNoOffer) {
		t.Errorf("err = %v", err)
	}
	r.say(viewer, playtest.Event{Action: playtest.ActionLeft})
	r.logged(playtest.ActionHandoverFailed)
	r.reaches(p)
}

func TestAHolderWhoIsGoneLosesTheSeatHoweverOftenThePageTries(t *testing.T) {
	r := started(t)
	p := r.page(player)
	r.seat(p)
	r.restart(func(t *steward.Timing) { t.Grace, t.Connect = short, short })
	p.drop()
	p.deaf = true
	r.eventually("the seat to be free", func() bool {
		state := r.state()
		if state.Seat.HeldBy("player") {
			_ = r.process().steward.PutOffer(state, player.Person, "", "once more")
		}
		return state.Seat.Holder == nil
	})
	if e := r.logged(playtest.ActionSeatReleased); !strings.Contains(e.Reason, "connection was lost") {
		t.Errorf("event = %+v", e)
	}
}

func TestWhoLostTheSeatDoesNotGetTheGameByComingBack(t *testing.T) {
	r := started(t)
	p := r.page(player)
	r.seat(p)
	p.stubborn.Store(true)
	told := make(chan error, 1)
	if err := r.process().steward.PutOffer(r.state(), player.Person, "", "another tab's offer"); err != nil {
		t.Fatal(err)
	}
	go func() { // the old connection is still there: the steward waits
		_, err := r.process().steward.Answer(t.Context(), r.session, player.Person, "")
		told <- err
	}()
	r.say(lead, playtest.Event{Action: playtest.ActionSeatReleased, Reason: "break"})
	p.drop()
	if err := <-told; err == nil {
		t.Fatal("the former holder got an answer")
	}
	if n := r.game.answered(); n != 1 {
		t.Fatalf("%d connections were made, want the first alone", n)
	}
}

// TestAPageThatDoesNotLetGoOfAFreeSeatIsNamed: the service cannot part it from the game, so people are told what
// they can do; and a page that lets go after all needs nobody.
func TestAPageThatDoesNotLetGoOfAFreeSeatIsNamed(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	r.seat(p)
	r.restart(func(t *steward.Timing) { t.Release = short })
	p.stubborn.Store(true)
	r.say(lead, playtest.Event{Action: playtest.ActionSeatReleased, Reason: "break"})
	named := func() bool {
		state := r.state()
		return state.Status == "CONNECTED" && strings.Contains(state.StatusReason, "player's page has not let go") &&
			strings.Contains(state.StatusReason, "end the session")
	}
	r.eventually("the leads to be told", named)
	r.approve(v.ask())
	if e := r.logged(playtest.ActionHandoverFailed); !strings.Contains(e.Reason, "player's page did not let go") || e.Holder != nil {
		t.Errorf("event = %+v", e)
	}
	r.crash() // the next backend neither forgets it nor says it again
	looks := time.Now()
	r.eventually("the next backend to look", func() bool { return len(r.wire.calls(opGet, looks)) > 10 })
	if !named() {
		t.Errorf("status = %q", r.state().StatusReason)
	}
	told := 0
	for _, e := range r.all(playtest.ActionSessionState) {
		if strings.Contains(e.StatusReason, "has not let go") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	p.drop()
	r.eventually("the matter to be over", func() bool { return r.state().StatusReason == "" })
	r.restart(nil)
	r.seat(v)
}

// TestARequesterWhoKeepsTheGameIsNamedAndTheHolderFreed: a hand-over failed after the answer was given, and the page
// connects all the same. A holder whose game is another's does not keep the seat for ever.
func TestARequesterWhoKeepsTheGameIsNamedAndTheHolderFreed(t *testing.T) {
	r := started(t)
	p, v := r.page(player), r.page(viewer)
	r.seat(p)
	r.restart(func(t *steward.Timing) { t.Release, t.Grace, t.Connect = short, 2*time.Second, short })
	v.stubborn.Store(true)
	p.lost = true
	request := v.ask()
	// The steward does not see that the viewer is there.
	r.set(func(r *rig) {
		r.at = func(point string) {
			if point == "connecting" {
				r.wire.fail(opGet, r.wire.outdated("ACTIVE"))
			}
		}
	})
	r.approve(request)
	r.logged(playtest.ActionHandoverFailed)
	r.reaches(v)
	r.set(func(r *rig) { r.at = nil })
	r.wire.fail(opGet, nil)
	r.eventually("the leads to be told", func() bool { return strings.Contains(r.state().StatusReason, "viewer's page has not let go") })
	r.logged(playtest.ActionSeatReleased)
	v.drop()
	r.restart(nil)
	r.seat(p)
}

func TestASeatTakenThatCannotBeLoggedAtOnceIsNotAFailure(t *testing.T) {
	r := started(t)
	var tries atomic.Int64
	r.set(func(r *rig) {
		r.refuse = func(e playtest.Event) error {
			if e.Action == playtest.ActionSeatTaken && tries.Add(1) <= 3 {
				return errors.New("the store is slow")
			}
			return nil
		}
	})
	r.seat(r.page(player))
	if failed := r.all(playtest.ActionHandoverFailed); len(failed) > 0 {
		t.Errorf("the log says that it failed: %q", failed[0].Reason)
	}
}

func TestARecordWithoutALogIsClearedAwayQuietly(t *testing.T) {
	r := newRig(t)
	record := store.Session{ID: "s-1", CreatedAt: time.Now().Add(-time.Hour)}
	if err := r.store.SaveSession(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	var published atomic.Int64
	r.refuse = func(playtest.Event) error { published.Add(1); return nil }
	r.session = record.ID
	r.start()
	r.cleared()
	if n := published.Load(); n != 0 {
		t.Errorf("%d events were published to a log that never began", n)
	}
}

func TestARequestExpiresByItself(t *testing.T) {
	r := started(t)
	p := r.page(player)
	r.seat(p)
	// A request of an hour ago, as another backend left it.
	past := time.Now().Add(-time.Hour)
	if err := r.store.Append(t.Context(), playtest.Event{
		Session: r.session, Seq: r.state().Seq + 1, Timestamp: past.UnixMilli(), Actor: viewer.Person, Action: playtest.ActionTakeoverRequest,
		RequestID: "r-old", Requester: &viewer.Person, Deadline: past.Add(time.Minute).UnixMilli(),
	}); err != nil {
		t.Fatal(err)
	}
	if e := r.logged(playtest.ActionTakeoverCancel); e.RequestID != "r-old" || e.Reason != "expired" {
		t.Errorf("event = %+v", e)
	}
}

func TestTheBannedArePutOffTheStage(t *testing.T) {
	r := started(t)
	r.page(viewer)
	record, err := r.store.Session(t.Context(), r.session)
	if err != nil {
		t.Fatal(err)
	}
	token, err := r.aws.CreateStageToken(t.Context(), stageToken(record))
	if err != nil {
		t.Fatal(err)
	}
	joined, err := r.stages.VerifyToken(token.Token)
	if err != nil {
		t.Fatal(err)
	}
	r.stages.Observe(stage.Event{Name: stage.Joined, Token: joined, At: time.Now()})
	r.say(lead, playtest.Event{Action: playtest.ActionBan, Person: &viewer.Person, Reason: "spoilers"})
	r.eventually("the viewer's subscription to end", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Equal(r.parted, []string{token.ParticipantID})
	})
}

func stageToken(record store.Session) aws.TokenRequest {
	return aws.TokenRequest{Stage: record.StageARN, UserID: viewer.ID, Subscribe: true, Life: time.Hour}
}
