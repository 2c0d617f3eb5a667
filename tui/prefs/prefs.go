package prefs

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The values that a setting may have, the default first.
var (
	Themes   = []string{"auto", "dark", "light", "colour-blind"}
	Bells    = []string{"bell", "osc9", "osc777", "off"}
	Pictures = []string{"auto", "kitty", "sixel", "blocks", "off"}
	Encoders = []string{"cpu", "gpu"}
)

// Preferences are what a person has set. Default makes one that is whole.
type Preferences struct {
	Theme   string              // one of Themes
	Bell    string              // one of Bells: how the console rings
	Picture string              // one of Pictures: how the game's picture is drawn
	Keys    map[string][]string // the keys of an action in place of its own; an empty list: none
	Start   StartForm
}

// StartForm is what the form for a new playtest begins with. The bounds are those of the backend.
type StartForm struct {
	Application   string   // id of the game; "": the first in the list
	Location      string   // "": the first in the list
	Width, Height int      // pixels, 160 to 1280, even
	Framerate     int      // frames a second, 1 to 60
	BitrateKbps   int      // 200 to 8,500
	Encoder       string   // one of Encoders
	Length        Duration // 1 min to 24 h
}

// Duration is a time.Duration that is written as in Go: "1h30m".
type Duration struct{ time.Duration }

// MarshalText writes the duration as Go does, without units that are zero at its end.
func (d Duration) MarshalText() ([]byte, error) {
	text := d.String()
	if n := len(text); n > 2 && text[n-2:] == "0s" && text[n-3] == 'm' {
		text = text[:n-2]
	}
	if n := len(text); n > 2 && text[n-2:] == "0m" && text[n-3] == 'h' {
		text = text[:n-2]
	}
	return []byte(text), nil
}

// UnmarshalText reads "90m", "1h30m".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no length of time; write it as \"90m\" or \"1h30m\"", text)
	}
	d.Duration = parsed
	return nil
}

// Action is something that a person can do in the console, as far as this package must know it.
type Action struct {
	Name string   // in the file: "approve"
	Keys []string // by default, in Bubble Tea's words: "a", "ctrl+p", "shift+tab"
	Help string   // what it does
	// Where is the screen on which the keys count; "" is everywhere. Actions of two different
	// screens can share a key.
	Where string
}

// Problem is a mistake in the file, for the person who wrote it.
type Problem struct {
	Line, Column int // from 1; Column counts characters
	Text         string
}

// String is "line 3: …".
func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// Default is what holds without a file.
func Default() Preferences {
	return Preferences{
		Theme: Themes[0], Bell: Bells[0], Picture: Pictures[0],
		Start: StartForm{Width: 1280, Height: 720, Framerate: 30, BitrateKbps: 3000, Encoder: Encoders[0], Length: Duration{time.Hour}},
	}
}

// Path is where the person's file is: hotseat/console.toml under $XDG_CONFIG_HOME, or else under the
// system's folder for configuration.
func Path() (string, error) {
	// XDG Base Directory Specification, 0.8: a relative path is to be ignored. os.UserConfigDir
	// honours the variable on Linux only, and refuses a relative path.
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the folder for preferences: %w; set XDG_CONFIG_HOME or HOME", err)
		}
		if dir != "" {
			dir = filepath.Join(home, ".config")
		} else if dir, err = os.UserConfigDir(); err != nil {
			return "", fmt.Errorf("find the folder for preferences: %w; set XDG_CONFIG_HOME or HOME", err)
		}
	}
	return filepath.Join(dir, "hotseat", "console.toml"), nil
}
