package tui

import (
	"fmt"
	"strings"
	"time"

	"hotseat/backend/playtest"
)

// hurry is the rest of a request's life from which its countdown stands out.
const hurry = 15 * time.Second

// queuePane: who waits, since when, how long the request still lives; below, how others ended.
func (m *Model) queuePane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	queue := m.queue(b)
	if m.open == b.info.ID {
		right = m.filterWord(paneQueue, len(queue), len(b.state.Queue))
	}
	if b.state.Locked && !b.ended() && right == "" {
		right = s.warn.Render("⊘ locked")
	}
	if right != "" && len(queue) == 0 && len(b.state.Queue) > 0 {
		body = append(body, s.muted.Render("nobody like that; esc shows all"))
	} else if len(queue) == 0 {
		body = append(body, s.muted.Render("nobody waits"))
		if b.state.Locked && !b.ended() && h > 2 {
			body = append(body, s.muted.Render("requests are locked: l opens them"))
		} else if !b.ended() && h > 2 {
			body = append(body, s.muted.Render("people ask from the page"))
		}
	} else if m.filter(paneQueue) == "" || m.open != b.info.ID {
		word := fmt.Sprintf("%d waiting", len(queue))
		if b.state.Locked {
			word = "⊘ locked · " + word
		}
		right = s.warn.Render(word)
	}
	chosen := m.requestAt(queue)
	first := m.queueTop(queue, h)
	for i := first; i < len(queue) && len(body) < h; i++ {
		r := queue[i]
		mark := "  "
		if i == chosen {
			mark = s.accent.Render("▸ ")
		}
		left := max(0, time.UnixMilli(r.Deadline).Sub(m.at))
		style := s.muted
		if left < hurry {
			style = s.warn
		}
		times := s.text.Render("waits "+clock(m.since(r.Since))) + "  " + style.Render(clock(left)+" left")
		if w < 32 {
			times = style.Render(clock(left) + " left")
		}
		line := sides(mark+s.muted.Render(fmt.Sprintf("%d ", b.state.Position(r.ID)))+s.name(r.Person.ID, r.Person.Name), times, w)
		body = append(body, m.highlight(line, w, i == chosen && m.view.focus == paneQueue && m.open != ""))
	}
	if room := h - len(body) - 1; room > 0 && len(b.outcomes) > 0 {
		body = append(body, "")
		for _, o := range b.outcomes[max(0, len(b.outcomes)-room):] {
			line := outcomeLine(o)
			if room < 2*len(b.outcomes) {
				body = append(body, s.muted.Render(line))
				continue
			}
			for i, part := range wrap(line, w-2) {
				body = append(body, strings.Repeat(" ", min(2*i, 2))+s.muted.Render(part))
			}
		}
	}
	return right, body
}

func outcomeLine(o playtest.Outcome) string {
	switch {
	case o.Action == playtest.ActionTakeoverDeny:
		return "✗ " + o.Person.Name + " denied by " + o.By.Name + because(o.Reason)
	case o.Reason == "expired":
		return "✗ " + o.Person.Name + " waited too long"
	case o.Reason == "left":
		return "✗ " + o.Person.Name + " left"
	}
	return "✗ " + o.Person.Name + " withdrew"
}

// requestAt is the row of the chosen request, the first if it is gone.
func (m *Model) requestAt(queue []playtest.Request) int {
	for i, r := range queue {
		if r.ID == m.view.request {
			return i
		}
	}
	return 0
}

// queueTop is the first request that is shown, so that the chosen one is.
func (m *Model) queueTop(queue []playtest.Request, h int) int {
	return max(0, min(m.requestAt(queue)-h/2, len(queue)-h))
}
