package client_test

import (
	"fmt"
	"testing"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// heard is what a screen would have got of a session's log.
type heard struct {
	t    *testing.T
	last int64
	all  []playtest.Event
}

// take fails on a gap, a double, or a wrong order.
func (h *heard) take(u client.Update) {
	h.t.Helper()
	for _, e := range u.Events {
		if e.Seq != h.last+1 {
			h.t.Fatalf("event %d after %d", e.Seq, h.last)
		}
		h.last = e.Seq
		h.all = append(h.all, e)
	}
}

// handover is a whole one: asked for, approved, taken.
func (b *backend) handover(session string) {
	b.t.Helper()
	request := b.say(session, viewer, playtest.Event{Action: playtest.ActionTakeoverRequest})
	b.say(session, lead, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request.RequestID})
	b.say(session, steward, playtest.Event{Action: playtest.ActionHandoverConnecting, RequestID: request.RequestID})
	b.say(session, steward, playtest.Event{Action: playtest.ActionSeatTaken, RequestID: request.RequestID})
}

func TestWhatHappensWhileTheNetworkIsCutIsShownOnceAndInOrder(t *testing.T) {
	const lines = 500
	b := newBackend(t)
	b.start("s-1")
	c, updates := b.watch(lead, nil)
	c.Open("s-1")
	h := &heard{t: t}
	until(t, updates, "the start", func(u client.Update) bool { h.take(u); return h.last >= 2 }) // and the own arrival

	b.wire.cut()
	until(t, updates, "that the connection is lost", func(u client.Update) bool {
		h.take(u)
		return u.Connection != nil && u.Connection.Phase == client.Reconnecting && u.Connection.Err != nil
	})
	for n := range lines {
		if n == lines/2 {
			b.handover("s-1")
		}
		b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprintf("line %d", n)})
	}
	b.wire.mend()
	until(t, updates, "that the connection is back", func(u client.Update) bool {
		h.take(u)
		return u.Connection != nil && u.Connection.Phase == client.Live
	})
	last := b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: "afterwards"})
	until(t, updates, "the last line", func(u client.Update) bool { h.take(u); return h.last == last.Seq })

	state := playtest.Fold(h.all)
	if !state.Seat.HeldBy(viewer.ID) || state.Handover != nil {
		t.Errorf("after the hand-over the seat is %+v, running %+v", state.Seat, state.Handover)
	}
	said := 0
	for _, e := range h.all {
		if e.Action == playtest.ActionChat && e.Message == fmt.Sprintf("line %d", said) {
			said++
		}
	}
	if said != lines {
		t.Errorf("%d of %d lines, in order", said, lines)
	}
}

func TestALineThatBreaksAgainAndAgainLosesAndDoublesNothing(t *testing.T) {
	b := newBackend(t)
	b.start("s-1")
	_, updates := b.watch(lead, nil)
	h := &heard{t: t}
	for round := range 3 {
		until(t, updates, "a connection", func(u client.Update) bool {
			h.take(u)
			return u.Connection != nil && u.Connection.Phase == client.Live
		})
		for n := range 60 {
			b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprint(n)})
			if n == 20*round+5 { // some lines are under way, some were delivered, some come after
				b.wire.cut()
			}
		}
		b.wire.mend()
	}
	last := b.say("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: "the last"})
	until(t, updates, "the last line", func(u client.Update) bool { h.take(u); return h.last == last.Seq })
}
