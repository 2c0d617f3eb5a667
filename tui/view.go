package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"hotseat/tui/client"
)

// View draws the console.
func (m *Model) View() tea.View {
	v := tea.NewView(strings.Join(m.screen(), "\n"))
	v.AltScreen = true
	v.ReportFocus = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "hotseat"
	if n := m.waiting(); n > 0 {
		v.WindowTitle = fmt.Sprintf("(%d waiting) hotseat", n)
	}
	if m.prompt != nil {
		if c := m.prompt.input.Cursor(); c != nil {
			c.Y = m.height - 2
			v.Cursor = c
		}
	}
	return v
}

// screen is exactly height lines of width cells.
func (m *Model) screen() []string {
	if m.width <= 0 || m.height <= 0 {
		return nil
	}
	if m.width < minWidth || m.height < minHeight {
		lines := blank(m.width, m.height)
		lines[m.height/2] = fit(fmt.Sprintf("hotseat needs %d × %d, not %d × %d", minWidth, minHeight, m.width, m.height), m.width)
		return lines
	}
	lines := make([]string, 0, m.height)
	if m.open == "" {
		lines = append(lines, m.lobbyHeader())
		lines = append(lines, m.lobby(m.width, m.height-3)...)
	} else {
		b := m.board(m.open)
		lines = append(lines, m.sessionHeader(b))
		slots := layout(m.width, m.height, m.picture, m.view)
		blocks := make([][]string, len(slots))
		for i, s := range slots {
			blocks[i] = m.drawSlot(b, s)
		}
		lines = append(lines, tile(slots, blocks, 1, m.height-3)...)
	}
	lines = append(lines, m.statusLine(), m.helpLine())
	switch m.overlay {
	case overlayHelp:
		return m.over(lines, m.helpBox())
	case overlayAccess:
		return m.over(lines, m.accessBox())
	case overlayConfirm:
		return m.over(lines, m.confirmBox())
	case overlayForm:
		return m.over(lines, m.formBox())
	}
	return lines
}

func (m *Model) drawSlot(b *board, s slot) []string {
	w, h := s.w-4, s.h-2
	if s.pane == 0 {
		return []string{fit(" "+m.seatLine(b), s.w)}
	}
	var right string
	var body []string
	switch s.pane {
	case paneSeat:
		right, body = m.seatPane(b, w)
	case paneQueue:
		right, body = m.queuePane(b, w, h)
	case paneChat:
		right, body = m.chatPane(b, w, h)
	case paneSidecar:
		right, body = m.sidecarPane(b, w, h)
	case panePeople:
		right, body = m.peoplePane(b, w, h)
	case panePicture:
		right, body = m.picturePane(b, w, h)
	case paneTimeline:
		right, body = m.timelinePane(b, w, h)
	}
	focused := s.pane == m.view.focus
	return m.frame(s.w, s.h, m.paneTitle(s), right, focused, body)
}

// sessionHeader is the line above a session: what it is, and how it is with it.
func (m *Model) sessionHeader(b *board) string {
	s := m.styles
	left := " " + s.badge.Render(" hotseat ") + "  " + s.bold.Render(b.title())
	if m.width >= 100 {
		left += s.muted.Render("  " + b.info.ID)
	}
	var parts []string
	if t, word := m.connectionWord(); m.conn.Phase != client.Live || m.width >= 72 {
		parts = append(parts, s.tone(t).Render(word))
	}
	if who := m.who(); who != "" && m.width >= 100 {
		parts = append(parts, s.muted.Render(who))
	}
	parts = append(parts, s.muted.Render(fmt.Sprintf("%d watching", b.watching(m.at))))
	if left, ok := b.left(m.at); ok {
		style := s.muted
		if left.Minutes() < 5 {
			style = s.warn
		}
		parts = append(parts, style.Render(clock(left)+" left"))
	} else if b.ended() {
		parts = append(parts, s.muted.Render("ended"))
	}
	return sides(left, strings.Join(parts, s.faint.Render(" · "))+" ", m.width)
}

// who is the person that the console is signed in as.
func (m *Model) who() string {
	who := m.me.Name
	if role := roleWord(m.me.Role); who != "" && role != who {
		who += ", " + role
	}
	if m.opts.ReadOnly {
		who += ", read-only"
	}
	return who
}

// connectionWord is the connection's state with a sign, in words.
func (m *Model) connectionWord() (tone, string) {
	since := m.at.Sub(m.conn.Since)
	switch m.conn.Phase {
	case client.Live:
		if m.conn.Err != nil {
			return toneWarn, "◌ " + safe(m.conn.Err.Error())
		}
		return toneGood, "● live"
	case client.Reconnecting:
		return toneBad, "✗ reconnecting " + clock(since)
	}
	return toneWarn, "◌ " + string(m.conn.Phase)
}

// statusLine is the line above the help bar: what is being written, else the last outcome, else
// what waits for a decision.
func (m *Model) statusLine() string {
	s := m.styles
	if m.prompt != nil {
		input := m.prompt.input
		input.SetWidth(max(8, m.width-lipgloss.Width(input.Prompt)-2))
		return fit(input.View(), m.width)
	}
	if t := m.toast; t.text != "" {
		sign := map[tone]string{toneGood: "✓", toneBad: "✗", toneWarn: "!", toneQuiet: "·", toneAccent: "·"}[t.tone]
		if t.busy {
			sign = "◌"
		}
		return fit(" "+s.tone(t.tone).Render(sign+" "+t.text), m.width)
	}
	if m.conn.Phase != client.Live && m.conn.Err != nil {
		return fit(" "+s.muted.Render("· "+safe(m.conn.Err.Error())), m.width)
	}
	if m.open != "" {
		if weight, text := m.board(m.open).need(m.at); weight > 0 {
			return fit(" "+s.warn.Render("! "+text), m.width)
		}
	}
	return fit("", m.width)
}

func (m *Model) helpLine() string {
	h := m.help
	right := ""
	if m.prompt == nil && m.overlay == overlayNone { // the two keys that are good everywhere
		out := m.keys.Back
		if m.open == "" {
			out = m.keys.Leave
		}
		right = h.ShortHelpView([]key.Binding{m.keys.Help, out}) + " "
	}
	keys := m.shortHelp()
	bar := h.ShortHelpView(keys)
	for room := m.width - 4 - lipgloss.Width(right); lipgloss.Width(bar) > room && len(keys) > 0; {
		keys = keys[:len(keys)-1] // ? shows them all
		bar = h.ShortHelpView(keys)
	}
	return sides(" "+bar, right, m.width)
}
