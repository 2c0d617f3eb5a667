package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hotseat/backend/playtest"
)

// attendee is a person of the people pane.
type attendee struct {
	person   playtest.Person
	seat     int // 2 holds it, 1 waits, 0 neither
	watching bool
	seen     time.Time // zero: never on the live channel
	client   string
	seated   int
}

// people are all who arrived or are here, those who matter most first.
func (m *Model) people(b *board) []attendee {
	all := map[string]*attendee{}
	get := func(p playtest.Person) *attendee {
		if all[p.ID] == nil {
			all[p.ID] = &attendee{person: p}
		}
		return all[p.ID]
	}
	for _, p := range b.state.People {
		get(p.Person).seated = p.Seated
	}
	for _, p := range b.presence {
		a := get(p.Person)
		if p.At.After(a.seen) {
			a.seen, a.client = p.At, p.Client
		}
		a.watching = a.watching || p.Watching && m.at.Sub(p.At) < presenceLife
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

// peoplePane: who is here, what they are, when they were last seen.
func (m *Model) peoplePane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	list := m.people(b)
	if len(list) == 0 {
		return "", []string{s.muted.Render("nobody has come yet")}
	}
	if n := b.watching(m.at); n > 0 {
		right = s.muted.Render(fmt.Sprintf("%d watching", n))
	}
	first := min(m.view.scrolled[panePeople], max(0, len(list)-h))
	for _, a := range list[first:] {
		if len(body) == h {
			break
		}
		sign := s.faint.Render("○ ")
		switch {
		case a.seat == 2:
			sign = s.accent.Render("◆ ")
		case a.seat == 1:
			sign = s.warn.Render("… ")
		case a.watching:
			sign = s.good.Render("● ")
		}
		left := sign + s.name(a.person.ID, a.person.Name) + s.muted.Render("  "+roleWord(a.person.Role))
		if a.seated > 0 {
			left += s.muted.Render(fmt.Sprintf(", seated ×%d", a.seated))
		}
		body = append(body, sides(left, s.muted.Render(m.lastSeen(a)), w))
	}
	return right, body
}

func (m *Model) lastSeen(a attendee) string {
	switch {
	case a.seen.IsZero():
		return "–"
	case a.watching:
		return a.clientWord()
	case m.at.Sub(a.seen) < presenceLife:
		return "elsewhere"
	}
	return "left " + clock(m.at.Sub(a.seen)) + " ago"
}

func (a attendee) clientWord() string {
	if a.client == "console" {
		return "console"
	}
	return "page"
}
