package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"hotseat/backend/playtest"
)

// replyFrom is the height from which the chat has a line to write in at its end.
const replyFrom = 8

// timesFrom is the width from which lines have their time.
const timesFrom = 36

// chatPane: what people say. It follows the newest line until somebody scrolls up. The last line is
// for the answer.
func (m *Model) chatPane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	reply := h >= replyFrom
	if reply {
		h -= 2
	}
	if words := m.view.filters[paneChat]; words != "" {
		at, all := m.matches(b)
		right = m.filterWord(paneChat, at, all) + s.muted.Render(" n/N")
	}
	if m.view.chatEnd >= 0 {
		if newer := b.trimmed + len(b.chat) - m.view.chatEnd; newer > 0 {
			if right != "" {
				right += "  "
			}
			right += s.warn.Render(fmt.Sprintf("%d new ↓ G", newer))
		}
	}
	_, body = m.chatLines(b, w, h, m.view.chatEnd)
	if len(b.chat) == 0 {
		body = []string{s.muted.Render("nobody has said anything yet")}
	}
	if !reply {
		return right, body
	}
	for len(body) < h {
		body = append(body, "")
	}
	return right, append(body, s.faint.Render(strings.Repeat("─", w)), m.replyLine(b, w))
}

// replyLine is where a person writes, or says how to begin, or why they cannot.
func (m *Model) replyLine(b *board, w int) string {
	s := m.styles
	if m.prompt != nil && m.prompt.kind == promptChat && m.prompt.session == b.info.ID {
		if input, _, _ := m.writing(); input != nil {
			return ansi.Cut(fit(input.View(), w+1), 1, w+1) // without the prompt's margin
		}
	}
	if why := m.actor().why(actWrite, b); why != "" {
		return s.muted.Render("· " + why)
	}
	line := s.key.Render(m.keys[actWrite].Help().Key) + s.muted.Render(" writes to everybody")
	if n := b.state.SlowSeconds; n > 0 {
		line += s.muted.Render(fmt.Sprintf(" · slow mode: a line every %d s", n))
	}
	return line
}

// chatLines draws the lines before end (counted over the whole session; -1 is the newest), only as
// many as fit: the cost does not grow with the chat. It returns how many lines are shown.
func (m *Model) chatLines(b *board, w, h, end int) (shown int, body []string) {
	at := len(b.chat)
	if end >= 0 {
		at = min(max(end-b.trimmed, 0), len(b.chat))
	}
	var blocks [][]string
	rows := 0
	for at > 0 && rows < h {
		at--
		block := m.chatLine(b.chat[at], w)
		if words := m.view.filters[paneChat]; words != "" && m.open == b.info.ID && passes(b.chat[at].searchText(), words) {
			gap := 5 // between the time and the name
			if w < timesFrom {
				gap = 0
			}
			for i, l := range block {
				l = ansi.Cut(l, 0, gap) + m.styles.accent.Render("▌") + cutLeft(l, gap+1)
				block[i] = m.highlight(l, w, b.trimmed+at+1 == m.view.match)
			}
		}
		blocks = append(blocks, block)
		rows += len(block)
		shown++
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		body = append(body, blocks[i]...)
	}
	if len(body) > h {
		body = body[len(body)-h:]
	}
	return shown, body
}

func (m *Model) chatLine(l line, w int) []string {
	s := m.styles
	indent := 0
	prefix := ""
	if w >= timesFrom {
		prefix = s.dim.Render(time.UnixMilli(l.at).In(m.opts.Now().Location()).Format("15:04")) + "  "
		indent = 7
	}
	var first, text string
	style := s.text
	switch l.kind {
	case lineSystem:
		first, text, style = s.dim.Render("· "), l.text, s.muted
		switch l.tone {
		case toneGood, toneAccent:
			first = s.tone(l.tone).Render("· ")
		case toneWarn:
			first = s.warn.Render("! ")
		case toneBad:
			first, style = s.bad.Render("✗ "), s.text
		}
	case lineReactions:
		first, text, style = s.dim.Render("· "), reactionText(l.reactions), s.muted
	default:
		badge := ""
		if l.who.Role == playtest.RoleLead {
			badge = s.accent.Render("★ ")
		}
		first, text = badge+s.name(l.who.ID, l.who.Name)+"  ", l.text
	}
	lead := ansi.StringWidth(first)
	if lead > (w-indent)/2 {
		first = fit(first, (w-indent)/2)
		lead = ansi.StringWidth(first)
	}
	hang := indent + min(lead, 2)
	// the first line is shorter by the name: wrap as if the name were text
	wrapped := wrap(strings.Repeat("x", lead)+text, max(4, w-indent))
	if len(wrapped) > 1 { // the rest hangs below with its own width
		rest := strings.TrimPrefix(strings.Repeat("x", lead)+text, wrapped[0])
		wrapped = append(wrapped[:1], wrap(strings.TrimLeft(rest, " "), max(4, w-hang))...)
	}
	out := []string{prefix + first + style.Render(strings.TrimPrefix(wrapped[0], strings.Repeat("x", lead)))}
	for _, rest := range wrapped[1:] {
		out = append(out, strings.Repeat(" ", hang)+style.Render(rest))
	}
	return out
}

// reactionText folds reactions into counts, in the protocol's order.
func reactionText(counts map[string]int) string {
	var parts []string
	for _, kind := range playtest.Reactions {
		if n := counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s ×%d", kind, n))
		}
	}
	return strings.Join(parts, "  ")
}
