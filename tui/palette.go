package tui

import (
	tea "charm.land/bubbletea/v2"
)

// openPalette lists every action with its key, those that can do something here first; the others say
// why they cannot.
func (m *Model) openPalette() {
	var can, cannot []choice
	here, b := m.place(), m.subject()
	for _, a := range actions {
		if a.plain || a.name == actPalette {
			continue
		}
		row := choice{label: a.help, about: a.name, key: m.keys[a.name].Help().Key, do: func() tea.Cmd { return m.do(a.name) }}
		if keys := m.keys[a.name].Keys(); len(keys) > 0 {
			row.key = keys[0] // a row is one action, not the two that share a line of the help
		}
		switch {
		case a.where&here == 0 && a.where != nowhere:
			row.why = m.elsewhere(a)
		default:
			row.why = m.why(a.name, b)
		}
		if row.why == "" {
			can = append(can, row)
		} else {
			cannot = append(cannot, row)
		}
	}
	m.choose("all actions", "what do you want to do?", append(can, cannot...), 0)
}

// elsewhere says where an action would do something.
func (m *Model) elsewhere(a action) string {
	switch {
	case a.where == inReport:
		return "in the report: " + m.keys[actReport].Help().Key
	case a.where == inLobby:
		return "in the lobby"
	case m.report != nil:
		return "not in the report"
	}
	return "in a playtest: enter opens one"
}

// pickTheme opens a picker of colours.
func (m *Model) pickTheme() {
	words := commandNamed("theme").args[0].choices
	at := 0
	rows := make([]choice, len(words))
	for i, w := range words {
		if m.opts.Theme.Name == w {
			at = i
		}
		rows[i] = choice{label: w, about: map[string]string{"auto": "as the terminal's background is", "colour-blind": "blue and orange"}[w],
			do: func() tea.Cmd { m.setTheme(w); return nil }}
	}
	m.choose("colours", "", rows, at)
}

func (m *Model) setTheme(name string) {
	theme, err := ThemeByName(name)
	if err != nil {
		m.say(toneWarn, err.Error())
		return
	}
	m.opts.Theme = theme
	m.restyle()
	m.say(toneQuiet, "colours: "+name)
}
