package steward

import (
	"strings"
	"time"
)

// endIt is what only people can do about a page that does not let go: GameLift Streams cannot part a client
// from its session, and takes no other while one is connected.
const endIt = "'s page has not let go of the game; end the session to stop it"

// othersPlay reports whether the client that is connected is known to be not the holder's. That is so when a
// hand-over failed after its answer was given, and the page uses it all the same.
func (l *loop) othersPlay() bool {
	return l.state.Seat.Holder != nil && l.playing.ID != "" && !l.state.Seat.HeldBy(l.playing.ID)
}

// player is the name of whoever is connected, as far as is known: who was given an answer last, or else
// the last holder.
func (l *loop) player() string {
	if l.playing.ID != "" {
		return l.playing.Name
	}
	for _, p := range l.state.People {
		if p.Seated > 0 && p.Cooling == l.state.Seat.Since && l.state.Seat.Holder == nil {
			return p.Person.Name
		}
	}
	return "somebody"
}

// intruder tells in words that somebody plays who does not have the seat, once a page has had its time to
// let go; empty when all is well. It goes into SESSION_STATE, so that QA leads read it and the log keeps it.
func (l *loop) intruder(now time.Time) string {
	told := ""
	if strings.HasSuffix(l.state.StatusReason, endIt) {
		told = l.state.StatusReason
	}
	switch {
	case !l.stream.Connected(), l.state.Seat.Holder != nil && !l.othersPlay() && l.state.Handover == nil:
		l.heldSince = time.Time{}
		return ""
	case l.state.Handover != nil, told != "":
		return told
	case l.heldSince.IsZero():
		l.heldSince = now
	}
	if now.Sub(l.heldSince) < l.s.cfg.Timing.Release {
		return ""
	}
	return l.player() + endIt
}
