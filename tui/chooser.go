package tui

import (
	"cmp"
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/sahilm/fuzzy"
)

// choice is one row of a chooser. One that cannot be taken now says why in place of its key.
type choice struct {
	label string // what is looked for
	about string // beside it, muted
	key   string // at the right
	why   string // why not now; empty: it can be taken
	do    func() tea.Cmd
}

// chooser is a list over the screen from which one thing is taken: by its letters, fuzzily, with the
// arrows, or with the mouse. Palette, pickers of people and the switch of sessions are choosers.
type chooser struct {
	title string
	note  string // below the list, about the chosen row
	input textinput.Model
	all   []choice
	shown []fuzzy.Match // of all, as the input says
	at    int           // in shown
}

const (
	chooserWidth = 64
	chooserRows  = 14
)

// choose opens a chooser; at is the row that it begins with.
func (m *Model) choose(title, placeholder string, list []choice, at int) {
	input := m.newInput(" › ")
	input.Placeholder = placeholder
	c := &chooser{title: title, input: input, all: list}
	c.filter()
	c.at = min(max(at, 0), max(0, len(list)-1))
	m.chooser = c
}

// filter finds the rows that hold the input's letters in their order.
func (c *chooser) filter() {
	c.at = 0
	word := strings.TrimSpace(c.input.Value())
	if word == "" {
		c.shown = c.shown[:0]
		for i := range c.all {
			c.shown = append(c.shown, fuzzy.Match{Index: i})
		}
		return
	}
	c.shown = fuzzy.FindFrom(word, labels(c.all))
	rank := func(m fuzzy.Match) int { // what holds the word as it is, then what can be done, then the best match
		r := boolInt(c.all[m.Index].why != "")
		if !strings.Contains(strings.ToLower(m.Str), strings.ToLower(word)) {
			r += 2
		}
		return r
	}
	slices.SortStableFunc(c.shown, func(x, y fuzzy.Match) int { return cmp.Compare(rank(x), rank(y)) })
}

// labels is what fuzzy looks through: names first, what they do after them.
type labels []choice

func (l labels) String(i int) string { return l[i].label + " " + l[i].about }
func (l labels) Len() int            { return len(l) }

func (c *chooser) move(by int) {
	if n := len(c.shown); n > 0 {
		c.at = (c.at + by + n) % n
	}
}

func (m *Model) pressChooser(msg tea.KeyPressMsg) tea.Cmd {
	c := m.chooser
	switch msg.String() {
	case "esc", "ctrl+p":
		m.chooser = nil
		return nil
	case "up", "ctrl+k", "shift+tab":
		c.move(-1)
	case "down", "ctrl+j", "ctrl+n", "tab":
		c.move(1)
	case "pgup":
		c.at = max(0, c.at-chooserRows)
	case "pgdown":
		c.at = max(0, min(c.at+chooserRows, len(c.shown)-1))
	case "enter":
		return m.take()
	default:
		before := c.input.Value()
		c.input, _ = c.input.Update(msg)
		if c.input.Value() != before {
			c.filter()
		}
	}
	return nil
}

// take does what the chosen row says, or tells why it cannot be done; then the chooser stays.
func (m *Model) take() tea.Cmd {
	c := m.chooser
	if len(c.shown) == 0 {
		return nil
	}
	row := c.all[c.shown[c.at].Index]
	if row.why != "" {
		m.say(toneWarn, row.why)
		return nil
	}
	m.chooser = nil
	return row.do()
}

// chooserBox draws the chooser; the width does not change while letters are typed.
func (m *Model) chooserBox() []string {
	s, c := m.styles, m.chooser
	w := min(chooserWidth, m.width-4)
	rows := min(chooserRows, len(c.all), max(1, m.height-8))
	for _, row := range c.all {
		w = max(w, min(m.width-4, width(row.label)+width(row.about)+width(row.key)+10))
	}
	inner := w - 6
	input := c.input
	input.SetWidth(max(4, inner-lipgloss.Width(input.Prompt)-1))
	input.SetCursor(input.Position())
	lines := []string{fit(input.View(), inner), s.faint.Render(strings.Repeat("─", inner))}
	first := max(0, min(c.at-rows/2, len(c.shown)-rows))
	for i := first; i < len(c.shown) && i < first+rows; i++ {
		lines = append(lines, m.chooserRow(c.all[c.shown[i].Index], c.shown[i].MatchedIndexes, i == c.at, inner))
	}
	if len(c.shown) == 0 {
		lines = append(lines, s.muted.Render("  nothing like that; esc closes"))
	}
	for len(lines) < rows+2 {
		lines = append(lines, "")
	}
	for i, l := range lines {
		lines[i] = fit(l, inner)
	}
	more := ""
	if len(c.shown) > rows {
		more = s.muted.Render(plural(len(c.shown), "row"))
	}
	return m.box(s.accent.Render(c.title), more, lines)
}

func (m *Model) chooserRow(row choice, matched []int, chosen bool, w int) string {
	s := m.styles
	mark, label := "  ", s.text
	if chosen {
		mark, label = s.accent.Render("▸ "), s.bold
	}
	right := s.key.Render(row.key)
	if row.why != "" {
		label = s.dim
		room := w - 6 - width(row.label)
		right = s.muted.Render(ansi.Truncate(row.why, max(0, room), "…"))
	}
	left := mark + underline(row.label, matched, label)
	if row.about != "" && row.why == "" {
		left += s.muted.Render("  " + row.about)
	}
	return m.highlight(sides(left, right, w), w, chosen)
}

// underline marks the letters that were found, by more than a colour.
func underline(label string, matched []int, style lipgloss.Style) string {
	if len(matched) == 0 {
		return style.Render(label)
	}
	var b strings.Builder
	at := map[int]bool{}
	for _, i := range matched {
		at[i] = true
	}
	for i, r := range label {
		if at[i] {
			b.WriteString(style.Underline(true).Render(string(r)))
		} else {
			b.WriteString(style.Render(string(r)))
		}
	}
	return b.String()
}

// chooserAt is the row of the chooser at a line of the screen.
func (m *Model) chooserAt(y int) (int, bool) {
	c := m.chooser
	box := len(m.chooserBox())
	top := max(0, (m.height-box)/2)
	rows := min(chooserRows, len(c.all), max(1, m.height-8))
	first := max(0, min(c.at-rows/2, len(c.shown)-rows))
	i := first + y - top - 4 // edge, air, input, rule
	return i, i >= first && i < len(c.shown) && i < first+rows
}

// newInput is a line to write in, as all of the console's look.
func (m *Model) newInput(prompt string) textinput.Model {
	input := textinput.New()
	input.Prompt = prompt
	input.SetVirtualCursor(false)
	input.SetStyles(m.styles.input)
	input.CharLimit = maxInput
	input.Focus()
	return input
}

// maxInput bounds what can be written into any line; a chat line has its own, smaller one.
const maxInput = 1000
