package tui

import (
	"cmp"
	"slices"

	tea "charm.land/bubbletea/v2"
)

// running are the sessions that have not ended and the open one, in an order that does not change under
// a person's fingers: as they were started.
func (m *Model) running() []*board {
	var list []*board
	for _, b := range m.boards {
		if b.info.ID == m.open || (b.listed || b.state.Seq > 0) && !b.ended() {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *board) int {
		if c := a.startedAt().Compare(b.startedAt()); c != 0 {
			return c
		}
		return cmp.Compare(a.info.ID, b.info.ID)
	})
	return list
}

// others are the running sessions that are not on the screen.
func (m *Model) others() []*board {
	return slices.DeleteFunc(m.running(), func(b *board) bool { return b.info.ID == m.open })
}

// switchBy goes to the session after or before. All are followed all the time: nothing is connected anew.
func (m *Model) switchBy(by int) tea.Cmd {
	list := m.running()
	at := slices.IndexFunc(list, func(b *board) bool { return b.info.ID == m.open })
	return m.enter(list[(at+by+len(list))%len(list)].info.ID)
}

// pickSession opens the quick switch; who needs someone comes first.
func (m *Model) pickSession() {
	var rows []choice
	for _, b := range m.sorted() {
		if b.info.ID == m.open {
			continue
		}
		row := choice{label: b.title(), about: b.info.ID, do: func() tea.Cmd { return m.enter(b.info.ID) }}
		if _, need := b.need(m.at); need != "" {
			row.key = "! " + need
		} else if b.ended() {
			row.key = "ended"
		}
		rows = append(rows, row)
	}
	m.choose("switch to", "type a name", rows, 0)
}

// otherTabs are the other running sessions in the header: by name where there is room, those that need
// someone with a sign that flashes.
func (m *Model) otherTabs(room int) string {
	s := m.styles
	calm, out, hidden := 0, "", 0
	for _, b := range m.others() {
		weight, need := b.need(m.at)
		if weight == 0 {
			calm++
			continue
		}
		style := s.warn
		if m.at.Unix()%2 == 0 {
			style = s.alarm
		}
		tab := style.Render("! " + b.title() + ": " + need)
		if width(out)+width(tab)+2 > room {
			tab = style.Render("! " + b.title())
		}
		if width(out)+width(tab)+2 > room {
			hidden++
			continue
		}
		out += "  " + tab
	}
	switch {
	case hidden > 0 && width(out)+5 <= room:
		out += s.warn.Render("  !+" + thousands(float64(hidden)))
	case calm > 0 && width(out)+12 <= room:
		out += s.muted.Render("  +" + thousands(float64(calm)) + " calm")
	}
	return out
}
