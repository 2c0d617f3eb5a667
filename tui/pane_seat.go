package tui

import (
	"fmt"
	"strings"
	"time"
)

func (m *Model) since(ms int64) time.Duration {
	if ms == 0 {
		return 0
	}
	return m.at.Sub(time.UnixMilli(ms))
}

// seatPane: who holds the seat, the stream session in words, a running hand-over.
func (m *Model) seatPane(b *board, w int) (right string, body []string) {
	s := m.styles
	seat := b.seat()
	if seat.Epoch > 0 {
		right = s.muted.Render(fmt.Sprintf("epoch %d", seat.Epoch))
	}
	switch {
	case seat.Holder != nil:
		body = append(body, sides(s.accent.Render("◆ ")+s.name(seat.Holder.ID, seat.Holder.Name)+s.muted.Render("  "+roleWord(seat.Holder.Role)),
			m.heldFor(b), w))
	case b.ended():
		body = append(body, s.muted.Render("◇ nobody any more"))
	default:
		free := ""
		if seat.Since != 0 {
			free = s.muted.Render("for ") + s.text.Render(clock(m.since(seat.Since)))
		}
		body = append(body, sides(s.muted.Render("◇ ")+s.text.Render("the seat is free"), free, w))
	}
	status := b.status()
	words := s.tone(statusTone(status)).Render(statusIcon(status)) + " " + s.text.Render(statusWords(status))
	state := s.muted.Render(shortWord(status, w/2))
	if left, ok := b.graceLeft(m.at); ok {
		words = s.warn.Render("○") + " " + s.text.Render(seat.Holder.Name+" is gone")
		state = s.warn.Render("kept " + clock(left) + " more")
	}
	body = append(body, sides(words, state, w))
	if h := b.state.Handover; h != nil {
		return right, append(body, m.handover(b, w)...)
	}
	if last := m.lastHandover(b, w); last != nil {
		return right, append(body, last...)
	}
	if b.ended() && b.state.EndReason != "" {
		body = append(body, s.muted.Render(b.state.EndReason))
	} else if left, ok := b.left(m.at); ok && w >= 24 {
		total := left + m.at.Sub(b.startedAt())
		body = append(body, "", m.gauge(w, 1-float64(left)/float64(max(total, 1)), s.muted.Render), sides(
			s.muted.Render("started "+clock(m.at.Sub(b.startedAt()))+" ago"), s.muted.Render(clock(left)+" left"), w))
	}
	return right, body
}

// heldFor is how long the seat has been held, and until when at most.
func (m *Model) heldFor(b *board) string {
	s, seat := m.styles, b.seat()
	held := s.muted.Render("held ") + s.text.Render(clock(m.since(seat.Since)))
	if seat.Until == 0 || b.ended() {
		return held
	}
	left, style := time.UnixMilli(seat.Until).Sub(m.at), s.muted
	if left < hurry {
		style = s.warn
	}
	return held + s.muted.Render(" of ") + style.Render(clock(time.UnixMilli(seat.Until).Sub(time.UnixMilli(seat.Since))))
}

// graceLeft is how long the seat is still kept for a holder whose connection is gone; false if it is not.
func (b *board) graceLeft(now time.Time) (time.Duration, bool) {
	if b.status() != "PENDING_CLIENT_RECONNECTION" || b.seat().Holder == nil || b.state.Handover != nil || b.ended() || b.statusSince == 0 {
		return 0, false
	}
	return max(0, time.UnixMilli(b.statusSince).Add(b.state.Policy.Grace()).Sub(now)), true
}

// shortWord cuts the service's long words at the end that says least.
func shortWord(word string, w int) string {
	if len(word) > w {
		return strings.TrimSuffix(fit(word, max(w, 1)), " ")
	}
	return word
}

// gauge is a line that is filled from the left up to share (0–1).
func (m *Model) gauge(w int, share float64, fill func(...string) string) string {
	full := int(min(max(share, 0), 1)*float64(w) + 0.5)
	return fill(strings.Repeat("━", full)) + m.styles.faint.Render(strings.Repeat("─", w-full))
}

// seatLine is the seat in one line, for screens with room for one pane.
func (m *Model) seatLine(b *board) string {
	s := m.styles
	seat := b.seat()
	line := s.muted.Render("◇ seat free")
	if h := b.state.Handover; h != nil {
		line = s.warn.Render("→ ") + s.name(h.Request.Person.ID, h.Request.Person.Name) + " " + s.text.Render(took(m.since(h.Since)))
	} else if seat.Holder != nil {
		line = s.accent.Render("◆ ") + s.name(seat.Holder.ID, seat.Holder.Name) + " " + s.text.Render(clock(m.since(seat.Since)))
	}
	status := b.status()
	line += s.faint.Render(" · ") + s.tone(statusTone(status)).Render(statusIcon(status)+" "+shortStatus(status))
	if n := len(b.state.Queue); n > 0 {
		line += s.faint.Render(" · ") + s.warn.Render(fmt.Sprintf("%d waiting", n))
	}
	t, word := b.judge(m.at)
	return line + s.faint.Render(" · ") + s.tone(t).Render("sidecar "+word)
}
