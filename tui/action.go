package tui

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"hotseat/tui/prefs"
)

// Actions lists every action of the console in the order of the help. Preferences bind keys to them by
// their names.
func Actions() []prefs.Action {
	list := make([]prefs.Action, len(actions))
	for i, a := range actions {
		list[i] = prefs.Action{Name: a.name, Keys: slices.Clone(a.keys), Help: a.help, Where: a.where.word()}
	}
	return list
}

// place is where an action means something; the same key can mean different things in different places.
type place uint8

const (
	inLobby place = 1 << iota
	inSession
	inReport
	nowhere    place = 0 // its key is looked at before all others
	inBoth           = inLobby | inSession
	everywhere       = inBoth | inReport
)

// word is the screen's name in preferences; "" if there is not one alone.
func (p place) word() string {
	return map[place]string{inLobby: "lobby", inSession: "session", inReport: "report"}[p]
}

// group is an action's column in the help.
type group uint8

const (
	groupSeat group = iota
	groupPeople
	groupView
	groupMove
)

// action is a row of the table that keys, help, palette, preferences and documents share.
type action struct {
	name  string
	keys  []string
	label string // how the help writes the keys; empty: the first
	pair  string // what the help says where label stands for a sister's key as well; empty: help
	word  string // in the help bar
	help  string
	where place
	group group
	plain bool // moves a cursor or a window: of no use in the palette
	quiet bool // left out of the help's columns, which have the action's sisters
}

// Names of the actions that the code asks for.
const (
	actApprove     = "approve"
	actDeny        = "deny"
	actDenyWhy     = "deny-with-reason"
	actGive        = "give"
	actTakeBack    = "reclaim"
	actLock        = "lock"
	actMute        = "mute"
	actRemove      = "remove"
	actBan         = "ban"
	actSlow        = "slow"
	actMark        = "mark"
	actWrite       = "chat"
	actNew         = "start"
	actEnd         = "end"
	actUndo        = "undo"
	actNextPane    = "next-pane"
	actPrevPane    = "previous-pane"
	actZoom        = "zoom"
	actPicture     = "picture"
	actNextSession = "next-session"
	actPrevSession = "previous-session"
	actSwitch      = "switch"
	actCommand     = "command"
	actPalette     = "palette"
	actFilter      = "filter"
	actNextMatch   = "next-match"
	actPrevMatch   = "previous-match"
	actReport      = "report"
	actSave        = "save"
	actSort        = "sort"
	actTheme       = "theme"
	actAccess      = "sign-ins"
	actHelp        = "help"
	actOpen        = "open"
	actBack        = "back"
	actQuit        = "quit"
	actUp          = "up"
	actDown        = "down"
	actPageUp      = "page-up"
	actPageDown    = "page-down"
	actFirst       = "first"
	actLast        = "last"
)

