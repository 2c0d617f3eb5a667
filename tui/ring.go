package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// ring is the command that calls a person whose terminal has not the focus, as they want to be called:
// by the bell, by a notification of the terminal (OSC 9 of iTerm2, Windows Terminal, kitty; OSC 777 of
// urxvt, foot, WezTerm), or not at all. The text is safe, and is not let end the sequence.
func (m *Model) ring(text string) tea.Cmd {
	text = strings.NewReplacer(";", ",", "\x07", "", "\x1b", "").Replace(ansi.Truncate(text, 120, "…"))
	switch m.opts.Preferences.Bell {
	case "off":
		return nil
	case "osc9":
		return tea.Raw(ansi.Notify(text))
	case "osc777":
		return tea.Raw(ansi.URxvtExt("notify", "hotseat", text))
	}
	return tea.Raw("\a")
}
