package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/lipgloss/v2"
)

// shortHelp is the help bar of here and now: what does something, the most pressing first. The second
// list is what a click on each part of the bar does.
func (m *Model) shortHelp() (keys []key.Binding, names []string) {
	fixed := func(list ...key.Binding) ([]key.Binding, []string) { return list, make([]string, len(list)) }
	cancel := bind("esc", "cancel", "esc")
	switch {
	case m.line != nil:
		return fixed(bind("enter", "do it", "enter"), bind("tab", "complete", "tab"), bind("↑↓", "history", "up"), cancel)
	case m.prompt != nil:
		return fixed(bind("enter", "send", "enter"), cancel)
	case m.filtering != nil:
		return fixed(bind("enter", "keep", "enter"), cancel)
	case m.chooser != nil:
		return fixed(bind("enter", "choose", "enter"), bind("↑↓", "move", "up"), bind("letters", "find", "a"), cancel)
	case m.overlay == overlayConfirm:
		return fixed(bind("y", "yes", "y"), bind("n", "no", "n"))
	case m.overlay == overlayForm:
		return fixed(bind("enter", "start", "enter"), bind("↑↓", "field", "up"), bind("←→", "choose", "left"), cancel)
	case m.overlay != overlayNone:
		return fixed(bind("esc", "close", "esc"))
	}
	b := m.subject()
	var order []string
	switch m.place() {
	case inReport:
		order = []string{actSave, actDown, actPageDown, actLast}
	case inLobby:
		order = []string{actApprove, actDeny, actOpen, actNew, actEnd, actReport, actFilter, actSort, actCommand, actPalette, actAccess}
		if b == nil {
			order = []string{actNew, actCommand, actPalette, actAccess}
		}
	default:
		order = m.sessionHelp(b)
	}
	for _, name := range order {
		if len(m.keys[name].Keys()) > 0 && m.why(name, b) == "" {
			keys, names = append(keys, m.keys[name]), append(names, name)
		}
	}
	return keys, names
}

// sessionHelp is what a session's help bar proposes, by the pane that has the keys.
func (m *Model) sessionHelp(b *board) []string {
	if b.ended() {
		return []string{actReport, actNextPane, actFilter, actZoom, actPalette}
	}
	var order []string
	if _, ok := b.first(m.at); ok {
		order = []string{actApprove, actDeny, actDenyWhy}
	}
	switch m.view.focus {
	case panePeople:
		order = append(order, actGive, actMute, actRemove, actBan, actFilter, actWrite, actMark)
	case paneChat:
		order = append(order, actWrite, actNextMatch, actFilter, actSlow, actMark, actGive, actTakeBack)
	default:
		order = append(order, actWrite, actMark, actGive, actTakeBack, actLock)
	}
	return append(order, actNextSession, actNextPane, actZoom, actCommand, actPalette)
}

// helpLine is the bar at the bottom; what does not fit is behind "?".
func (m *Model) helpLine() string {
	_, bar, right := m.helpBar()
	return sides(" "+bar, right, m.width)
}

// helpBar is the help bar's left part as far as it fits, with what each of its keys does, and its right part.
func (m *Model) helpBar() (names []string, bar, right string) {
	h := m.help
	keys, names := m.shortHelp()
	if m.line == nil && m.prompt == nil && m.filtering == nil && m.chooser == nil && m.overlay == overlayNone {
		out := m.keys[actBack] // with help, good everywhere
		if m.open == "" && m.report == nil {
			out = bind(out.Help().Key, "leave", out.Keys()...)
		}
		right = h.ShortHelpView([]key.Binding{m.keys[actHelp], out}) + " "
	}
	bar = h.ShortHelpView(keys)
	for room := m.width - 4 - lipgloss.Width(right); lipgloss.Width(bar) > room && len(keys) > 0; {
		keys, names = keys[:len(keys)-1], names[:len(names)-1]
		bar = h.ShortHelpView(keys)
	}
	return names, bar, right
}

// helpAt is the action under a column of the help bar, "" for none.
func (m *Model) helpAt(x int) string {
	names, _, right := m.helpBar()
	keys, _ := m.shortHelp()
	at := 1
	for i, name := range names {
		w := lipgloss.Width(m.help.ShortHelpView(keys[i : i+1]))
		if x >= at && x < at+w {
			return name
		}
		at += w + lipgloss.Width(m.help.ShortSeparator)
	}
	if right != "" && x >= m.width-lipgloss.Width(right) {
		if x < m.width-lipgloss.Width(right)+lipgloss.Width(m.help.ShortHelpView([]key.Binding{m.keys[actHelp]})) {
			return actHelp
		}
		return actBack
	}
	return ""
}

// fullHelp is every action, in columns.
func (m *Model) fullHelp() [][]key.Binding {
	columns := make([][]key.Binding, groupMove+1)
	for _, a := range actions {
		if a.quiet || len(m.keys[a.name].Keys()) == 0 || a.name == actAccess && len(m.opts.Access) == 0 {
			continue
		}
		does := a.help
		if a.pair != "" && m.keys[a.name].Help().Key == a.label {
			does = a.pair
		}
		columns[a.group] = append(columns[a.group], bind(m.keys[a.name].Help().Key, does, m.keys[a.name].Keys()...))
	}
	return columns
}

// short is fullHelp's columns in the help bar's words.
func (m *Model) short(groups ...group) []key.Binding {
	var column []key.Binding
	for _, a := range actions {
		if a.quiet || !slices.Contains(groups, a.group) || len(m.keys[a.name].Keys()) == 0 || a.name == actAccess && len(m.opts.Access) == 0 {
			continue
		}
		column = append(column, m.keys[a.name])
	}
	return column
}

func (m *Model) helpBox() []string {
	groups := m.fullHelp()
	switch { // as many columns as there is room for
	case m.width >= 150:
	case m.width >= 100:
		groups = [][]key.Binding{append(groups[groupSeat], groups[groupPeople]...), append(groups[groupView], groups[groupMove]...)}
	case m.width >= 76: // shorter words, so that two columns fit
		groups = [][]key.Binding{m.short(groupSeat, groupPeople), m.short(groupView, groupMove)}
	default:
		groups = [][]key.Binding{append(append(append(groups[groupSeat], groups[groupPeople]...), groups[groupView]...), groups[groupMove]...)}
	}
	h := m.help
	h.FullSeparator = "   "
	h.SetWidth(m.width)
	lines := strings.Split(h.FullHelpView(groups), "\n")
	for _, l := range wrap("commands: "+m.keys[actCommand].Help().Key+" then tab · the mouse works too: a click, the wheel", max(20, m.width-8)) {
		lines = append(lines, m.styles.muted.Render(l))
	}
	room := m.height - 4
	right := m.styles.muted.Render("esc closes")
	if len(lines) > room {
		m.helpTop = min(m.helpTop, len(lines)-room)
		lines = lines[m.helpTop : m.helpTop+room]
		right = m.styles.muted.Render("↑↓ moves · esc closes")
	}
	return m.box(m.styles.accent.Render("all keys"), right, lines)
}
