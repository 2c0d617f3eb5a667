package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"hotseat/backend/playtest"
)

const (
	// keptLines bounds the history of the command line.
	keptLines = 100
	// offered is how many completions are shown at once.
	offered = 7
)

// commandLine is the line after ":".
type commandLine struct {
	input  textinput.Model
	draft  string // what was typed before the history was looked at
	past   int    // lines back in the history; 0 is the draft
	list   []completion
	usage  string
	at     int    // the completion that tab has put in, -1 for none
	wrong  string // why the line could not be carried out
	inside surroundings
}

func (m *Model) openCommandLine(text string) {
	l := &commandLine{input: m.newInput(" : "), inside: m.surroundings(m.subject()), at: -1}
	l.input.SetValue(text)
	l.input.CursorEnd()
	l.look()
	m.line = l
}

// surroundings are what names mean in commands about a session, which may be none.
func (m *Model) surroundings(b *board) surroundings { return around(b, m.sorted()) }

func around(b *board, sessions []*board) surroundings {
	in := surroundings{sessions: sessions}
	if b != nil {
		in.queue = b.state.Queue
		in.people = b.peopleWho(func(playtest.Participant) bool { return true })
	}
	return in
}

// look finds how the line can go on.
func (l *commandLine) look() {
	l.at, l.wrong = -1, ""
	l.list, l.usage = complete(l.input.Value(), l.inside, func(c *command) bool { return !c.lines })
}

func (l *commandLine) set(text string) {
	l.input.SetValue(text)
	l.input.CursorEnd()
}

// tab puts in the next completion: the only one for good, one of several to be looked at.
func (l *commandLine) tab(by int) {
	switch n := len(l.list); n {
	case 0:
	case 1:
		l.set(l.list[0].line)
		l.look()
	default:
		if l.at < 0 && by < 0 {
			l.at = 0
		}
		l.at = (l.at + by + n) % n
		l.set(l.list[l.at].line)
	}
}

// recall moves through what was typed before.
func (l *commandLine) recall(history []string, by int) {
	if l.past == 0 {
		l.draft = l.input.Value()
	}
	past := min(max(l.past+by, 0), len(history))
	if past == l.past {
		return
	}
	l.past = past
	if past == 0 {
		l.set(l.draft)
	} else {
		l.set(history[len(history)-past])
	}
	l.look()
}

func (m *Model) pressCommandLine(msg tea.KeyPressMsg) tea.Cmd {
	l := m.line
	switch msg.String() {
	case "esc":
		m.line = nil
	case "enter":
		return m.enterCommand()
	case "tab":
		l.tab(1)
	case "shift+tab":
		l.tab(-1)
	case "up", "ctrl+p":
		l.recall(m.history, 1)
	case "down", "ctrl+n":
		l.recall(m.history, -1)
	case "backspace":
		if l.input.Value() == "" {
			m.line = nil
			return nil
		}
		fallthrough
	default:
		before := l.input.Value()
		l.input, _ = l.input.Update(msg)
		if l.input.Value() != before {
			l.past = 0
			l.look()
		}
	}
	return nil
}

// enterCommand carries the line out. A mistake keeps it open, with what to do about it.
func (m *Model) enterCommand() tea.Cmd {
	line := strings.TrimSpace(m.line.input.Value())
	if line == "" {
		m.line = nil
		return nil
	}
	o, err := parseOrder(line, m.surroundings(m.subject()))
	if err == nil && o.cmd.lines {
		err = errOnScreen
	}
	if err != nil {
		m.line.wrong = safe(err.Error())
		return nil
	}
	m.line = nil
	if n := len(m.history); n == 0 || m.history[n-1] != line {
		m.history = append(m.history, line)
		m.history = m.history[max(0, len(m.history)-keptLines):]
	}
	return m.run(o)
}

// popup is what stands above the command line: completions, how the command is written, what is wrong.
func (l *commandLine) popup(m *Model) []string {
	s := m.styles
	var lines []string
	room := min(offered, m.height-6)
	first := max(0, min(l.at-room/2, len(l.list)-room))
	show := 0
	for _, c := range l.list {
		show = max(show, width(c.show))
	}
	for i := first; i < len(l.list) && i < first+room; i++ {
		c := l.list[i]
		mark, style := "  ", s.text
		if i == l.at {
			mark, style = s.accent.Render("▸ "), s.bold
		}
		lines = append(lines, m.highlight(mark+style.Render(fit(c.show, min(show, 30)))+s.muted.Render("  "+c.hint), min(72, m.width-4), i == l.at))
	}
	if left := len(l.list) - room; left > 0 {
		lines = append(lines, s.muted.Render(fmt.Sprintf("  … %d more", left)))
	}
	if l.usage != "" {
		lines = append(lines, s.muted.Render("  "+l.usage))
	}
	if l.wrong != "" {
		for _, w := range wrap("✗ "+l.wrong, min(72, m.width-4)) {
			lines = append(lines, s.bad.Render(w))
		}
	}
	return lines
}

// above draws a box with lines right above the line that is being written.
func (m *Model) above(screen, lines []string) []string {
	if len(lines) == 0 {
		return screen
	}
	w := 24
	for _, l := range lines {
		w = max(w, width(l)+4)
	}
	box := m.frame(min(w, m.width), len(lines)+2, "", "", true, lines)
	top := max(0, len(screen)-2-len(box))
	for i, l := range box {
		if top+i < len(screen)-2 {
			screen[top+i] = l + cutLeft(screen[top+i], lipgloss.Width(l))
		}
	}
	return screen
}
