package tui

import (
	"fmt"
	"strings"
)

// marks say what is special about somebody, for more than their colour.
func (a attendee) marks() string {
	switch {
	case a.known.Banned:
		return "banned"
	case a.known.Muted:
		return "muted"
	}
	return ""
}

// peopleTop is the first person that is shown, so that the chosen one is.
func (m *Model) peopleTop(list []attendee, h int) int {
	return max(0, min(m.personAt(list)-h/2, len(list)-h))
}

// peoplePane: who is here, what they are and were in the seat, muted or not, when they were last seen.
func (m *Model) peoplePane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	list := m.people(b)
	right = m.filterWord(panePeople, len(list), len(b.state.People))
	if len(list) == 0 {
		if right != "" {
			return right, []string{s.muted.Render("nobody like that; esc shows all")}
		}
		return "", []string{s.muted.Render("nobody has come yet")}
	}
	if n := b.watching(m.at); n > 0 && right == "" {
		right = s.muted.Render(fmt.Sprintf("%d watching", n))
	}
	chosen, focused := m.personAt(list), m.view.focus == panePeople && m.open != ""
	first := m.peopleTop(list, h)
	for i := first; i < len(list) && len(body) < h; i++ {
		a := list[i]
		cursor := ""
		if focused {
			cursor = "  "
			if i == chosen {
				cursor = s.accent.Render("▸ ")
			}
		}
		line := sides(cursor+m.attendeeLine(a, w), m.connectionStyle(a), w)
		body = append(body, m.highlight(line, w, focused && i == chosen))
	}
	return right, body
}

func (m *Model) connectionStyle(a attendee) string {
	word := a.connectionWord(m.at)
	if word == "banned" || word == "removed" {
		return m.styles.warn.Render(word)
	}
	return m.styles.muted.Render(word)
}

func (m *Model) attendeeLine(a attendee, w int) string {
	s := m.styles
	sign := s.faint.Render("○ ")
	switch {
	case a.known.Banned, a.known.Removed && a.known.Away:
		sign = s.warn.Render("⊘ ")
	case a.seat == 2:
		sign = s.accent.Render("◆ ")
	case a.seat == 1:
		sign = s.warn.Render("… ")
	case a.watching:
		sign = s.good.Render("● ")
	}
	left := sign + s.name(a.person.ID, a.person.Name)
	if a.known.Muted {
		left += s.warn.Render("  muted")
	}
	facts := []string{roleWord(a.person.Role)}
	if roleWord(a.person.Role) == a.person.Name {
		facts = nil
	}
	if a.known.Seated > 0 {
		turns := fmt.Sprintf("seated ×%d", a.known.Seated)
		if w >= 44 && a.held > 0 {
			turns += " for " + clock(a.held)
		}
		facts = append(facts, turns)
	}
	return left + s.muted.Render("  "+strings.Join(facts, ", "))
}
