package tui

import (
	"fmt"
	"hash/fnv"
	"image/color"
	"slices"
	"strings"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// Theme maps the console's tokens to colours. The zero Theme means: dark or light as the
// terminal's background is, 16 plain colours where it has no more.
type Theme struct {
	Name    string
	Text    color.Color // what is read
	Muted   color.Color // what is read second
	Dim     color.Color // what is there to be looked up: times, separators
	Faint   color.Color // rules, borders, gauges' empty part
	Surface color.Color // background of the chosen row
	Accent  color.Color // the seat, the focused pane
	OnInk   color.Color // text on Accent
	Good    color.Color
	Warn    color.Color
	Bad     color.Color
	Names   []color.Color // of people, in turn by a hash of who they are
}

func hexes(list ...string) []color.Color {
	out := make([]color.Color, len(list))
	for i, h := range list {
		out[i] = lipgloss.Color(h)
	}
	return out
}

// The themes. Text and Muted have a contrast of at least 4.5:1 on their usual backgrounds
// (WCAG 2.2, 1.4.3). In colour-blind, good and bad differ in lightness and in blue against
// orange (the palette of Okabe and Ito) instead of green against red.
var themes = []Theme{
	{
		Name: "dark", Text: lipgloss.Color("#D5D9E8"), Muted: lipgloss.Color("#8F96B0"), Dim: lipgloss.Color("#666D88"), Faint: lipgloss.Color("#3D4358"),
		Surface: lipgloss.Color("#262A3B"), Accent: lipgloss.Color("#FF9D5C"), OnInk: lipgloss.Color("#1B1206"),
		Good: lipgloss.Color("#8FD18A"), Warn: lipgloss.Color("#EBCB72"), Bad: lipgloss.Color("#F4737E"),
		Names: hexes("#7CB7FF", "#C6A0F6", "#6FD3C7", "#F2A7C3", "#B8D26A", "#E8B47A", "#93A8FF", "#66C6E8"),
	},
	{
		Name: "light", Text: lipgloss.Color("#252A3A"), Muted: lipgloss.Color("#5B627A"), Dim: lipgloss.Color("#868DA6"), Faint: lipgloss.Color("#C3C8D6"),
		Surface: lipgloss.Color("#E6E9F2"), Accent: lipgloss.Color("#B8500B"), OnInk: lipgloss.Color("#FFFFFF"),
		Good: lipgloss.Color("#2C7A33"), Warn: lipgloss.Color("#8A6300"), Bad: lipgloss.Color("#BE2437"),
		Names: hexes("#1F62B5", "#7A3FB5", "#0E7267", "#A8326B", "#5A6E0A", "#8A5413", "#4350C0", "#0B6A8C"),
	},
	{
		Name: "colour-blind", Text: lipgloss.Color("#DDE1EC"), Muted: lipgloss.Color("#949BB3"), Dim: lipgloss.Color("#6B728C"), Faint: lipgloss.Color("#3D4358"),
		Surface: lipgloss.Color("#262A3B"), Accent: lipgloss.Color("#F0E442"), OnInk: lipgloss.Color("#1B1B06"),
		Good: lipgloss.Color("#56B4E9"), Warn: lipgloss.Color("#E69F00"), Bad: lipgloss.Color("#D55E00"),
		Names: hexes("#56B4E9", "#CC79A7", "#F0E442", "#E69F00", "#9AD0F5", "#E3B0CC", "#C8C8C8", "#FFFFFF"),
	},
}

// sixteen leaves the shades to the terminal: its own palette is what its owner can read.
var sixteen = Theme{
	Name: "sixteen", Text: lipgloss.NoColor{}, Muted: lipgloss.NoColor{}, Dim: lipgloss.NoColor{}, Faint: lipgloss.BrightBlack, Surface: lipgloss.NoColor{},
	Accent: lipgloss.Yellow, OnInk: lipgloss.Black, Good: lipgloss.Green, Warn: lipgloss.BrightYellow, Bad: lipgloss.Red,
	Names: []color.Color{lipgloss.Blue, lipgloss.Magenta, lipgloss.Cyan, lipgloss.BrightBlue, lipgloss.BrightMagenta, lipgloss.BrightCyan},
}

// sixteenLight is the same for light backgrounds, on which the yellows of most palettes cannot be read.
var sixteenLight = Theme{
	Name: "sixteen", Text: lipgloss.NoColor{}, Muted: lipgloss.NoColor{}, Dim: lipgloss.NoColor{}, Faint: lipgloss.BrightBlack, Surface: lipgloss.NoColor{},
	Accent: lipgloss.Blue, OnInk: lipgloss.BrightWhite, Good: lipgloss.Green, Warn: lipgloss.Magenta, Bad: lipgloss.Red,
	Names: []color.Color{lipgloss.Blue, lipgloss.Magenta, lipgloss.Cyan, lipgloss.BrightBlue, lipgloss.BrightMagenta},
}

// ThemeByName finds a theme: "dark", "light", "colour-blind"; "" and "auto" follow the terminal.
func ThemeByName(name string) (Theme, error) {
	if name == "" || name == "auto" {
		return Theme{}, nil
	}
	i := slices.IndexFunc(themes, func(t Theme) bool { return t.Name == strings.ToLower(name) })
	if i < 0 {
		return Theme{}, fmt.Errorf("no theme %q: there are auto, dark, light and colour-blind", name)
	}
	return themes[i], nil
}

// pick chooses what is drawn with, from what was asked for and what the terminal can do.
func (t Theme) pick(profile colorprofile.Profile, dark bool) Theme {
	switch {
	case profile == colorprofile.ANSI && (t.Name == "light" || t.Name == "" && !dark):
		return sixteenLight
	case profile == colorprofile.ANSI:
		return sixteen
	case t.Name != "":
		return t
	case dark:
		return themes[0]
	}
	return themes[1]
}

// styles are the tokens as lipgloss styles.
type styles struct {
	theme                         Theme
	text, bold, muted, dim, faint lipgloss.Style
	accent, good, warn, bad       lipgloss.Style
	badge, chosen, key, spark     lipgloss.Style
	alarm                         lipgloss.Style // flashes, in turn with warn
	names                         []lipgloss.Style
	help                          help.Styles
	input                         textinput.Styles
}

func newStyles(t Theme) styles {
	ink := func(c color.Color) lipgloss.Style { return lipgloss.NewStyle().Foreground(c) }
	s := styles{
		theme: t, text: ink(t.Text), bold: ink(t.Text).Bold(true), muted: ink(t.Muted), dim: ink(t.Dim), faint: ink(t.Faint),
		accent: ink(t.Accent).Bold(true), good: ink(t.Good), warn: ink(t.Warn), bad: ink(t.Bad).Bold(true),
		badge:  lipgloss.NewStyle().Foreground(t.OnInk).Background(t.Accent).Bold(true),
		chosen: lipgloss.NewStyle().Background(t.Surface),
		alarm:  ink(t.Warn).Bold(true).Reverse(true),
		key:    ink(t.Accent),
		spark:  ink(t.Dim), // present, but no louder than the numbers
	}
	for _, c := range t.Names {
		s.names = append(s.names, ink(c).Bold(true))
	}
	s.help = help.Styles{
		Ellipsis: s.faint, ShortKey: s.key, ShortDesc: s.muted, ShortSeparator: s.faint,
		FullKey: s.key, FullDesc: s.muted, FullSeparator: s.faint,
	}
	state := textinput.StyleState{Text: s.text, Placeholder: s.muted, Suggestion: s.muted, Prompt: s.accent}
	s.input = textinput.Styles{Focused: state, Blurred: state, Cursor: textinput.CursorStyle{Color: t.Accent, Shape: tea.CursorBar}}
	return s
}

// name draws a person's name in a colour that is theirs wherever and whenever it is drawn.
func (s styles) name(id, name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return s.names[h.Sum32()%uint32(len(s.names))].Render(name)
}

// edge is the border of the pane that has the keys.
func (t Theme) edge() lipgloss.Style { return lipgloss.NewStyle().Foreground(t.Accent) }