var actions = []action{
	{name: actApprove, keys: []string{"a"}, word: "approve", help: "give the seat to the chosen or first request", where: inBoth, group: groupSeat},
	{name: actDeny, keys: []string{"d"}, word: "deny", help: "deny the chosen or first request", where: inBoth, group: groupSeat},
	{name: actDenyWhy, keys: []string{"D"}, word: "deny, why", help: "deny with a reason", where: inBoth, group: groupSeat},
	{name: actGive, keys: []string{"g"}, word: "give seat", help: "give the seat to a person", where: inBoth, group: groupSeat},
	{name: actTakeBack, keys: []string{"r"}, word: "reclaim", help: "take the seat back", where: inBoth, group: groupSeat},
	{name: actLock, keys: []string{"l"}, word: "lock", help: "lock or unlock requests", where: inBoth, group: groupSeat},
	{name: actMark, keys: []string{"m"}, word: "mark", help: "mark the moment 5 s ago", where: inBoth, group: groupSeat},
	{name: actNew, keys: []string{"n"}, word: "start", help: "start a playtest", where: inLobby, group: groupSeat},
	{name: actEnd, keys: []string{"x"}, word: "end", help: "end the playtest", where: inBoth, group: groupSeat},
	{name: actReport, keys: []string{"R"}, word: "report", help: "read and save the report", where: inBoth, group: groupSeat},

	{name: actWrite, keys: []string{"i"}, word: "chat", help: "write in the chat", where: inBoth, group: groupPeople},
	{name: actSlow, keys: []string{"s"}, word: "slow", help: "slow the chat down", where: inBoth, group: groupPeople},
	{name: actMute, keys: []string{"M"}, word: "mute", help: "mute or unmute a person", where: inBoth, group: groupPeople},
	{name: actRemove, keys: []string{"K"}, word: "remove", help: "remove a person", where: inBoth, group: groupPeople},
	{name: actBan, keys: []string{"b"}, word: "ban", help: "ban a person, or lift it", where: inBoth, group: groupPeople},
	{name: actUndo, keys: []string{"u"}, word: "undo", help: "undo what counts down", where: nowhere, group: groupPeople},
	{name: actCommand, keys: []string{":"}, word: "command", help: "type a command", where: everywhere, group: groupPeople},
	{name: actPalette, keys: []string{"ctrl+p"}, word: "palette", help: "find an action", where: everywhere, group: groupPeople},
	{name: actFilter, keys: []string{"/"}, word: "filter", help: "filter a list, search the chat", where: inBoth, group: groupPeople},
	{name: actNextMatch, keys: []string{"n"}, label: "n/N", pair: "next, previous match", word: "next match", help: "the next match", where: inSession, group: groupPeople},
	{name: actPrevMatch, keys: []string{"N"}, word: "match before", help: "the match before", where: inSession, group: groupPeople, quiet: true},

	{name: actNextPane, keys: []string{"tab"}, label: "tab/1-7", pair: "next pane, pane by number", word: "next pane", help: "the next pane", where: inSession, group: groupView},
	{name: actPrevPane, keys: []string{"shift+tab"}, word: "pane before", help: "the pane before", where: inSession, group: groupView, quiet: true},
	{name: "pane-seat", keys: []string{"1"}, word: "seat", help: "go to the seat", where: inSession, group: groupView, quiet: true},
	{name: "pane-queue", keys: []string{"2"}, word: "queue", help: "go to the queue", where: inSession, group: groupView, quiet: true},
	{name: "pane-chat", keys: []string{"3"}, word: "chat", help: "go to the chat", where: inSession, group: groupView, quiet: true},
	{name: "pane-sidecar", keys: []string{"4"}, word: "sidecar", help: "go to the sidecar", where: inSession, group: groupView, quiet: true},
	{name: "pane-people", keys: []string{"5"}, word: "people", help: "go to the people", where: inSession, group: groupView, quiet: true},
	{name: "pane-picture", keys: []string{"6"}, word: "picture", help: "go to the picture", where: inSession, group: groupView, quiet: true},
	{name: "pane-timeline", keys: []string{"7"}, word: "timeline", help: "go to the timeline", where: inSession, group: groupView, quiet: true},
	{name: actZoom, keys: []string{"z"}, word: "zoom", help: "zoom the pane, and back", where: inSession, group: groupView},
	{name: actPicture, keys: []string{"p"}, word: "picture", help: "picture on or off", where: inBoth, group: groupView},
	{name: actNextSession, keys: []string{"]"}, label: "[/]", pair: "session before, next session", word: "next session", help: "the next session", where: inSession, group: groupView},
	{name: actPrevSession, keys: []string{"["}, word: "session before", help: "the session before", where: inSession, group: groupView, quiet: true},
	{name: actSwitch, keys: []string{"ctrl+o"}, word: "switch", help: "switch to a session", where: everywhere, group: groupView},
	{name: actSort, keys: []string{"o"}, word: "sort", help: "sort the lobby another way", where: inLobby, group: groupView},
	{name: actTheme, keys: []string{"T"}, word: "theme", help: "choose the colours", where: everywhere, group: groupView},
	{name: actSave, keys: []string{"w"}, word: "save", help: "save the report", where: inReport, group: groupView},
	{name: actAccess, keys: []string{"u"}, word: "sign-ins", help: "how people get in (demo)", where: inBoth, group: groupView},
	{name: actHelp, keys: []string{"?"}, word: "all keys", help: "this help", where: everywhere, group: groupView},

	{name: actUp, keys: []string{"up", "k"}, label: "↑/k", word: "up", help: "up", where: everywhere, group: groupMove, plain: true},
	{name: actDown, keys: []string{"down", "j"}, label: "↓/j", word: "down", help: "down", where: everywhere, group: groupMove, plain: true},
	{name: actPageUp, keys: []string{"pgup", "ctrl+u", "ctrl+b"}, word: "page up", help: "page up", where: everywhere, group: groupMove, plain: true},
	{name: actPageDown, keys: []string{"pgdown", "ctrl+d", "ctrl+f", "space"}, label: "pgdn", word: "page down", help: "page down", where: everywhere, group: groupMove, plain: true},
	{name: actFirst, keys: []string{"home", "<"}, word: "first", help: "first", where: everywhere, group: groupMove, plain: true},
	{name: actLast, keys: []string{"G", "end", ">"}, word: "last", help: "last, follow again", where: everywhere, group: groupMove, plain: true},
	{name: actOpen, keys: []string{"enter", "right"}, word: "open", help: "open", where: inLobby, group: groupMove, plain: true},
	{name: actBack, keys: []string{"q", "esc"}, label: "q", word: "back", help: "back; leaves the lobby", where: everywhere, group: groupMove, plain: true},
	{name: actQuit, keys: []string{"ctrl+c"}, word: "leave at once", help: "leave at once", where: everywhere, group: groupMove},
}

func actionNamed(name string) *action {
	if i := slices.IndexFunc(actions, func(a action) bool { return a.name == name }); i >= 0 {
		return &actions[i]
	}
	return nil
}

// keyMap is the keys of every action, by its name.
type keyMap map[string]key.Binding

func bind(help, does string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, does))
}

// newKeyMap takes the table's keys, and those of the preferences instead where they name some. An
// action whose list is empty has no key: the palette and commands still do it.
func newKeyMap(preferred map[string][]string) keyMap {
	k := make(keyMap, len(actions))
	for _, a := range actions {
		keys, label := a.keys, a.label
		if chosen, ok := preferred[a.name]; ok {
			keys, label = chosen, ""
		}
		if label == "" && len(keys) > 0 {
			label = keys[0]
		}
		k[a.name] = bind(safe(label), a.word, keys...)
	}
	return k
}

// find is the action of a key in a place, "" if it has none there.
func (k keyMap) find(msg tea.KeyPressMsg, where place) string {
	for _, a := range actions {
		if a.where&where != 0 && key.Matches(msg, k[a.name]) {
			return a.name
		}
	}
	return ""
}

// is reports whether a key is that of an action.
func (k keyMap) is(msg tea.KeyPressMsg, name string) bool { return key.Matches(msg, k[name]) }
