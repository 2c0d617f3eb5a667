package prefs

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Write writes a file with every setting and what it does. What a person will most likely change is set
// to its default; the keys and the form are comments, since a file that sets them would pin them: the
// form would forget the last choice, and a better default would not arrive.
func Write(w io.Writer, actions []Action) error {
	p := Default()
	b := bufio.NewWriter(w)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(b, format+"\n", args...) }
	line("# Preferences of the Hotseat console, in TOML (https://toml.io). Every setting can be left out.")
	line("# A mistake is named with its line when the console starts; everything else here counts.")
	line("")
	line("# Colours: auto follows the terminal's background; the others are %s.", list(Themes[1:]))
	line("# NO_COLOR and the colours that the terminal has are respected in any case.")
	line("theme = %q", p.Theme)
	line("")
	line("# How the console rings when somebody waits and its window is not looked at: bell rings the")
	line("# terminal's, osc9 and osc777 ask the terminal for a notification, off is silent.")
	line("bell = %q", p.Bell)
	line("")
	line("# The game's picture: auto takes the best that the terminal is known to draw; kitty and sixel are")
	line("# graphics protocols, blocks is text in two colours a cell, off draws none. p hides and shows it.")
	line("picture = %q", p.Picture)
	line("")
	line("# Keys. Take the # away to change one; a list replaces all keys of the action, [] leaves it")
	line("# without any (the palette still has it). Keys are characters or names with modifiers:")
	line("# \"a\", \"A\", \"ctrl+p\", \"alt+enter\", \"shift+tab\", \"f5\", \"pgup\", \"space\", \"esc\".")
	line("[keys]")
	widest := 0
	for _, a := range actions {
		widest = max(widest, len(bare(a.Name)+" = "+array(a.Keys)))
	}
	for _, a := range actions {
		setting := bare(a.Name) + " = " + array(a.Keys)
		if a.Help == "" {
			line("# %s", setting)
			continue
		}
		line("# %-*s  # %s", min(widest, 48), setting, strings.Join(strings.Fields(a.Help), " "))
	}
	line("")
	line("# What the form for a new playtest begins with. Without these it begins with your last choice.")
	line("[start]")
	length, err := p.Start.Length.MarshalText()
	if err != nil {
		return fmt.Errorf("write preferences: %w", err)
	}
	line("# application = \"\"      # id of the game; empty: the first in the list")
	line("# location = \"\"         # empty: the first in the list")
	line("# width = %-13d # pixels, even, 160 to 1280; the whole picture at most 1280x720", p.Start.Width)
	line("# height = %d", p.Start.Height)
	line("# framerate = %-9d # frames a second, 1 to 60", p.Start.Framerate)
	line("# bitrate = %-11d # kbit/s, 200 to 8500", p.Start.BitrateKbps)
	line("# encoder = %-11q # %s", p.Start.Encoder, strings.Join(Encoders, " or "))
	line("# length = %-12q # 1m to 24h", length)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write preferences: %w", err)
	}
	return nil
}

func array(keys []string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = quote(k)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes a basic string of TOML 1.0: backslash, quotation mark and control characters are escaped.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			_, _ = fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// bare is a key as it can stand before "=": letters, digits, _ and - need no quotes.
func bare(name string) string {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			return quote(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}
