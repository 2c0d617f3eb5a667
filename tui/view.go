package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textinput"
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
	v.Cursor = m.textCursor()
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
	if m.report != nil {
		return m.boxes(m.reportView())
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
	return m.boxes(append(lines, m.statusLine(), m.helpLine()))
}

// boxes draws what stands over a screen.
func (m *Model) boxes(lines []string) []string {
	switch m.overlay {
	case overlayHelp:
		lines = m.over(lines, m.helpBox())
	case overlayAccess:
		lines = m.over(lines, m.accessBox())
	case overlayConfirm:
		lines = m.over(lines, m.confirmBox())
	case overlayForm:
		lines = m.over(lines, m.formBox())
	}
	if m.chooser != nil {
		lines = m.over(lines, m.chooserBox())
	}
	if m.line != nil {
		lines = m.above(lines, m.line.popup(m))
	}
	return lines
}

// textCursor is where the terminal's cursor blinks: in the line that is being written.
func (m *Model) textCursor() *tea.Cursor {
	if m.width < minWidth || m.height < minHeight {
		return nil
	}
	input, x, y := m.writing()
	if input == nil {
		return nil
	}
	c := input.Cursor()
	if c != nil {
		c.X, c.Y = min(c.X+x, m.width-1), y
	}
	return c
}

// writing is the line that is being written, as wide as it is drawn, and where on the screen it is.
func (m *Model) writing() (input *textinput.Model, x, y int) {
	line := func(t textinput.Model, w int) *textinput.Model {
		t.SetWidth(max(8, w-lipgloss.Width(t.Prompt)-2))
		t.SetCursor(t.Position()) // scrolls to it
		return &t
	}
	switch {
	case m.line != nil:
		return line(m.line.input, m.width), 0, m.height - 2
	case m.prompt != nil:
		if s, ok := m.replySlot(); ok && m.prompt.kind == promptChat {
			return line(m.prompt.input, s.w-4), s.x + 1, s.y + s.h - 2
		}
		return line(m.prompt.input, m.width), 0, m.height - 2
	case m.filtering != nil:
		return line(m.filtering.input, m.width), 0, m.height - 2
	case m.chooser != nil:
		box := m.chooserBox()
		w := lipgloss.Width(box[0])
		return line(m.chooser.input, w-5), (m.width-w)/2 + 3, max(0, (m.height-len(box))/2) + 2
	}
	return nil, 0, 0
}

// replySlot is the chat's pane, if it is on the screen and has a line to write in.
func (m *Model) replySlot() (slot, bool) {
	if m.open == "" || m.report != nil {
		return slot{}, false
	}
	for _, s := range layout(m.width, m.height, m.picture, m.view) {
		if s.pane == paneChat && s.h-2 >= replyFrom {
			return s, true
		}
	}
	return slot{}, false
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
		left += s.muted.Render("  " + m.whereabouts(b))
	}
	if b.state.Locked && !b.ended() {
		left += s.warn.Render("  ⊘ locked")
	}
	if n := b.state.SlowSeconds; n > 0 && !b.ended() {
		left += s.muted.Render(fmt.Sprintf("  slow %d s", n))
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
	right := strings.Join(parts, s.faint.Render(" · ")) + " "
	return sides(left+m.otherTabs(m.width-width(left)-width(right)-2), right, m.width)
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
	if input, _, y := m.writing(); input != nil && y == m.height-2 && m.chooser == nil {
		return fit(input.View(), m.width)
	}
	if m.held != nil {
		return fit(" "+s.warn.Render("◌ "+m.countdown()), m.width)
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
	if m.open != "" && m.report == nil {
		if weight, text := m.board(m.open).need(m.at); weight > 0 {
			return fit(" "+s.warn.Render("! "+text), m.width)
		}
	}
	return fit("", m.width)
}
