package tui

import "charm.land/bubbles/v2/key"

// keyMap is every key of the console. The help bar shows the part that does something now.
type keyMap struct {
	Approve, Deny, DenyWhy, TakeBack, Mark, Write key.Binding
	Next, Prev, Number, Zoom, Picture             key.Binding
	Up, Down, PageUp, PageDown, Top, Bottom       key.Binding
	Open, New, End, Access, Help, Back, Leave     key.Binding
	Yes, No, Left, Right                          key.Binding
	Abort                                         key.Binding
}

func bind(help, does string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, does))
}

func newKeyMap() keyMap {
	return keyMap{
		Approve:  bind("a", "approve", "a"),
		Deny:     bind("d", "deny", "d"),
		DenyWhy:  bind("D", "deny with reason", "D"),
		TakeBack: bind("r", "take seat back", "r"),
		Mark:     bind("m", "mark", "m"),
		Write:    bind("i", "write", "i"),
		Next:     bind("tab", "next pane", "tab"),
		Prev:     bind("shift+tab", "pane before", "shift+tab"),
		Number:   bind("1-7", "pane", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
		Zoom:     bind("z", "zoom", "z"),
		Picture:  bind("p", "picture", "p"),
		Up:       bind("↑/k", "up", "up", "k"),
		Down:     bind("↓/j", "down", "down", "j"),
		PageUp:   bind("pgup", "page up", "pgup", "ctrl+u", "ctrl+b"),
		PageDown: bind("pgdn", "page down", "pgdown", "ctrl+d", "ctrl+f", "space"),
		Top:      bind("g", "first", "g", "home"),
		Bottom:   bind("G", "last", "G", "end"),
		Open:     bind("enter", "open", "enter", "l", "right"),
		New:      bind("n", "new playtest", "n"),
		End:      bind("x", "end", "x"),
		Access:   bind("u", "sign-ins", "u"),
		Help:     bind("?", "all keys", "?"),
		Back:     bind("q", "back", "q", "esc"),
		Leave:    bind("q", "leave", "q"),
		Yes:      bind("y", "yes", "y", "enter"),
		No:       bind("n", "no", "n", "esc", "q"),
		Left:     bind("←/h", "before", "left", "h"),
		Right:    bind("→/l", "after", "right", "l"),
		Abort:    bind("ctrl+c", "leave at once", "ctrl+c"),
	}
}

// shortHelp is the help bar of here and now.
func (m *Model) shortHelp() []key.Binding {
	k := m.keys
	send, cancel := bind("enter", "send", "enter"), bind("esc", "cancel", "esc")
	switch {
	case m.prompt != nil:
		return []key.Binding{send, cancel}
	case m.overlay == overlayConfirm:
		return []key.Binding{k.Yes, k.No}
	case m.overlay == overlayForm:
		return []key.Binding{bind("enter", "start", "enter"), bind("↑↓", "field", "up"), bind("←→", "choose", "left"), cancel}
	case m.overlay != overlayNone:
		return []key.Binding{bind("esc", "close", "esc")}
	case m.open == "":
		keys := []key.Binding{}
		if b := m.chosenBoard(); b != nil {
			if _, ok := b.first(m.at); ok && !m.opts.ReadOnly {
				keys = append(keys, k.Approve, k.Deny)
			}
			keys = append(keys, k.Open)
		}
		if !m.opts.ReadOnly {
			keys = append(keys, k.New)
			if b := m.chosenBoard(); b != nil && !b.ended() {
				keys = append(keys, k.End)
			}
		}
		if len(m.opts.Access) > 0 {
			keys = append(keys, k.Access)
		}
		return keys
	}
	b := m.boards[m.open]
	keys := []key.Binding{}
	if b != nil && !b.ended() && !m.opts.ReadOnly {
		if _, ok := b.first(m.at); ok {
			keys = append(keys, k.Approve, k.Deny, k.DenyWhy)
		}
		keys = append(keys, k.Write, k.Mark)
		if b.seat().Holder != nil && b.state.Handover == nil {
			keys = append(keys, k.TakeBack)
		}
	}
	return append(keys, k.Next, k.Zoom, k.Picture)
}

// fullHelp is every key, in columns.
func (m *Model) fullHelp() [][]key.Binding {
	k := m.keys
	return [][]key.Binding{
		{k.Approve, k.Deny, k.DenyWhy, k.TakeBack, k.Mark, k.Write, k.End, k.New},
		{k.Next, k.Prev, k.Number, k.Zoom, k.Picture, k.Access, k.Help, k.Back},
		{k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom, k.Open, k.Abort},
	}
}
