package steward_test

import (
	"errors"
	"strings"
	"testing"

	"hotseat/backend/local/gameliftstreams/instance"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
)

func TestWhateverEndsASessionInAHandOverEndsItsBooksToo(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(r *rig)
		says string
	}{
		"the game exits":       {func(r *rig) { r.game.exit() }, "exited"},
		"the instance is dead": {func(r *rig) { r.game.kill() }, "internalError"},
		"its time is up":       {func(r *rig) { r.jump.Store(int64(length)) }, "time is up"},
		"somebody ended it with the service's API": {func(r *rig) {
			record, _ := r.store.Session(r.t.Context(), r.session)
			if err := r.aws.Terminate(r.t.Context(), record.StreamSessionARN); err != nil {
				r.t.Error(err)
			}
		}, "apiTerminated"},
		"a lead ends it": {func(r *rig) { _ = r.process().steward.End(r.t.Context(), r.session, "ended by lead") }, "ended by lead"},
		"the instance dies on the offer": {func(r *rig) {
			r.game.faulty(func(instance.Command) bool { r.game.kill(); return true })
			r.pages[0].drop() // the player lets go after all
		}, "internalError"},
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t)
			p, v := r.page(player), r.page(viewer)
			r.seat(p)
			p.stubborn.Store(true)
			request := v.ask()
			v.waits()
			waits := r.page(third).ask()
			r.approve(request)
			c.end(r)
			if e := r.logged(playtest.ActionSessionEnded); !strings.Contains(e.Reason, c.says) {
				t.Errorf("reason = %q, want %q", e.Reason, c.says)
			}
			if e := r.logged(playtest.ActionHandoverFailed); e.Reason == "" {
				t.Error("the hand-over failed without a reason")
			}
			if e := r.logged(playtest.ActionSeatReleased); e.Reason == "" || e.Previous.ID != "player" {
				t.Errorf("event = %+v", e)
			}
			if e := r.logged(playtest.ActionTakeoverCancel); e.RequestID != waits {
				t.Errorf("event = %+v", e)
			}
			r.cleared()
		})
	}
}

// A backend that is told to end everything while it stops must not say that it has: somebody else closes the books then.
func TestAStoppingStewardDoesNotSayThatAllSessionsAreOver(t *testing.T) {
	r := started(t)
	p := r.process()
	p.cancel()
	if err := p.steward.EndAll(t.Context(), "stopped"); !errors.Is(err, steward.ErrStopped) {
		t.Errorf("EndAll of a steward that stops: %v", err)
	}
	<-p.done
	r.start()
	if err := r.serving(t.Context()).EndAll(t.Context(), "stopped"); err != nil {
		t.Error(err)
	}
	if e := r.logged(playtest.ActionSessionEnded); e.Reason != "stopped" {
		t.Errorf("event = %+v", e)
	}
	r.cleared()
}

// cleared waits until nothing of the session is left.
func (r *rig) cleared() {
	r.t.Helper()
	r.eventually("the record to say that it is over", func() bool {
		running, err := r.store.Sessions(r.t.Context(), true, 10)
		return err == nil && len(running) == 0
	})
}

func TestAnEndThatWasInterruptedIsFinishedByTheNextBackend(t *testing.T) {
	r := started(t)
	r.process().dead.Store(true)
	r.process().cancel()
	<-r.process().done
	r.say(backend, playtest.Event{Action: playtest.ActionSessionEnded, Reason: "over"}) // and then it was killed
	r.start()
	r.cleared()
	record, err := r.store.Session(t.Context(), r.session)
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the stream session to be over", func() bool {
		stream, err := r.aws.Stream(t.Context(), record.StreamSessionARN)
		return err == nil && stream.Over()
	})
	if _, err := r.aws.CreateStageToken(t.Context(), stageToken(record)); err == nil {
		t.Error("the stage is left")
	}
}
