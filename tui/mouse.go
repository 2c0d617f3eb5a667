package tui

import (
	tea "charm.land/bubbletea/v2"
)

// wheelStep is how many lines one notch of the wheel moves.
const wheelStep = 3

func (m *Model) wheel(mouse tea.Mouse) {
	by := 0
	switch mouse.Button {
	case tea.MouseWheelUp:
		by = -1
	case tea.MouseWheelDown:
		by = 1
	}
	switch {
	case by == 0 || m.overlay != overlayNone || m.line != nil:
	case m.chooser != nil:
		m.chooser.at = min(max(m.chooser.at+by, 0), max(0, len(m.chooser.shown)-1))
	case m.report != nil:
		rows, total := m.reportRows()
		m.report.scroll(by*wheelStep, rows, total)
	case m.open == "":
		m.moveCursor(by)
	default:
		m.wheelPane(mouse, by)
	}
}

func (m *Model) wheelPane(mouse tea.Mouse, by int) {
	b := m.board(m.open)
	s, ok := m.slotAt(mouse.X, mouse.Y)
	if !ok {
		return
	}
	switch s.pane {
	case paneQueue:
		if len(m.queue(b)) > 0 {
			m.moveRequest(b, by)
		}
	case panePeople:
		m.movePerson(b, by)
	case paneChat, paneTimeline:
		m.scroll(b, s.pane, by*wheelStep)
	}
}

func (m *Model) click(mouse tea.Mouse) tea.Cmd {
	switch {
	case mouse.Button != tea.MouseLeft || m.overlay != overlayNone || m.prompt != nil || m.line != nil || m.filtering != nil:
		return nil
	case m.chooser != nil:
		if i, ok := m.chooserAt(mouse.Y); ok {
			m.chooser.at = i
			return m.take()
		}
		return nil
	case mouse.Y == m.height-1:
		return m.clickHelp(mouse.X)
	case m.report != nil:
		return nil
	case m.open == "":
		return m.clickLobby(mouse)
	}
	s, ok := m.slotAt(mouse.X, mouse.Y)
	if !ok {
		return nil
	}
	if mouse.Y == s.y && len(s.tabs) > 0 {
		if p, ok := m.tabAt(s, mouse.X-s.x); ok {
			m.focusOn(p)
			return nil
		}
	}
	m.focusOn(s.pane)
	m.clickRow(s, mouse.Y-s.y-1)
	return nil
}

// clickRow chooses the row of a list.
func (m *Model) clickRow(s slot, row int) {
	b := m.board(m.open)
	switch s.pane {
	case paneQueue:
		queue := m.queue(b)
		if first := m.queueTop(queue, s.h-2); row >= 0 && first+row < len(queue) {
			m.view.request = queue[first+row].ID
		}
	case panePeople:
		list := m.people(b)
		if first := m.peopleTop(list, s.h-2); row >= 0 && row < s.h-2 && first+row < len(list) {
			m.view.person = list[first+row].person.ID
		}
	}
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

// clickHelp does what the help bar says at a column.
func (m *Model) clickHelp(x int) tea.Cmd {
	if name := m.helpAt(x); name != "" {
		return m.do(name)
	}
	return nil
}
