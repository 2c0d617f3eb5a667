package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// layMarkdown lays out the Markdown of a report for a width: headings, lists, tables, plain lines. It is
// no more than a report needs, and shows what it does not know as it is.
func layMarkdown(s styles, text []string, w int) []string {
	var out []string
	for i := 0; i < len(text); i++ {
		line := text[i]
		if strings.HasPrefix(strings.TrimSpace(line), "|") {
			end := i
			for end < len(text) && strings.HasPrefix(strings.TrimSpace(text[end]), "|") {
				end++
			}
			out = append(out, layTable(s, text[i:end], w)...)
			i = end - 1
			continue
		}
		out = append(out, layLine(s, line, w)...)
	}
	return out
}

func layLine(s styles, line string, w int) []string {
	trimmed := strings.TrimLeft(line, " ")
	heading := strings.TrimLeft(trimmed, "#")
	level := len(trimmed) - len(heading)
	switch {
	case level > 0 && strings.HasPrefix(heading, " "):
		style := s.bold
		if level <= 2 {
			style = s.accent
		}
		lines := styled(style, wrap(plainMarkdown(strings.TrimSpace(heading)), w))
		if level <= 2 {
			lines = append(lines, s.faint.Render(strings.Repeat("─", w)))
		}
		return lines
	case strings.HasPrefix(trimmed, "- "), strings.HasPrefix(trimmed, "* "):
		indent := len(line) - len(trimmed)
		lines := wrap(plainMarkdown(trimmed[2:]), max(8, w-indent-2))
		for i, l := range lines {
			mark := "  "
			if i == 0 {
				mark = s.muted.Render("· ")
			}
			lines[i] = strings.Repeat(" ", indent) + mark + s.text.Render(l)
		}
		return lines
	case strings.HasPrefix(trimmed, "> "):
		return styled(s.muted, wrap("│ "+plainMarkdown(trimmed[2:]), w))
	}
	return styled(s.text, wrap(plainMarkdown(line), w))
}

func styled(style lipgloss.Style, lines []string) []string {
	for i, l := range lines {
		lines[i] = style.Render(l)
	}
	return lines
}

// plainMarkdown leaves out the signs that are for a renderer of Markdown; a sign after a backslash stays.
func plainMarkdown(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case c == '*' || c == '`':
		default:
			b.WriteByte(c)
		}
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(b.String())
}

// layTable aligns the cells of a table; the widest column gives way if it does not fit.
func layTable(s styles, rows []string, w int) []string {
	var cells [][]string
	var widths []int
	for _, row := range rows {
		parts := tableCells(row)
		if len(parts) > 0 && strings.Trim(strings.Join(parts, ""), "-: ") == "" {
			continue // the line below the head
		}
		for i, p := range parts {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(p))
		}
		cells = append(cells, parts)
	}
	for total(widths) > w && len(widths) > 0 {
		widest := 0
		for i, v := range widths {
			if v > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 4 {
			break
		}
		widths[widest]--
	}
	out := make([]string, 0, len(cells))
	for r, parts := range cells {
		var b strings.Builder
		for i, p := range parts {
			style := s.text
			if r == 0 {
				style = s.muted
			}
			b.WriteString(style.Render(fit(p, widths[i])))
			if i < len(parts)-1 {
				b.WriteString("  ")
			}
		}
		out = append(out, b.String())
	}
	return out
}

func total(widths []int) int {
	sum := 2 * max(0, len(widths)-1)
	for _, v := range widths {
		sum += v
	}
	return sum
}

// tableCells cuts a row at its bars, save those after a backslash.
func tableCells(row string) []string {
	row = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(row), "|"), "|")
	var cells []string
	var b strings.Builder
	for i := 0; i < len(row); i++ {
		switch {
		case row[i] == '\\' && i+1 < len(row):
			b.WriteString(row[i : i+2])
			i++
		case row[i] == '|':
			cells = append(cells, plainMarkdown(strings.TrimSpace(b.String())))
			b.Reset()
		default:
			b.WriteByte(row[i])
		}
	}
	return append(cells, plainMarkdown(strings.TrimSpace(b.String())))
}
