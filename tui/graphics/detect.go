package graphics

import (
	"strconv"
	"strings"
)

// Protocol is a way to draw a picture.
type Protocol int

// The protocols. The zero value works everywhere.
const (
	ProtocolBlocks Protocol = iota
	ProtocolKitty
	ProtocolSixel
	ProtocolOff // no picture
)

// String is the protocol's name in the preferences.
func (p Protocol) String() string {
	switch p {
	case ProtocolKitty:
		return "kitty"
	case ProtocolSixel:
		return "sixel"
	case ProtocolOff:
		return "off"
	}
	return "blocks"
}

// Named finds a protocol by its name in the preferences; "auto" and what is not known are detected.
func Named(name string, environ []string) Protocol {
	for _, p := range []Protocol{ProtocolBlocks, ProtocolKitty, ProtocolSixel, ProtocolOff} {
		if p.String() == strings.ToLower(name) {
			return p
		}
	}
	return Detect(environ)
}

// byTerm are terminals by their TERM, which is all that SSH hands on. For Kitty's protocol it takes one
// with Unicode placeholders: WezTerm and Konsole draw pictures by it, but not in cells, and have sixels.
var byTerm = map[string]Protocol{
	"xterm-kitty": ProtocolKitty, "xterm-ghostty": ProtocolKitty, "ghostty": ProtocolKitty,
	"foot": ProtocolSixel, "foot-extra": ProtocolSixel, "foot-direct": ProtocolSixel,
	"mlterm": ProtocolSixel, "mlterm-256color": ProtocolSixel, "contour": ProtocolSixel, "contour-latest": ProtocolSixel,
	"wezterm": ProtocolSixel, "yaft-256color": ProtocolSixel, "dumb": ProtocolOff, "": ProtocolOff,
}

// byProgram are terminals by their TERM_PROGRAM. Those that need a setting or a certain version for
// sixels, such as VS Code's and xterm, are not here.
var byProgram = map[string]Protocol{
	"kitty": ProtocolKitty, "ghostty": ProtocolKitty,
	"wezterm": ProtocolSixel, "iterm.app": ProtocolSixel, "mintty": ProtocolSixel, "contour": ProtocolSixel, "rio": ProtocolSixel,
	"vscode": ProtocolBlocks, "apple_terminal": ProtocolBlocks, "warpterminal": ProtocolBlocks, "tmux": ProtocolBlocks,
}

// konsoleWithSixels is the first KONSOLE_VERSION that draws sixels: 22.04.
const konsoleWithSixels = 220400

// Detect guesses from the environment what the terminal can draw. It does not ask the terminal: an answer
// takes a round trip and comes in among the keys. Inside tmux, screen and Zellij it is ProtocolBlocks,
// since they pass pictures on only by setting; so is everything that is not known.
func Detect(environ []string) Protocol {
	env := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			env[name] = value
		}
	}
	term := strings.ToLower(env["TERM"])
	if term == "dumb" || term == "" {
		return ProtocolOff
	}
	if env["TMUX"] != "" || env["STY"] != "" || env["ZELLIJ"] != "" || strings.HasPrefix(term, "tmux") || strings.HasPrefix(term, "screen") {
		return ProtocolBlocks
	}
	if p, ok := byTerm[term]; ok {
		return p
	}
	if p, ok := byProgram[strings.ToLower(env["TERM_PROGRAM"])]; ok {
		return p
	}
	// Some terminals say who they are only by a variable of their own. It is inherited by whatever is
	// started from them, therefore it comes last.
	konsole, _ := strconv.Atoi(env["KONSOLE_VERSION"])
	switch {
	case env["KITTY_WINDOW_ID"] != "", env["GHOSTTY_RESOURCES_DIR"] != "":
		return ProtocolKitty
	case env["WEZTERM_EXECUTABLE"] != "", env["MLTERM"] != "", konsole >= konsoleWithSixels:
		return ProtocolSixel
	}
	return ProtocolBlocks
}
