package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"hotseat/tui/client"
)

// previewWidth is the width from which the chosen session is shown beside the list.
const previewWidth = 150

func (m *Model) moveCursor(by int) {
	list := m.sorted()
	if len(list) == 0 {
		return
	}
	at := 0
	for i, b := range list {
		if b.info.ID == m.cursor {
			at = i
		}
	}
	m.cursor = list[min(max(at+by, 0), len(list)-1)].info.ID
}

func (m *Model) lobbyHeader() string {
	s := m.styles
	running := 0
	for _, b := range m.boards {
		if !b.ended() {
			running++
		}
	}
	left := " " + s.badge.Render(" hotseat ") + "  " + s.muted.Render(plural(running, "playtest")+" running")
	t, word := m.connectionWord()
	right := s.tone(t).Render(word)
	if who := m.who(); who != "" && m.width >= 72 {
		right += s.dim.Render(" · ") + s.muted.Render(who)
	}
	return sides(left, right+" ", m.width)
}

// lobby is the list, with what else there is room for: the chosen session beside or below it, the
// ways into the page at the bottom.
func (m *Model) lobby(w, h int) []string {
	list := m.sorted()
	note := m.bannerLines(w)
	h -= len(note)
	table, preview, access := m.lobbyLayout(list, w, h)
	right := m.filterWord(0, len(list), m.all())
	if m.sort != sortNeed {
		right = strings.TrimSpace(right + "  " + m.styles.muted.Render("by "+sortWords[m.sort]))
	}
	lines := m.frame(table.w, table.h, m.styles.bold.Render("playtests"), right, false, m.lobbyTable(list, table.w-4, table.h-2))
	switch chosen := m.chosenBoard(); {
	case preview.w == 0:
	case preview.x > 0:
		for i, l := range m.previewBeside(chosen, preview.w, preview.h) {
			lines[i] += l
		}
	default:
		lines = append(lines, m.previewBelow(chosen, preview.w, preview.h)...)
	}
	lines = append(note, lines...)
	if access.h > 0 {
		lines = append(lines, m.frame(w, access.h, m.styles.bold.Render("join in a browser"), m.styles.muted.Render("u"), false, m.accessLines())...)
	}
	return lines
}

// bannerLines are Options.Banner above the list, where no ways into the page have it; at most three lines.
func (m *Model) bannerLines(w int) []string {
	if m.opts.Banner == "" || len(m.opts.Access) > 0 {
		return nil
	}
	lines := strings.Split(ansi.Wrap(safe(m.opts.Banner), max(1, w-6), ""), "\n")
	lines = lines[:min(len(lines), 3)]
	for i := range lines {
		sign := "  "
		if i == 0 {
			sign = "! "
		}
		lines[i] = fit("   "+m.styles.warn.Render(sign+lines[i]), w)
	}
	return lines
}

// places are the locations in which playtests run, for telling them apart where there is more than one.
func (m *Model) places() int {
	known := map[string]bool{}
	for _, b := range m.boards {
		if b.info.Location != "" && !b.ended() {
			known[b.info.Location] = true
		}
	}
	return len(known)
}

// lobbyLayout cuts the lobby's body; a rectangle without width is not drawn.
func (m *Model) lobbyLayout(list []*board, w, h int) (table, preview, access rect) {
	rows := 4
	for _, b := range list {
		rows += m.lobbyRow(b)
	}
	if n := len(m.accessLines()) + 2; len(m.opts.Access) > 0 && h-n >= max(9, rows) { // else u shows it
		access = rect{0, h - n, w, n}
	}
	table = rect{0, 0, w, h - access.h}
	if len(list) == 0 {
		return table, preview, access
	}
	if w >= previewWidth {
		side := min(w*2/5, 76)
		preview = rect{w - side, 0, side, table.h}
		table.w -= side
		return table, preview, access
	}
	if rows = max(rows, 8); w >= 96 && table.h-rows >= 12 {
		preview = rect{0, rows, w, table.h - rows}
		table.h = rows
	}
	return table, preview, access
}

