package e2e

import (
	"context"
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/check"
)

// hand is how a QA lead's decisions reach the playtest: by scripts, or by keys.
type hand struct {
	approve func(person string)
	deny    func(person, reason string)
	give    func(person string)
	reclaim func()
	mute    func(person string)
	mark    func(word string)
	end     func()
}

// player is somebody over the wire who also plays.
type player struct {
	*wirePerson
	page *check.Player
}

// asks publishes a request and returns its id.
func (p *player) asks() string {
	p.t.Helper()
	before := int64(len(p.log()))
	if err := p.ask(playtest.Event{Action: playtest.ActionTakeoverRequest}); err != nil {
		p.t.Fatal(err)
	}
	return p.logged("the request", func(e playtest.Event) bool {
		return e.Seq > before && e.Action == playtest.ActionTakeoverRequest && e.Actor.Name == p.Name
	}).RequestID
}

// takes brings the player into the seat of an approved request, as their page does.
func (p *player) takes(request string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	var err error
	if p.page, err = check.NewPlayer(ctx); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.page.Close)
	if err := p.page.Take(ctx, p.Person, p.session, request); err != nil {
		p.t.Fatal(err)
	}
	p.logged("the seat taken", func(e playtest.Event) bool { return e.Action == playtest.ActionSeatTaken && e.RequestID == request })
}

// moderate is one playtest in which everything is decided by a hand, and each decision is looked for
// in the log with its reason and by whom it was made.
func moderate(t *testing.T, s *served, lead string, h hand) {
	join := func(who string) *player {
		p := &player{wirePerson: joinOverTheWire(t, s.address, who+"@ivs.rocks", s.passwords[who+"@ivs.rocks"])}
		if err := p.ask(playtest.Event{Action: playtest.ActionArrived}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	viewer, gamer := join("viewer"), join("player")
	decided := func(action playtest.Action, is func(e playtest.Event) bool) playtest.Event {
		t.Helper()
		return viewer.logged(string(action), func(e playtest.Event) bool { return e.Action == action && e.Actor.Name == lead && is(e) })
	}

	request := viewer.asks()
	h.deny("viewer", "wait for the boss")
	decided(playtest.ActionTakeoverDeny, func(e playtest.Event) bool { return e.RequestID == request && e.Reason == "wait for the boss" })

	request = viewer.asks()
	h.approve("viewer")
	decided(playtest.ActionTakeoverApprove, func(e playtest.Event) bool { return e.RequestID == request })
	viewer.takes(request)

	h.give("player")
	given := decided(playtest.ActionTakeoverApprove, func(e playtest.Event) bool {
		return e.Requester.Name == gamer.Name && e.From != nil && e.From.Name == viewer.Name
	})
	viewer.page.Close() // as their page does when it reads `from`
	gamer.takes(given.RequestID)

	h.reclaim()
	decided(playtest.ActionSeatReleased, func(e playtest.Event) bool { return e.Previous.Name == gamer.Name })
	gamer.page.Close()

	h.mute("viewer")
	decided(playtest.ActionMute, func(e playtest.Event) bool { return e.Person.Name == viewer.Name })
	h.mark("crash on jump")
	decided(playtest.ActionSessionMark, func(e playtest.Event) bool { return e.Message == "crash on jump" && e.At < e.Timestamp })
	h.end()
	viewer.logged("the end", func(e playtest.Event) bool { return e.Action == playtest.ActionSessionEnded })
}
