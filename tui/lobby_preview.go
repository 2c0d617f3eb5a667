package tui

import "strings"

// previewBeside is the chosen session in short, beside the list.
func (m *Model) previewBeside(b *board, w, h int) []string {
	s := m.styles
	inner := w - 4
	var body []string
	if b.picture != nil && m.picture {
		_, film := m.picturePane(b, inner, min((inner*9+31)/32, h/2))
		body = append(append(body, film...), "")
	}
	body = append(body, m.seatFacts(b, inner)...)
	body = append(body, "", s.faint.Render(strings.Repeat("─", inner)), "")
	if room := h - 2 - len(body); room > 0 {
		_, chat := m.chatLines(b, inner, room, -1)
		body = append(body, chat...)
	}
	return m.frame(w, h, s.bold.Render(b.title()), s.muted.Render(m.whereabouts(b)), false, body)
}

// previewBelow is the same below the list: the picture, and the words beside it.
func (m *Model) previewBelow(b *board, w, h int) []string {
	s := m.styles
	inner, rows := w-4, h-2
	film := 0
	var left []string
	if b.picture != nil && m.picture {
		film = min(rows*32/9, inner/2)
		_, left = m.picturePane(b, film, rows)
		film += 3
	}
	words := m.seatFacts(b, inner-film)
	words = append(words, "")
	if room := rows - len(words); room > 0 {
		_, chat := m.chatLines(b, inner-film, room, -1)
		words = append(words, chat...)
	}
	body := make([]string, rows)
	for i := range body {
		if i < len(left) {
			body[i] = left[i]
		}
		if body[i] = fit(body[i], film); i < len(words) {
			body[i] += words[i]
		}
	}
	return m.frame(w, h, s.bold.Render(b.title()), s.muted.Render(m.whereabouts(b)), false, body)
}

// whereabouts is a session's id, with its location where there are several.
func (m *Model) whereabouts(b *board) string {
	if b.info.Location == "" || m.places() < 2 {
		return b.info.ID
	}
	return b.info.Location + "  " + b.info.ID
}

// seatFacts is the seat's pane without air at its end.
func (m *Model) seatFacts(b *board, w int) []string {
	_, seat := m.seatPane(b, w)
	for len(seat) > 0 && strings.TrimSpace(seat[len(seat)-1]) == "" {
		seat = seat[:len(seat)-1]
	}
	return seat
}
