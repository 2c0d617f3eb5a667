package tui

import (
	"context"
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
	input := textinput.New()
	input.Prompt = " " + label + " › "
	input.SetVirtualCursor(false)
	input.SetStyles(m.styles.input)
	input.CharLimit = playtest.MaxReason
	if kind == promptChat {
		input.CharLimit = playtest.MaxChat
	}
	input.Placeholder = map[promptKind]string{
		promptChat: "a line for everybody", promptDeny: "shown to the person and in the log", promptMark: "a word, such as: crash on jump",
	}[kind]
	input.Focus()
	m.prompt = &prompt{kind: kind, session: session, request: request, input: input}
}

// paste takes text from the clipboard, which is as little to be trusted as text from people.
func (p *prompt) paste(text string) {
	var cmd tea.Cmd
	p.input, cmd = p.input.Update(tea.PasteMsg{Content: safe(strings.TrimSpace(text))})
	_ = cmd
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
		return m.act("sending …", "said", func(ctx context.Context) error { return m.net.Chat(ctx, p.session, text) }, nil)
	case promptDeny:
		return m.denyRequest(b, p.request, text)
	case promptMark:
		at := time.UnixMilli(p.request.Since)
		return m.act("marking …", "marked", func(ctx context.Context) error { return m.net.Mark(ctx, p.session, text, at) }, nil)
	}
	return nil
}
