package prefs

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxKeys bounds the keys of one action.
const maxKeys = 8

// binding is what the file says of an action's keys.
type binding struct {
	keys    []string
	offsets []int // of each key in the text
}

// bind takes the keys of an action: a text, or a list of texts.
func (d *decoder) bind(name []part, value *unstable.Node) {
	last := name[len(name)-1]
	if len(name) != 2 {
		d.report(last.offset, "%s: write the name of an action and its keys, such as approve = [\"a\"]", show(join(name)))
		return
	}
	action := last.name
	if len(d.actions) > 0 {
		names := make([]string, len(d.actions))
		for i, a := range d.actions {
			names[i] = a.Name
		}
		if !slices.Contains(names, action) {
			d.report(last.offset, "there is no action %s%s", show(action), suggest(action, names))
			return
		}
	}
	b := binding{keys: []string{}}
	take := func(v *unstable.Node) {
		if v.Kind == unstable.Comment {
			return
		}
		at := last.offset
		if v.Raw.Length > 0 {
			at = int(v.Raw.Offset)
		}
		if v.Kind != unstable.String {
			d.report(at, "keys.%s: a key is a text in quotes, not %s", action, kind(v))
			return
		}
		key, err := normalKey(string(v.Data))
		switch {
		case err != nil:
			d.report(at, "keys.%s: %s", action, err)
		case slices.Contains(b.keys, key): // said twice, meant once
		case len(b.keys) == maxKeys:
			d.report(at, "keys.%s: an action has at most %d keys", action, maxKeys)
		default:
			b.keys, b.offsets = append(b.keys, key), append(b.offsets, at)
		}
	}
	before := len(d.problems)
	if value.Kind == unstable.Array {
		for it := value.Children(); it.Next(); {
			take(it.Node())
		}
	} else {
		take(value)
	}
	if len(b.keys) == 0 && len(d.problems) > before {
		return // nothing usable: the action keeps its own keys rather than none
	}
	d.bound[action] = b
}

// checkKeys finds keys that two actions have. The one that stands first in the file keeps it; a key of the
// file wins over one that an action has by default.
func (d *decoder) checkKeys() {
	type owner struct {
		action, where string
		line          int // 0: by default
	}
	var all []owner
	keysOf := map[string][]string{}
	names := make([]string, 0, len(d.bound))
	for name := range d.bound {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return d.seen["keys."+a] - d.seen["keys."+b] })
	for _, name := range names {
		all = append(all, owner{name, d.where(name), d.seen["keys."+name]})
		keysOf[name] = slices.Clone(d.bound[name].keys)
	}
	for _, a := range d.actions {
		if _, set := d.bound[a.Name]; !set {
			all = append(all, owner{a.Name, a.Where, 0})
			keysOf[a.Name] = a.Keys
		}
	}
	for i, later := range all {
		for _, first := range all[:i] {
			if first.line == 0 && later.line == 0 || first.where != later.where && first.where != "" && later.where != "" {
				continue
			}
			for _, key := range slices.Clone(keysOf[later.action]) {
				if !slices.Contains(keysOf[first.action], key) || d.shared(first.action, later.action, key) {
					continue
				}
				loser := later.action
				keysOf[loser] = slices.DeleteFunc(slices.Clone(keysOf[loser]), func(k string) bool { return k == key })
				if later.line != 0 {
					b := d.bound[loser]
					d.report(b.offsets[slices.Index(b.keys, key)], "%q is bound twice: to %s in line %d, and here to %s; the first keeps it", key, first.action, first.line, loser)
					continue
				}
				b := d.bound[first.action]
				d.report(b.offsets[slices.Index(b.keys, key)], "%q is also the key of %s, which loses it; give that another key to be rid of this line", key, loser)
			}
		}
	}
	for _, o := range all {
		keys := keysOf[o.action]
		if o.line == 0 && slices.Equal(keys, d.defaults(o.action)) {
			continue
		}
		if d.p.Keys == nil {
			d.p.Keys = map[string][]string{}
		}
		d.p.Keys[o.action] = keys
	}
}

func (d *decoder) action(name string) Action {
	if i := slices.IndexFunc(d.actions, func(a Action) bool { return a.Name == name }); i >= 0 {
		return d.actions[i]
	}
	return Action{}
}

func (d *decoder) where(name string) string      { return d.action(name).Where }
func (d *decoder) defaults(name string) []string { return d.action(name).Keys }

// shared tells keys that two actions have in common by default: the console tells them apart itself.
func (d *decoder) shared(a, b, key string) bool {
	return slices.Contains(d.defaults(a), key) && slices.Contains(d.defaults(b), key)
}

// keyNames are the keys that have a name, as Bubble Tea spells them.
var keyNames = []string{
	"up", "down", "left", "right", "home", "end", "pgup", "pgdown", "insert", "delete", "backspace", "tab", "enter", "esc", "space",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
}

// keyAliases are other spellings that people use.
var keyAliases = map[string]string{
	"return": "enter", "escape": "esc", "pageup": "pgup", "pagedown": "pgdown", "pgdn": "pgdown", "del": "delete", "ins": "insert", " ": "space",
}

// keyModifiers in the order in which Bubble Tea writes them.
var keyModifiers = []string{"ctrl", "alt", "shift", "meta", "hyper", "super"}

// normalKey is a key as Bubble Tea names it: "a", "A", "ctrl+p", "shift+tab", "pgup".
func normalKey(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("a key is a character or a name such as \"ctrl+p\"")
	}
	rest, held := text, map[string]bool{}
	for {
		before, after, found := strings.Cut(rest, "+")
		if !found || before == "" || after == "" {
			break
		}
		modifier := strings.ToLower(before)
		switch modifier {
		case "control", "c":
			modifier = "ctrl"
		case "option", "opt":
			modifier = "alt"
		}
		if !slices.Contains(keyModifiers, modifier) {
			return "", fmt.Errorf("there is no modifier %s%s", show(before), suggest(modifier, keyModifiers))
		}
		held[modifier], rest = true, after
	}
	key := rest
	if utf8.RuneCountInString(key) == 1 {
		r, _ := utf8.DecodeRuneInString(key)
		switch {
		case r == ' ':
			key = "space"
		case !unicode.IsGraphic(r) || r == utf8.RuneError:
			return "", fmt.Errorf("%s is no key", show(text))
		case held["ctrl"] || held["alt"]:
			key = strings.ToLower(key)
		case held["shift"] && unicode.IsLetter(r): // a terminal sends the capital
			key = strings.ToUpper(key)
			delete(held, "shift")
		}
	} else {
		key = strings.ToLower(key)
		if alias, ok := keyAliases[key]; ok {
			key = alias
		}
		if !slices.Contains(keyNames, key) {
			return "", fmt.Errorf("there is no key %s%s", show(text), suggest(key, keyNames))
		}
	}
	var b strings.Builder
	for _, m := range keyModifiers {
		if held[m] {
			b.WriteString(m + "+")
		}
	}
	return b.String() + key, nil
}
