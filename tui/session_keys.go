package tui

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// wheelStep is how many lines one notch of the wheel moves.
const wheelStep = 3

// everything is more lines than any pane has, also all that a session ever had.
const everything = 1 << 30

func (m *Model) pressSession(msg tea.KeyPressMsg) tea.Cmd {
	b := m.board(m.open)
	if cmd, ok := m.decide(msg, b); ok {
		return cmd
	}
	k := m.keys
	page := max(1, (m.height-6)/2)
	switch {
	case key.Matches(msg, k.Back):
		if m.view.zoomed {
			m.view.zoomed = false
			return nil
		}
		return m.leave()
	case key.Matches(msg, k.Next):
		m.step(1)
	case key.Matches(msg, k.Prev):
		m.step(-1)
	case key.Matches(msg, k.Number):
		if p := pane(msg.Code - '0'); p >= paneSeat && p <= lastPane {
			m.focusOn(p)
		} else {
			m.say(toneQuiet, fmt.Sprintf("the panes have the numbers 1 to %d", lastPane))
		}
	case key.Matches(msg, k.Zoom):
		m.view.zoomed = !m.view.zoomed
	case key.Matches(msg, k.Picture):
		m.picture = !m.picture
		if !m.picture && m.view.focus == panePicture {
			m.focusOn(paneChat)
		}
	case key.Matches(msg, k.Up):
		m.scroll(b, m.view.focus, -1)
	case key.Matches(msg, k.Down):
		m.scroll(b, m.view.focus, 1)
	case key.Matches(msg, k.PageUp):
		m.scroll(b, m.view.focus, -page)
	case key.Matches(msg, k.PageDown):
		m.scroll(b, m.view.focus, page)
	case key.Matches(msg, k.Top):
		m.scroll(b, m.view.focus, -everything)
	case key.Matches(msg, k.Bottom):
		m.scroll(b, m.view.focus, everything)
	case key.Matches(msg, k.New):
		m.say(toneQuiet, "playtests are started in the lobby: q, then n")
	}
	return nil
}

// scroll moves within a pane: the chosen request of the queue, the window of the others.
func (m *Model) scroll(b *board, p pane, by int) {
	switch p {
	case paneQueue:
		m.moveRequest(b, by)
	case paneChat:
		m.scrollChat(b, by)
	case paneTimeline:
		// its window hangs at the newest, so moving up is moving back
		m.view.scrolled[p] = min(max(m.view.scrolled[p]-by, 0), max(0, len(b.timeline)-1))
	case panePeople:
		m.view.scrolled[p] = min(max(m.view.scrolled[p]+by, 0), max(0, len(m.people(b))-1))
	default:
		m.say(toneQuiet, "there is nothing to scroll in "+p.String())
	}
}

func (m *Model) moveRequest(b *board, by int) {
	queue := b.state.Queue
	if len(queue) == 0 {
		m.say(toneQuiet, "nobody waits for the seat")
		return
	}
	at := max(b.state.Position(m.view.request)-1, 0)
	m.view.request = queue[min(max(at+by, 0), len(queue)-1)].ID
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

func (m *Model) wheel(mouse tea.Mouse) {
	by := 0
	switch mouse.Button {
	case tea.MouseWheelUp:
		by = -1
	case tea.MouseWheelDown:
		by = 1
	}
	if by == 0 || m.overlay != overlayNone {
		return
	}
	if m.open == "" {
		m.moveCursor(by)
		return
	}
	b := m.board(m.open)
	if s, ok := m.slotAt(mouse.X, mouse.Y); ok {
		switch s.pane {
		case paneQueue:
			if len(b.state.Queue) > 0 {
				m.moveRequest(b, by)
			}
		case paneChat, panePeople, paneTimeline:
			m.scroll(b, s.pane, by*wheelStep)
		}
	}
}

func (m *Model) click(mouse tea.Mouse) tea.Cmd {
	if mouse.Button != tea.MouseLeft || m.overlay != overlayNone || m.prompt != nil {
		return nil
	}
	if m.open == "" {
		return m.clickLobby(mouse)
	}
	s, ok := m.slotAt(mouse.X, mouse.Y)
	if !ok {
		return nil
	}
	m.focusOn(s.pane)
	if s.pane == paneQueue {
		queue := m.board(m.open).state.Queue
		if at := mouse.Y - s.y - 1; at >= 0 && at < len(queue) {
			m.view.request = queue[at].ID
		}
	}
	return nil
}

// clickLobby chooses the session of a row, and opens it if it is the chosen one.
func (m *Model) clickLobby(mouse tea.Mouse) tea.Cmd {
	list := m.sorted()
	chosen := m.chosenBoard()
	if chosen == nil {
		return nil
	}
	table, _, _ := m.lobbyLayout(list, m.width, m.height-3)
	if mouse.X >= table.w || mouse.Y > table.h {
		return nil
	}
	row := 4 // header, edge, column titles, air
	first, rows := m.lobbyWindow(list, chosen, table.h-4)
	for _, b := range list[first : first+rows] {
		height := m.lobbyRow(b)
		if mouse.Y >= row && mouse.Y < row+height {
			if b == chosen && m.cursor == b.info.ID {
				return m.enter(b.info.ID)
			}
			m.cursor = b.info.ID
			return nil
		}
		row += height
	}
	return nil
}
