package steward_test

import (
	"strings"
	"testing"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
)

const short = 300 * time.Millisecond // a patience that a test waits for

// failing is one way for a hand-over from the player to the viewer to fail.
type failing struct {
	timing func(*steward.Timing)
	before func(r *rig, player, viewer *page) // before the request
	fault  func(r *rig)                       // before the approval
	during func(r *rig, viewer *page)         // after it
	heal   func(r *rig, player, viewer *page) // after the failure
	says   string                             // part of the reason in the log
	gone   string                             // the holder is gone as well: part of the reason of SEAT_RELEASED
}

func shortOffer(t *steward.Timing)   { t.Offer = short }
func shortRelease(t *steward.Timing) { t.Release = short }
func shortAnswer(t *steward.Timing)  { t.Answer = 10 * short } // for several tries, the first of which gets an answer
func shortConnect(t *steward.Timing) { t.Connect = short }

func connectFails(f fault) func(*rig) {
	return func(r *rig) { r.wire.fail(opConnect, f) }
}

func lookFails(f fault) func(*rig) {
	return func(r *rig) { r.wire.fail(opGet, f) }
}

var waysToFail = map[string]failing{
	"the new page sends no offer": {
		timing: shortOffer, before: func(_ *rig, _, v *page) { v.silent = true }, says: "viewer did not answer within",
	},
	"the new page's offer is not one": {
		before: func(_ *rig, _, v *page) { v.offer = `{"type":"offer","sdp":"v=0"}` }, says: "did not understand the offer",
	},
	"the new page's offer is of a connection that is gone": {
		timing: shortConnect, before: func(_ *rig, _, v *page) { v.deaf = true }, says: "viewer did not connect",
	},
	"the old page does not let go": {
		timing: shortRelease, before: func(_ *rig, p, _ *page) { p.stubborn.Store(true) }, says: "player's page did not let go",
		heal: func(_ *rig, p, _ *page) { p.stubborn.Store(false) },
	},
	"the service says Conflict for ever":       {timing: shortAnswer, fault: connectFails(conflict), says: "took no new player"},
	"the service throttles connections":        {timing: shortAnswer, fault: connectFails(throttling), says: "asked too often"},
	"the service throttles looks":              {timing: shortRelease, fault: lookFails(throttling), says: "could not be asked"},
	"the service fails to connect":             {timing: shortAnswer, fault: connectFails(broken), says: "had an error"},
	"the service's status cannot be read":      {timing: shortRelease, fault: lookFails(broken), says: "could not be asked"},
	"the service hangs when asked to connect":  {timing: shortAnswer, fault: connectFails(hanging), says: "had an error"},
	"the service hangs when it is looked at":   {timing: func(t *steward.Timing) { t.Release, t.Look = short, short }, fault: lookFails(hanging), says: "could not be asked"},
	"calls are cut off before the service":     {timing: shortAnswer, fault: connectFails(cut), says: "had an error"},
	"the answers of the service are lost":      {timing: shortAnswer, fault: connectFails(answerLost), says: "had an error"},
	"the service shows an old status for ever": {timing: shortRelease, fault: func(r *rig) { r.wire.fail(opGet, r.wire.outdated("CONNECTED")) }, says: "did not let go"},
	"the instance refuses the offer": {
		timing: shortAnswer, fault: func(r *rig) {
			r.game.faulty(func(c instance.Command) bool {
				r.game.events <- instance.Event{Event: instance.EventRefused, ConnectionID: c.ConnectionID, Reason: instance.RefusedInternal, Message: "no encoder"}
				return true
			})
		}, says: "had an error",
	},
	"the instance never answers": {
		timing: shortAnswer,
		fault:  func(r *rig) { r.game.faulty(func(instance.Command) bool { return true }) }, says: "the ",
		// Which of its words is the last, Conflict or none, is a matter of the moment.
		// The service gives the instance its time before it takes another connection.
		heal: func(r *rig, _, _ *page) { r.jump.Store(int64(time.Minute)) },
	},
	"the requester leaves": {
		before: func(_ *rig, _, v *page) { v.deaf = true }, says: "viewer is no longer here",
		during: func(r *rig, v *page) { r.say(v.who, playtest.Event{Action: playtest.ActionLeft}) },
		heal:   func(r *rig, _, v *page) { r.say(v.who, playtest.Event{Action: playtest.ActionArrived}) },
	},
	"the requester is removed": {
		before: func(_ *rig, _, v *page) { v.deaf = true }, says: "viewer is no longer here",
		during: func(r *rig, v *page) {
			r.say(lead, playtest.Event{Action: playtest.ActionRemove, Person: &v.who.Person, Reason: "language"})
		},
		heal: func(r *rig, _, v *page) { r.say(v.who, playtest.Event{Action: playtest.ActionArrived}) },
	},
	"the holder is gone as well": {
		timing: func(t *steward.Timing) { t.Connect, t.Grace = short, short },
		before: func(_ *rig, p, v *page) { v.deaf, p.lost = true, true }, says: "viewer did not connect", gone: "player's connection was lost",
	},
	"the holder leaves for good": {
		timing: shortConnect, before: func(_ *rig, p, v *page) { v.deaf, p.lost = true, true },
		during: func(r *rig, _ *page) { r.say(player, playtest.Event{Action: playtest.ActionLeft}) },
		says:   "viewer did not connect", gone: "player is no longer here",
	},
}

