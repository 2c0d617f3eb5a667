package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// doView does the actions about what is on the screen; b is the session they are about, nil if there
// is none.
func (m *Model) doView(name string, b *board) tea.Cmd {
	switch name {
	case actHelp:
		m.overlay = overlayHelp
	case actAccess:
		m.overlay = overlayAccess
	case actPalette:
		m.openPalette()
	case actCommand:
		m.openCommandLine("")
	case actUndo:
		return m.undo()
	case actFilter:
		m.openFilter()
	case actNew:
		return m.askApplications("")
	case actReport:
		return m.openReport(b)
	case actSave:
		m.pickFormat()
	case actTheme:
		m.pickTheme()
	case actPicture:
		m.showPicture(!m.picture)
	case actSwitch:
		m.pickSession()
	case actNextSession:
		return m.switchBy(1)
	case actPrevSession:
		return m.switchBy(-1)
	case actOpen:
		return m.enter(b.info.ID)
	case actSort:
		m.sort = (m.sort + 1) % sortBy(len(sortWords))
		m.say(toneQuiet, "sorted by "+sortWords[m.sort])
	case actBack:
		return m.back()
	case actQuit:
		return m.quit()
	default:
		if m.report == nil && m.open != "" {
			m.doPane(name, b)
		}
		m.doMove(name, b)
	}
	return nil
}

// doPane does what concerns the panes of a session.
func (m *Model) doPane(name string, b *board) {
	switch name {
	case actNextPane:
		m.step(1)
	case actPrevPane:
		m.step(-1)
	case actZoom:
		m.view.zoomed = !m.view.zoomed
	case actNextMatch:
		m.nextMatch(b, -1)
	case actPrevMatch:
		m.nextMatch(b, 1)
	default:
		for p := paneSeat; p <= lastPane; p++ {
			if name == "pane-"+p.String() {
				m.focusOn(p)
			}
		}
	}
}

// doMove moves the cursor or the window of whatever is on the screen.
func (m *Model) doMove(name string, b *board) {
	page := max(1, (m.height-6)/2)
	by, ok := map[string]int{actUp: -1, actDown: 1, actPageUp: -page, actPageDown: page, actFirst: -everything, actLast: everything}[name]
	switch {
	case !ok:
	case m.report != nil:
		rows, total := m.reportRows()
		m.report.scroll(by, rows, total)
	case m.open == "":
		m.moveCursor(by)
	default:
		m.scroll(b, m.view.focus, by)
	}
}

func (m *Model) showPicture(on bool) {
	m.picture = on
	if !on && m.view.focus == panePicture {
		m.focusOn(paneChat)
	}
	m.say(toneQuiet, "the picture is "+map[bool]string{true: "on", false: "off"}[on])
}

// back undoes the last step inwards: a filter, a zoom, a report, a session; from the lobby it leaves.
func (m *Model) back() tea.Cmd {
	switch {
	case m.report != nil:
		m.report = nil
	case m.open == "" && m.lobbyFilter != "":
		m.lobbyFilter = ""
	case m.open == "":
		return m.quit()
	case m.view.filters[m.view.focus] != "":
		delete(m.view.filters, m.view.focus)
	case m.view.zoomed:
		m.view.zoomed = false
	default:
		return m.leave()
	}
	return nil
}

// quit leaves; what is held is sent first, since it was asked for.
func (m *Model) quit() tea.Cmd {
	return tea.Sequence(m.release(), m.forgetPictures(), tea.Quit)
}

// press finds who takes a key: what counts down, a line to write in, a list or box over the screen,
// then the screen.
func (m *Model) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.keys.is(msg, actQuit):
		return m.quit()
	case m.line != nil:
		return m.pressCommandLine(msg)
	case m.prompt != nil:
		return m.pressPrompt(msg)
	case m.filtering != nil:
		return m.pressFilter(msg)
	case m.chooser != nil:
		return m.pressChooser(msg)
	case m.overlay != overlayNone:
		return m.pressOverlay(msg)
	case m.held != nil && (m.keys.is(msg, actUndo) || msg.String() == "esc"), m.reversible() && m.keys.is(msg, actUndo):
		return m.undo()
	}
	here := m.place()
	if name := m.keys.find(msg, here); name != "" {
		return m.do(name)
	}
	m.explain(msg, here)
	return nil
}

func (m *Model) place() place {
	switch {
	case m.report != nil:
		return inReport
	case m.open == "":
		return inLobby
	}
	return inSession
}

// explain says where a key would do something.
func (m *Model) explain(msg tea.KeyPressMsg, here place) {
	name := m.keys.find(msg, everywhere&^here)
	switch a := actionNamed(name); {
	case a == nil:
		if here == inSession && (msg.String() == "8" || msg.String() == "9") {
			m.say(toneQuiet, fmt.Sprintf("the panes have the numbers 1 to %d", lastPane))
		}
	case here == inReport:
		m.say(toneQuiet, "this is the report: esc goes back to the playtest")
	case a.name == actNew:
		m.say(toneQuiet, "playtests are started in the lobby: q, then n")
	case a.where == inLobby && a.name != actOpen:
		m.say(toneQuiet, "that is for the lobby: q goes there")
	case a.where == inSession:
		m.say(toneQuiet, "open a playtest first: enter")
	case a.where == inReport:
		m.say(toneQuiet, "open the report first: "+m.keys[actReport].Help().Key)
	}
}

// enter opens a session's screen, as it was left.
func (m *Model) enter(id string) tea.Cmd {
	if m.open != "" {
		m.views[m.open] = m.view
	}
	m.open, m.cursor, m.report = id, id, nil
	view, ok := m.views[id]
	if !ok {
		view = newSessionView()
	}
	m.view = view
	m.board(id)
	return func() tea.Msg { m.net.Open(id); return nil }
}

// leave goes back to the lobby.
func (m *Model) leave() tea.Cmd {
	m.views[m.open] = m.view
	m.open = ""
	return func() tea.Msg { m.net.Open(""); return nil }
}
