package prefs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// part is one part of a dotted key, and where it is written.
type part struct {
	name   string
	offset int
	skip   bool // what follows was complained about already
}

func parts(keys unstable.Iterator) []part {
	var list []part
	for keys.Next() {
		k := keys.Node()
		list = append(list, part{name: strings.ToValidUTF8(string(k.Data), "?"), offset: int(k.Raw.Offset)})
	}
	return list
}

func join(list []part) string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.name
	}
	return strings.Join(names, ".")
}

// settings are the settings by their names, except the keys of actions.
var settings = map[string]func(p *Preferences, v *unstable.Node) error{
	"theme":   func(p *Preferences, v *unstable.Node) error { return choice(&p.Theme, v, "theme", Themes) },
	"bell":    func(p *Preferences, v *unstable.Node) error { return choice(&p.Bell, v, "bell", Bells) },
	"picture": func(p *Preferences, v *unstable.Node) error { return choice(&p.Picture, v, "picture", Pictures) },

	"start.application": func(p *Preferences, v *unstable.Node) error { return word(&p.Start.Application, v) },
	"start.location":    func(p *Preferences, v *unstable.Node) error { return word(&p.Start.Location, v) },
	"start.width":       func(p *Preferences, v *unstable.Node) error { return number(&p.Start.Width, v, 160, 1280, 2) },
	"start.height":      func(p *Preferences, v *unstable.Node) error { return number(&p.Start.Height, v, 160, 1280, 2) },
	"start.framerate":   func(p *Preferences, v *unstable.Node) error { return number(&p.Start.Framerate, v, 1, 60, 1) },
	"start.bitrate":     func(p *Preferences, v *unstable.Node) error { return number(&p.Start.BitrateKbps, v, 200, 8500, 1) },
	"start.encoder":     func(p *Preferences, v *unstable.Node) error { return choice(&p.Start.Encoder, v, "encoder", Encoders) },
	"start.length":      func(p *Preferences, v *unstable.Node) error { return length(&p.Start.Length, v) },
}

// tables are the names that can stand in brackets.
var tables = []string{"keys", "start"}

// known are the names that are not in a table, and the tables; and by table what is in it.
func known(table string) []string {
	list := []string{}
	for name := range settings {
		in, short, dotted := strings.Cut(name, ".")
		switch {
		case dotted && in == table:
			list = append(list, short)
		case !dotted && table == "":
			list = append(list, name)
		}
	}
	if table == "" {
		list = append(list, tables...)
	}
	slices.Sort(list)
	return list
}

// table checks a name in brackets.
func (d *decoder) table(name []part) {
	full := join(name)
	if line, twice := d.seen["["+full+"]"]; twice {
		d.report(name[0].offset, "[%s] is there twice, first in line %d; both count", full, line)
	}
	d.seen["["+full+"]"] = d.line(name[0].offset)
	if !slices.Contains(tables, full) {
		d.report(name[0].offset, "there is no table [%s]%s", show(full), suggest(full, tables))
		name[0].skip = true
	}
}

// set takes one setting.
func (d *decoder) set(name []part, value *unstable.Node) {
	if name[0].skip {
		return
	}
	last := name[len(name)-1]
	if value.Kind == unstable.InlineTable && (join(name) == "keys" || join(name) == "start") {
		for it := value.Children(); it.Next(); {
			if kv := it.Node(); kv.Kind == unstable.KeyValue {
				d.set(append(name[:len(name):len(name)], parts(kv.Key())...), kv.Value())
			}
		}
		return
	}
	full := join(name)
	if line, twice := d.seen[full]; twice {
		d.report(last.offset, "%s is set twice, first in line %d; the first counts", show(full), line)
		return
	}
	d.seen[full] = d.line(last.offset)
	if name[0].name == "keys" {
		d.bind(name, value)
		return
	}
	put, ok := settings[full]
	if !ok {
		d.unknown(name)
		return
	}
	if err := put(d.p, value); err != nil {
		at := last.offset
		if value.Raw.Length > 0 {
			at = int(value.Raw.Offset)
		}
		d.report(at, "%s: %s", full, err)
	}
}

func (d *decoder) unknown(name []part) {
	at, table := name[0], ""
	short := join(name)
	if len(name) > 1 && slices.Contains(tables, name[0].name) {
		table, at = name[0].name, name[1]
		short = join(name[1:])
	}
	hint := suggest(short, known(table))
	if hint == "" && table == "" { // a setting of a table, without its table
		for _, t := range tables {
			if slices.Contains(known(t), short) {
				hint = fmt.Sprintf("; it belongs below [%s]", t)
			}
		}
	}
	where := ""
	if table != "" {
		where = " in [" + table + "]"
	}
	d.report(at.offset, "there is no setting %s%s%s", show(short), where, hint)
}

func (d *decoder) line(offset int) int {
	return strings.Count(string(d.text[:min(offset, len(d.text))]), "\n") + 1
}

func choice(into *string, v *unstable.Node, what string, of []string) error {
	if v.Kind != unstable.String {
		return fmt.Errorf("a text in quotes is wanted, not %s", kind(v))
	}
	text := strings.ToLower(string(v.Data))
	if !slices.Contains(of, text) {
		return fmt.Errorf("there is no %s %s; there are %s", what, show(string(v.Data)), list(of))
	}
	*into = text
	return nil
}

// maxWord bounds identifiers of games and locations, in bytes.
const maxWord = 256

func word(into *string, v *unstable.Node) error {
	if v.Kind != unstable.String {
		return fmt.Errorf("a text in quotes is wanted, not %s", kind(v))
	}
	if len(v.Data) > maxWord {
		return fmt.Errorf("it has at most %d bytes", maxWord)
	}
	*into = string(v.Data)
	return nil
}

func number(into *int, v *unstable.Node, low, high, step int) error {
	if v.Kind != unstable.Integer {
		return fmt.Errorf("a whole number is wanted, not %s", kind(v))
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(string(v.Data), "_", ""), 0, 64)
	if err != nil {
		n = math.MaxInt64
	}
	switch {
	case n < int64(low) || n > int64(high):
		return fmt.Errorf("it is between %d and %d, not %s", low, high, show(string(v.Data)))
	case n%int64(step) != 0:
		return fmt.Errorf("it is an even number, not %d", n)
	}
	*into = int(n)
	return nil
}

func length(into *Duration, v *unstable.Node) error {
	if v.Kind != unstable.String {
		return fmt.Errorf("a text such as \"90m\" is wanted, not %s", kind(v))
	}
	var parsed Duration
	if len(v.Data) > 32 {
		return fmt.Errorf("write it as \"90m\" or \"1h30m\"")
	}
	if err := parsed.UnmarshalText(v.Data); err != nil {
		return err
	}
	if parsed.Minutes() < 1 || parsed.Hours() > 24 {
		return fmt.Errorf("a playtest lasts between 1m and 24h, not %s", show(string(v.Data)))
	}
	*into = parsed
	return nil
}

// kind says what a value is, for somebody who is not a programmer.
func kind(v *unstable.Node) string {
	switch v.Kind {
	case unstable.String:
		return "a text"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}

// show quotes what somebody wrote, cut to what fits a line and without anything that a terminal obeys.
func show(text string) string {
	if utf8.RuneCountInString(text) > 40 {
		text = string([]rune(text)[:39]) + "…"
	}
	return strconv.QuoteToGraphic(text)
}

func list(of []string) string {
	if len(of) < 2 {
		return strings.Join(of, "")
	}
	return strings.Join(of[:len(of)-1], ", ") + " and " + of[len(of)-1]
}