// TestHandOversThatFailLeaveTheHolderSeated goes through the ways to fail. Whatever happens, the log has a reason that
// tells no ARN, the player is in the seat and the player's input in the game, or the seat is free if the
// player is gone; and the next hand-over succeeds.
func TestHandOversThatFailLeaveTheHolderSeated(t *testing.T) {
	for name, c := range waysToFail {
		t.Run(name, func(t *testing.T) {
			r := started(t)
			p, v := r.page(player), r.page(viewer)
			r.seat(p)
			if c.timing != nil {
				r.restart(c.timing)
			}
			if c.before != nil {
				c.before(r, p, v)
			}
			request := v.ask()
			if c.fault != nil {
				c.fault(r)
			}
			r.approve(request)
			if c.during != nil {
				c.during(r, v)
			}
			e := r.logged(playtest.ActionHandoverFailed)
			if !strings.Contains(e.Reason, c.says) || e.Holder == nil || e.Holder.ID != "player" || e.Epoch != 1 {
				t.Errorf("event = %+v, want the player seated and %q", e, c.says)
			}
			if strings.Contains(e.Reason, "arn") {
				t.Errorf("the log tells an ARN: %q", e.Reason)
			}
			for _, op := range []string{opGet, opConnect} {
				r.wire.fail(op, nil)
			}
			r.game.faulty(nil)
			if c.heal != nil {
				c.heal(r, p, v)
			}
			if c.gone == "" {
				r.restart(nil) // the page has all the time to come back
				r.reaches(p)
			} else if e := r.logged(playtest.ActionSeatReleased); !strings.Contains(e.Reason, c.gone) || e.Previous.ID != "player" {
				t.Errorf("event = %+v, want %q", e, c.gone)
			}
			if c.gone != "" {
				r.restart(nil)
			}
			v.leave()
			next := r.page(third)
			r.seat(next)
			if n := len(r.all(playtest.ActionHandoverFailed)); n != 1 {
				t.Errorf("%d hand-overs failed, want the one", n)
			}
		})
	}
}

// TestFaultsThatPassDoNotFailAHandOver: what a second try mends.
func TestFaultsThatPassDoNotFailAHandOver(t *testing.T) {
	for name, c := range map[string]struct {
		fault  func(r *rig)
		timing func(*steward.Timing)
	}{
		"a few looks are throttled":     {func(r *rig) { r.wire.failNext(opGet, 3, throttling) }, nil},
		"a few looks fail":              {func(r *rig) { r.wire.failNext(opGet, 3, broken) }, nil},
		"a look hangs":                  {func(r *rig) { r.wire.failNext(opGet, 1, hanging) }, func(t *steward.Timing) { t.Look = time.Second }},
		"connections are throttled":     {func(r *rig) { r.wire.failNext(opConnect, 3, throttling) }, nil},
		"Conflict, for a moment":        {func(r *rig) { r.wire.failNext(opConnect, 3, conflict) }, nil},
		"a connection fails":            {func(r *rig) { r.wire.failNext(opConnect, 2, broken) }, nil},
		"a call is cut off on its way":  {func(r *rig) { r.wire.failNext(opConnect, 1, cut) }, nil},
		"an answer is lost":             {func(r *rig) { r.wire.failNext(opConnect, 1, answerLost) }, nil},
		"two answers are lost":          {func(r *rig) { r.wire.failNext(opConnect, 2, answerLost) }, nil},
		"a connection hangs":            {func(r *rig) { r.wire.failNext(opConnect, 1, hanging) }, func(t *steward.Timing) { t.Answer = 6 * time.Second }},
		"the status is behind, waiting": {func(r *rig) { r.wire.failNext(opGet, 4, r.wire.outdated("CONNECTED")) }, nil},
		"the status is ahead of itself": {func(r *rig) { r.wire.failNext(opGet, 1, r.wire.outdated("ACTIVE")) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t)
			p, v := r.page(player), r.page(viewer)
			r.seat(p)
			if c.timing != nil {
				r.restart(c.timing)
			}
			request := v.ask()
			c.fault(r)
			r.approve(request)
			r.plays(v)
			if failed := r.all(playtest.ActionHandoverFailed); len(failed) > 0 {
				t.Errorf("it failed: %s", failed[0].Reason)
			}
			if r.state().Seat.Epoch != 2 {
				t.Errorf("epoch = %d", r.state().Seat.Epoch)
			}
		})
	}
}
