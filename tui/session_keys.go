package tui

import (
	"slices"

	"hotseat/backend/playtest"
)

// everything is more lines than any pane has, also all that a session ever had.
const everything = 1 << 30

// scroll moves within a pane: the chosen request of the queue, the window of the others.
func (m *Model) scroll(b *board, p pane, by int) {
	switch p {
	case paneQueue:
		m.moveRequest(b, by)
	case paneChat:
		m.scrollChat(b, by)
	case paneTimeline:
		// its window hangs at the newest, so moving up is moving back
		m.view.scrolled[p] = min(max(m.view.scrolled[p]-by, 0), max(0, len(m.moments(b))-1))
	case panePeople:
		m.movePerson(b, by)
	default:
		m.say(toneQuiet, "there is nothing to scroll in "+p.String())
	}
}

func (m *Model) moveRequest(b *board, by int) {
	queue := m.queue(b)
	if len(queue) == 0 {
		m.say(toneQuiet, errNobodyWaits.Error())
		return
	}
	at := 0
	for i, r := range queue {
		if r.ID == m.view.request {
			at = i
		}
	}
	m.view.request = queue[min(max(at+by, 0), len(queue)-1)].ID
}

// queue is who waits, as far as the pane's filter lets them through.
func (m *Model) queue(b *board) []playtest.Request {
	words := m.view.filters[paneQueue]
	if words == "" {
		return b.state.Queue
	}
	var list []playtest.Request
	for _, r := range b.state.Queue {
		if passes(r.Person.Name+" "+roleWord(r.Person.Role), words) {
			list = append(list, r)
		}
	}
	return list
}

// people are who is in the people pane.
func (m *Model) people(b *board) []attendee {
	list := b.attendees(m.at)
	if words := m.view.filters[panePeople]; words != "" && m.open == b.info.ID {
		list = slices.DeleteFunc(list, func(a attendee) bool {
			return !passes(a.person.Name+" "+roleWord(a.person.Role)+" "+a.connectionWord(m.at)+" "+a.marks(), words)
		})
	}
	return list
}

// moments are what is in the timeline's pane.
func (m *Model) moments(b *board) []moment {
	words := m.view.filters[paneTimeline]
	if words == "" || m.open != b.info.ID {
		return b.timeline
	}
	var list []moment
	for _, t := range b.timeline {
		if passes(t.text, words) {
			list = append(list, t)
		}
	}
	return list
}

// scrollChat moves the last line that is shown; past the newest it follows again.
func (m *Model) scrollChat(b *board, by int) {
	newest := b.trimmed + len(b.chat)
	end := m.view.chatEnd
	if end < 0 {
		end = newest
	}
	end = max(end+by, b.trimmed+1)
	if end >= newest {
		end = -1
	}
	m.view.chatEnd = end
}

func (m *Model) slotAt(x, y int) (slot, bool) {
	for _, s := range layout(m.width, m.height, m.picture, m.view) {
		if s.pane != 0 && s.holds(x, y) {
			return s, true
		}
	}
	return slot{}, false
}
