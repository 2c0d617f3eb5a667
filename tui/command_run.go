package tui

import (
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// errOnScreen answers commands that only print what a screen shows anyway.
var errOnScreen = errors.New("that is on the screen already; the command is for --plain")

// run carries out a typed command.
func (m *Model) run(o order) tea.Cmd {
	b := m.subject()
	if o.cmd.action != "" {
		if why := m.why(o.cmd.action, b); why != "" {
			m.say(toneWarn, why)
			return nil
		}
	}
	switch o.cmd.name {
	case "start":
		return m.askApplications(o.text)
	case "open":
		return m.enter(o.session)
	case "lobby":
		m.report = nil
		if m.open == "" {
			m.say(toneQuiet, "this is the lobby")
			return nil
		}
		return m.leave()
	case "report":
		if o.choice == "" {
			return m.openReport(b)
		}
		return m.saveReport(b.info.ID, o.choice)
	case "picture":
		m.showPicture(o.choice == "on" || o.choice == "" && !m.picture)
	case "theme":
		m.setTheme(o.choice)
	case "undo":
		return m.undo()
	case "help":
		if c := commandNamed(o.choice); c != nil {
			m.say(toneQuiet, c.usage()+" · "+c.summary+" · such as :"+strings.Join(c.examples, ", :"))
			return nil
		}
		m.overlay = overlayHelp
	case "quit":
		return m.quit()
	default:
		return m.carryOut(o, b)
	}
	return nil
}
