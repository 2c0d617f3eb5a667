package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// frame draws a rounded border with a title at the left and a word at the right of its top edge,
// and body inside with one cell of air at each side. It returns exactly h lines of w cells.
func (m *Model) frame(w, h int, title, right string, focused bool, body []string) []string {
	edge := m.styles.faint
	if focused {
		edge = m.styles.theme.edge()
	}
	if w < 4 || h < 2 {
		return blank(w, h)
	}
	room := w - 4 // corners, and one line of edge at each side
	t, r := "", ""
	if title != "" {
		t = " " + title + " "
	}
	if right != "" {
		r = " " + right + " "
	}
	if ansi.StringWidth(t)+ansi.StringWidth(r) > room {
		r = ansi.Truncate(r, max(0, room-ansi.StringWidth(t)), "… ")
	}
	t = ansi.Truncate(t, room, "… ")
	gap := max(0, room-ansi.StringWidth(t)-ansi.StringWidth(r))
	lines := make([]string, 0, h)
	lines = append(lines, edge.Render("╭─")+t+edge.Render(strings.Repeat("─", gap))+r+edge.Render("─╮"))
	side := edge.Render("│")
	for i := range h - 2 {
		text := ""
		if i < len(body) {
			text = body[i]
		}
		lines = append(lines, side+" "+fit(text, w-4)+" "+side)
	}
	return append(lines, edge.Render("╰"+strings.Repeat("─", w-2)+"╯"))
}

// paneTitle is "3 chat", marked by more than colour when the pane has the keys.
func (m *Model) paneTitle(s slot) string {
	if len(s.tabs) == 0 {
		return m.tabTitle(s.pane, s.pane == m.view.focus, true)
	}
	return strings.Join(m.tabTitles(s), "  ")
}

// tabTitles are the titles of a slot's tabs; those behind are only numbers where there is no room.
func (m *Model) tabTitles(s slot) []string {
	var parts []string
	long := 0
	for _, p := range s.tabs {
		long += len(p.String()) + 5
	}
	for _, p := range s.tabs {
		switch {
		case p == s.pane:
			parts = append(parts, m.tabTitle(p, p == m.view.focus, true))
		case long < s.w-14:
			parts = append(parts, m.styles.muted.Render(fmt.Sprintf("%d %s", p, p)))
		default:
			parts = append(parts, m.styles.muted.Render(fmt.Sprint(int(p))))
		}
	}
	return parts
}

func (m *Model) tabTitle(p pane, focused, shown bool) string {
	number := m.styles.muted.Render(fmt.Sprint(int(p)))
	switch {
	case focused:
		return m.styles.accent.Render(fmt.Sprintf("▸ %d %s", p, p))
	case shown:
		return number + " " + m.styles.bold.Render(p.String())
	}
	return number + " " + m.styles.muted.Render(p.String())
}

func blank(w, h int) []string {
	lines := make([]string, max(0, h))
	for i := range lines {
		lines[i] = strings.Repeat(" ", max(0, w))
	}
	return lines
}

// tile puts blocks of lines beside and below each other. The slots must tile the rectangle whose
// top is y and height h.
func tile(slots []slot, blocks [][]string, y, h int) []string {
	lines := make([]string, h)
	for row := range h {
		var b strings.Builder
		x := 0
		for { // the next block to the right in this row
			next := -1
			for i, s := range slots {
				if s.x == x && y+row >= s.y && y+row < s.y+s.h {
					next = i
				}
			}
			if next < 0 {
				break
			}
			b.WriteString(blocks[next][y+row-slots[next].y])
			x += slots[next].w
		}
		lines[row] = b.String()
	}
	return lines
}

// over draws a box in the middle of a screen that steps back behind it.
func (m *Model) over(screen []string, box []string) []string {
	if len(box) == 0 {
		return screen
	}
	w := ansi.StringWidth(box[0])
	x, y := max(0, (m.width-w)/2), max(0, (len(screen)-len(box))/2)
	out := make([]string, len(screen))
	for i, line := range screen {
		flat := strings.ReplaceAll(fit(ansi.Strip(line), m.width), "▀", " ") // a picture without its colours is stripes
		if i < y || i >= y+len(box) {
			out[i] = m.styles.faint.Render(flat)
			continue
		}
		out[i] = m.styles.faint.Render(ansi.Cut(flat, 0, x)) + box[i-y] + m.styles.faint.Render(ansi.Cut(flat, x+w, m.width))
	}
	return out
}
