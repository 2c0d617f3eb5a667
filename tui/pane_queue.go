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
	queue := b.state.Queue
	if len(queue) == 0 {
		body = append(body, s.muted.Render("nobody waits"))
		if !b.ended() && h > 2 {
			body = append(body, s.muted.Render("people ask from the page"))
		}
	} else {
		right = s.warn.Render(fmt.Sprintf("%d waiting", len(queue)))
	}
	chosen := max(b.state.Position(m.view.request)-1, 0)
	first := max(0, min(chosen-h/2, len(queue)-h))
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
		line := sides(mark+s.muted.Render(fmt.Sprintf("%d ", i+1))+s.name(r.Person.ID, r.Person.Name), times, w)
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