// lobbyRow is how many lines a session takes in the list.
func (m *Model) lobbyRow(b *board) int {
	if weight, _ := b.need(m.at); weight > 0 {
		return 2
	}
	return 1
}

// lobbyColumn is one column of the lobby's table.
type lobbyColumn struct {
	title string
	width int
	right bool // numbers
	cell  func(b *board) string
}

func (m *Model) lobbyColumns(w int) []lobbyColumn {
	s := m.styles
	status := lobbyColumn{"state", 10, false, func(b *board) string {
		return s.tone(statusTone(b.status())).Render(statusIcon(b.status()) + " " + shortStatus(b.status()))
	}}
	game := lobbyColumn{"game", 18, false, func(b *board) string {
		if b.ended() {
			return s.muted.Render(b.title())
		}
		return s.bold.Render(b.title())
	}}
	seat := lobbyColumn{"seat", 18, false, func(b *board) string {
		seat := b.seat()
		if h := b.state.Handover; h != nil {
			return s.warn.Render("→ ") + s.name(h.Request.Person.ID, h.Request.Person.Name)
		}
		if seat.Holder == nil {
			return s.muted.Render("–")
		}
		return s.name(seat.Holder.ID, seat.Holder.Name) + s.muted.Render(" "+clock(m.since(seat.Since)))
	}}
	waiting := lobbyColumn{"wait", 4, true, func(b *board) string { return m.count(max(len(b.state.Queue), m.listWaiting(b)), s.warn.Render) }}
	viewers := lobbyColumn{"view", 4, true, func(b *board) string { return m.count(b.watching(m.at), s.text.Render) }}
	several := m.places() > 1
	short := several && w < 112 // the sidecar's numbers make room
	sidecar := lobbyColumn{"sidecar", 28, false, func(b *board) string {
		t, word := b.judge(m.at)
		if h := b.health; h != nil && !b.ended() && m.at.Sub(h.At) < silentAfter && h.State == "live" {
			if t == toneBad { // the word says what the numbers would
				return s.tone(t).Render(word)
			}
			if w < 96 || short {
				return s.tone(t).Render(word) + s.muted.Render(fmt.Sprintf(" %.0f fps", h.FPS))
			}
			return s.tone(t).Render(word) + s.muted.Render(fmt.Sprintf("  %.0f fps  %s kbps", h.FPS, thousands(h.BitrateKbps)))
		}
		return s.tone(t).Render(word)
	}}
	left := lobbyColumn{"left", 7, true, func(b *board) string {
		d, ok := b.left(m.at)
		switch {
		case !ok:
			return s.muted.Render("–")
		case d.Minutes() < 5:
			return s.warn.Render(clock(d))
		}
		return s.text.Render(clock(d))
	}}
	location := lobbyColumn{"location", 14, false, func(b *board) string { return s.muted.Render(b.info.Location) }} // ap-northeast-1
	switch {
	case several && w >= 96:
		seat.width, sidecar.width = 16, 28
		if short {
			sidecar.width = 11
		}
		game.width = w - 2 - 10 - 16 - 4 - 4 - sidecar.width - 14 - 7 - 14
		return []lobbyColumn{status, game, seat, waiting, viewers, sidecar, location, left}
	case w >= 110:
		game.width, seat.width = w-92, 24
		return []lobbyColumn{status, game, seat, waiting, viewers, sidecar, left}
	case w >= 96:
		game.width, seat.width = w-84, 16
		return []lobbyColumn{status, game, seat, waiting, viewers, sidecar, left}
	case w >= 70:
		seat.width, sidecar.width = 12, 11
		game.width = w - 2 - 10 - 12 - 4 - 4 - 11 - 7 - 12
		return []lobbyColumn{status, game, seat, waiting, viewers, sidecar, left}
	case w >= 52:
		game.width, seat.width = w-2-10-15-4-7-8, 15
		return []lobbyColumn{status, game, seat, waiting, left}
	}
	game.width = w - 2 - 10 - 4 - 7 - 6
	return []lobbyColumn{status, game, waiting, left}
}

