package tui

import (
	"slices"
	"strings"
	"time"

	"hotseat/backend/playtest"
)

// attendee is a person who came to a session.
type attendee struct {
	person   playtest.Person
	seat     int // 2 holds it, 1 waits, 0 neither
	watching bool
	seen     time.Time // zero: never on the live channel
	client   string
	known    playtest.Participant // of the log
	held     time.Duration        // in all turns
}

// turn is one time that a person held the seat.
type turn struct {
	person string // id
	from   int64  // Unix milliseconds
	until  int64  // 0: still
}

// attendees are all who arrived or are here, those who matter most first.
func (b *board) attendees(now time.Time) []attendee {
	all := map[string]*attendee{}
	get := func(p playtest.Person) *attendee {
		if all[p.ID] == nil {
			all[p.ID] = &attendee{person: p}
		}
		return all[p.ID]
	}
	for _, p := range b.state.People {
		get(p.Person).known = p
	}
	for _, p := range b.presence {
		a := get(p.Person)
		if p.At.After(a.seen) {
			a.seen, a.client = p.At, p.Client
		}
		a.watching = a.watching || p.Watching && now.Sub(p.At) < presenceLife
	}
	for _, t := range b.turns {
		if a := all[t.person]; a != nil {
			until := t.until
			if until == 0 {
				until = now.UnixMilli()
			}
			a.held += time.Duration(max(0, until-t.from)) * time.Millisecond
		}
	}
	if h := b.seat().Holder; h != nil {
		get(*h).seat = 2
	}
	for _, r := range b.state.Queue {
		get(r.Person).seat = 1
	}
	list := make([]attendee, 0, len(all))
	for _, a := range all {
		list = append(list, *a)
	}
	slices.SortFunc(list, func(x, y attendee) int {
		switch {
		case x.seat != y.seat:
			return y.seat - x.seat
		case x.watching != y.watching:
			if x.watching {
				return -1
			}
			return 1
		case x.person.Name != y.person.Name:
			return strings.Compare(x.person.Name, y.person.Name)
		}
		return strings.Compare(x.person.ID, y.person.ID)
	})
	return list
}

// takers are the people to whom the seat can be given.
func (b *board) takers() []playtest.Person {
	return b.peopleWho(func(p playtest.Participant) bool { return !p.Away && !p.Banned && !b.seat().HeldBy(p.Person.ID) })
}

// subjects are the people whom a QA lead can mute, remove or ban.
func (b *board) subjects() []playtest.Person {
	return b.peopleWho(func(p playtest.Participant) bool { return p.Person.Role != playtest.RoleLead })
}

// peopleWho are the people of the log who are so, by name.
func (b *board) peopleWho(so func(playtest.Participant) bool) []playtest.Person {
	var list []playtest.Person
	for _, p := range b.state.People {
		if so(p) {
			list = append(list, p.Person)
		}
	}
	slices.SortFunc(list, func(x, y playtest.Person) int {
		if c := strings.Compare(x.Name, y.Name); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return list
}

// lastTurns bounds how many turns a board remembers.
const lastTurns = 2000

// keepTurns keeps the turns up to date with an event of the log.
func (b *board) keepTurns(e playtest.Event) {
	switch e.Action {
	case playtest.ActionSeatTaken, playtest.ActionSeatReleased, playtest.ActionSessionEnded:
	case playtest.ActionHandoverFailed:
		if e.Holder != nil {
			return
		}
	default:
		return
	}
	if n := len(b.turns); n > 0 && b.turns[n-1].until == 0 {
		b.turns[n-1].until = e.Timestamp
	}
	if e.Action == playtest.ActionSeatTaken && e.Holder != nil {
		if len(b.turns) >= lastTurns {
			b.turns = slices.Clone(b.turns[lastTurns/10:])
		}
		b.turns = append(b.turns, turn{person: e.Holder.ID, from: e.Timestamp})
	}
}

// connectionWord is where somebody is: the page, a console, gone.
func (a attendee) connectionWord(now time.Time) string {
	switch {
	case a.known.Banned:
		return "banned"
	case a.known.Removed && a.known.Away:
		return "removed"
	case a.seen.IsZero() && a.known.Away:
		return "left"
	case a.seen.IsZero():
		return "–"
	case a.watching && a.client == "console":
		return "console"
	case a.watching:
		return "page"
	case now.Sub(a.seen) < presenceLife:
		return "elsewhere"
	}
	return "left " + clock(now.Sub(a.seen)) + " ago"
}
