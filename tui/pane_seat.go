package tui

import (
	"fmt"
	"strings"
	"time"
)

// handoverSteps are the steps of docs/protocol.md, in order.
var handoverSteps = []string{"approved", "closing", "released", "connecting", "connected"}

// stepWords says what the hand-over waits for after each step.
var stepWords = map[string]string{
	"approved":   "approved",
	"closing":    "closing the holder's game",
	"released":   "the seat is free",
	"connecting": "connecting the next player",
	"connected":  "connected",
}

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
			s.muted.Render("held ")+s.text.Render(clock(m.since(seat.Since))), w))
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
	body = append(body, sides(words, s.muted.Render(shortWord(status, w/2)), w))
	if h := b.state.Handover; h != nil {
		return right, append(body, m.handover(b, w)...)
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

// shortWord cuts the service's long words at the end that says least.
func shortWord(word string, w int) string {
	if len(word) > w {
		return strings.TrimSuffix(fit(word, max(w, 1)), " ")
	}
	return word
}

// handover is the progress of a running hand-over in three lines.
func (m *Model) handover(b *board, w int) []string {
	s := m.styles
	h := b.state.Handover
	reached := 0
	for _, step := range b.steps {
		if step.RequestID != "" && step.RequestID != h.Request.ID {
			continue
		}
		for i, name := range handoverSteps {
			if step.Step == name {
				reached = max(reached, i)
			}
		}
	}
	elapsed := max(0, m.since(h.Since))
	title := s.warn.Render("→ ") + s.name(h.Request.Person.ID, h.Request.Person.Name) + s.muted.Render("  by "+h.By.Name)
	part := (w - len(handoverSteps) + 1) / len(handoverSteps)
	var bar []string
	for i := range handoverSteps {
		n := part
		if i == len(handoverSteps)-1 {
			n = w - (part+1)*(len(handoverSteps)-1)
		}
		switch {
		case i <= reached:
			bar = append(bar, s.accent.Render(strings.Repeat("━", max(0, n))))
		default:
			bar = append(bar, s.faint.Render(strings.Repeat("─", max(0, n))))
		}
	}
	word := fmt.Sprintf("%d/%d %s", reached+1, len(handoverSteps), stepWords[handoverSteps[reached]])
	return []string{
		sides(title, s.text.Render(took(elapsed)), w),
		strings.Join(bar, " "),
		s.muted.Render(word),
	}
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