func (m *Model) count(n int, style func(...string) string) string {
	if n == 0 {
		return m.styles.muted.Render("–")
	}
	return style(fmt.Sprint(n))
}

// listWaiting is the list's number of waiting people, until the log is read.
func (m *Model) listWaiting(b *board) int {
	if b.state.Seq > 0 {
		return 0
	}
	return b.info.Waiting
}

func (m *Model) lobbyTable(list []*board, w, h int) []string {
	s := m.styles
	if len(list) == 0 {
		return m.emptyLobby(h)
	}
	columns := m.lobbyColumns(w)
	head := "  "
	for i, c := range columns {
		if i > 0 {
			head += "  "
		}
		head += s.muted.Render(align(c.title, c.width, c.right))
	}
	lines := []string{head, ""}
	chosen := m.chosenBoard()
	first, rows := m.lobbyWindow(list, chosen, h-len(lines))
	for _, b := range list[first : first+rows] {
		line := "  "
		if b == chosen {
			line = s.accent.Render("▸ ")
		}
		for i, c := range columns {
			if i > 0 {
				line += "  "
			}
			line += align(c.cell(b), c.width, c.right)
		}
		lines = append(lines, m.highlight(line, w, b == chosen))
		if weight, need := b.need(m.at); weight > 0 && len(lines) < h {
			lines = append(lines, m.highlight("  "+s.faint.Render("└ ")+s.warn.Render("! "+need), w, b == chosen))
		}
	}
	return lines
}

// lobbyWindow says which row is the first when not all fit, so that the chosen one is seen,
// and how many are drawn.
func (m *Model) lobbyWindow(list []*board, chosen *board, h int) (first, rows int) {
	at := 0
	for i, b := range list {
		if b == chosen {
			at = i
		}
	}
	used := 0
	for first = at; first >= 0; first-- {
		if used += m.lobbyRow(list[first]); used > h {
			break
		}
	}
	first = min(first+1, at)
	used = 0
	for _, b := range list[first:] {
		if used += m.lobbyRow(b); used > h && rows > 0 {
			break
		}
		rows++
	}
	return first, rows
}

// highlight gives a chosen line its background, under the colours that it has.
func (m *Model) highlight(line string, w int, chosen bool) string {
	line = fit(line, w)
	if !chosen {
		return line
	}
	const mark = "\x00"
	on, off, ok := strings.Cut(m.styles.chosen.Render(mark), mark)
	if !ok || on == "" {
		return line
	}
	return on + strings.ReplaceAll(line, "\x1b[m", "\x1b[m"+on) + off
}

func align(text string, w int, right bool) string {
	if !right {
		return fit(text, w)
	}
	text = fit(text, w)
	trimmed := strings.TrimRight(text, " ")
	return strings.Repeat(" ", len(text)-len(trimmed)) + trimmed
}

// emptyLobby says what to do.
func (m *Model) emptyLobby(h int) []string {
	s := m.styles
	var say []string
	switch {
	case m.conn.Phase != client.Live && !m.listed:
		say = []string{s.muted.Render(string(m.conn.Phase) + " …")}
		if m.conn.Err != nil {
			say = append(say, "", s.warn.Render("! "+safe(m.conn.Err.Error())), s.muted.Render("it is tried again by itself"))
		}
	case m.lobbyFilter != "" && m.all() > 0:
		say = []string{s.bold.Render("No playtest has that in it."), "", s.muted.Render("esc shows all of them; / looks for something else.")}
	case !m.listed:
		say = []string{s.muted.Render("looking for playtests …")}
	case m.opts.ReadOnly:
		say = []string{s.bold.Render("No playtest runs."), "", s.muted.Render("This console is read-only; playtests that others start appear here.")}
	default:
		say = []string{
			s.bold.Render("No playtest runs."), "",
			s.muted.Render("Press ") + s.key.Render("n") + s.muted.Render(" to start one. It opens by itself;"),
			s.muted.Render("people then join from the page and ask for the seat."),
		}
	}
	lines := make([]string, max(0, (h-len(say))/3))
	for _, l := range say {
		lines = append(lines, "  "+l)
	}
	return lines
}
