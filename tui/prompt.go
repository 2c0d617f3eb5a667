package tui

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"hotseat/backend/playtest"
)

type promptKind int

const (
	promptChat promptKind = iota
	promptDeny
	promptMark
)

// prompt is the line in which a person writes.
type prompt struct {
	kind    promptKind
	session string
	request playtest.Request // denied, or whose Since a mark points at
	input   textinput.Model
}

func (m *Model) ask(kind promptKind, session string, request playtest.Request, label string) {
	input := m.newInput(" " + label + " › ")
	input.CharLimit = playtest.MaxReason
	if kind == promptChat {
		input.CharLimit = playtest.MaxChat
	}
	input.Placeholder = map[promptKind]string{
		promptChat: "a line for everybody", promptDeny: "shown to the person and in the log", promptMark: "a word, such as: crash on jump",
	}[kind]
	m.prompt = &prompt{kind: kind, session: session, request: request, input: input}
}

// paste takes text from the clipboard, which is as little to be trusted as text from people.
func (m *Model) paste(text string) {
	msg := tea.PasteMsg{Content: safe(strings.TrimSpace(text))}
	switch {
	case m.line != nil:
		m.line.input, _ = m.line.input.Update(msg)
		m.line.look()
	case m.prompt != nil:
		m.prompt.input, _ = m.prompt.input.Update(msg)
	case m.filtering != nil:
		m.filtering.input, _ = m.filtering.input.Update(msg)
		m.setFilter(m.filtering.pane, strings.TrimSpace(m.filtering.input.Value()))
	case m.chooser != nil:
		m.chooser.input, _ = m.chooser.input.Update(msg)
		m.chooser.filter()
	}
}

func (m *Model) pressPrompt(msg tea.KeyPressMsg) tea.Cmd {
	p := m.prompt
	switch msg.String() {
	case "esc":
		m.prompt = nil
		return nil
	case "enter":
		return m.sendPrompt()
	}
	var cmd tea.Cmd
	p.input, cmd = p.input.Update(msg)
	return cmd
}

func (m *Model) sendPrompt() tea.Cmd {
	p, text := m.prompt, strings.TrimSpace(m.prompt.input.Value())
	m.prompt = nil
	b := m.board(p.session)
	switch p.kind {
	case promptChat:
		if text == "" {
			return nil
		}
		return m.carryOut(order{cmd: commandNamed("chat"), text: text}, b)
	case promptDeny:
		return m.carryOut(order{cmd: commandNamed("deny"), request: p.request, text: text}, b)
	}
	// the moment is that of the key, however long the word took to write
	return m.carryOut(order{cmd: commandNamed("mark"), text: text, ago: m.at.Sub(time.UnixMilli(p.request.Since))}, b)
}
