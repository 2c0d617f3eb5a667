package tui

import (
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// overlay is a box over the screen that takes the keys.
type overlay int

const (
	overlayNone overlay = iota
	overlayHelp
	overlayAccess
	overlayConfirm
	overlayForm
)

// confirmation asks once before something that cannot be undone.
type confirmation struct {
	title string
	lines []string
	then  func() tea.Cmd
}

func (m *Model) askFirst(title string, lines []string, then func() tea.Cmd) {
	m.overlay, m.confirm = overlayConfirm, confirmation{title, lines, then}
}

func (m *Model) pressOverlay(msg tea.KeyPressMsg) tea.Cmd {
	switch m.overlay {
	case overlayConfirm:
		switch msg.String() {
		case "y", "enter":
			m.overlay = overlayNone
			return m.confirm.then()
		case "n", "esc", "q":
			m.overlay = overlayNone
			m.say(toneQuiet, "nothing changed")
		}
		return nil
	case overlayForm:
		return m.pressForm(msg)
	}
	switch msg.String() {
	case "esc", "q", "enter", "?", "u":
		m.overlay, m.helpTop = overlayNone, 0
	case "down", "j", "pgdown", "space":
		m.helpTop++
	case "up", "k", "pgup":
		m.helpTop = max(0, m.helpTop-1)
	}
	return nil
}

// box is a frame as large as its lines, at most as large as the screen.
func (m *Model) box(title, right string, lines []string) []string {
	w := lipgloss.Width(title) + lipgloss.Width(right) + 8
	for _, l := range lines {
		w = max(w, ansi.StringWidth(l)+6)
	}
	body := []string{""}
	for _, l := range lines {
		body = append(body, " "+l)
	}
	body = append(body, "")
	return m.frame(min(w, m.width), min(len(body)+2, m.height), title, right, true, body)
}

func (m *Model) confirmBox() []string {
	lines := append([]string{}, m.confirm.lines...)
	lines = append(lines, "", m.styles.key.Render("y")+m.styles.muted.Render(" yes     ")+m.styles.key.Render("n")+m.styles.muted.Render(" no"))
	return m.box(m.styles.warn.Render(m.confirm.title), "", lines)
}

// accessLines tell a stranger where the page is and how to get in.
func (m *Model) accessLines() []string {
	s := m.styles
	var lines []string
	if m.opts.Banner != "" {
		lines = append(lines, s.muted.Render(safe(m.opts.Banner)), "")
	}
	lines = append(lines, s.accent.Render(safe(m.opts.PageURL)), "")
	role, email := 0, 0
	for _, a := range m.opts.Access {
		role, email = max(role, len(a.Role)), max(email, len(a.Email))
	}
	for _, a := range m.opts.Access {
		lines = append(lines, s.muted.Render(fit(safe(a.Role), role))+"   "+s.text.Render(fit(safe(a.Email), email))+"   "+s.bold.Render(safe(a.Password)))
	}
	return lines
}

func (m *Model) accessBox() []string {
	return m.box(m.styles.accent.Render("join in a browser"), m.styles.muted.Render("esc closes"), m.accessLines())
}
