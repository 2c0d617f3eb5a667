package tui

import (
	"time"
)

// timelinePane: marks, hand-overs and states by the time since the start, the newest at the bottom.
func (m *Model) timelinePane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	if len(b.timeline) == 0 {
		return "", []string{s.muted.Render("nothing yet; m marks a moment")}
	}
	moments := m.moments(b)
	if len(moments) == 0 {
		return m.filterWord(paneTimeline, 0, len(b.timeline)), []string{s.muted.Render("nothing like that; esc shows all")}
	}
	end := len(moments) - min(m.view.scrolled[paneTimeline], len(moments)-1)
	if end < len(moments) {
		right = s.warn.Render(thousands(float64(len(moments)-end)) + " newer ↓ G")
	} else if m.open == b.info.ID {
		right = m.filterWord(paneTimeline, len(moments), len(b.timeline))
	}
	start := b.startedAt()
	for i := end - 1; i >= 0 && len(body) < h; i-- {
		moment := moments[i]
		at := s.dim.Render(align(clock(time.UnixMilli(moment.at).Sub(start)), 7, true))
		style := s.muted
		if moment.icon == "⚑" || moment.tone == toneBad {
			style = s.text
		}
		body = append(body, at+" "+s.tone(moment.tone).Render(moment.icon)+" "+style.Render(moment.text))
	}
	for i, j := 0, len(body)-1; i < j; i, j = i+1, j-1 {
		body[i], body[j] = body[j], body[i]
	}
	return right, body
}
