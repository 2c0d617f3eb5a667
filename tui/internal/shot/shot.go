// Package shot makes a picture of a terminal's screen: lines of text with SGR sequences, as tmux
// capture-pane -e -p prints them, become an SVG. Frames, bars and half blocks are drawn as shapes,
// so that they meet exactly at any size. It is used for the pictures in README and docs, and to
// look at screens while working on them. It knows no sequences but SGR: others are skipped.
package shot

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Cell is one character cell as it is drawn.
type Cell struct {
	Text         string // a grapheme; empty behind a wide one
	Ink, Paper   string // "#rrggbb"; Paper is empty for the terminal's own
	Bold, Italic bool
}

// Palette is the colours of the terminal that is drawn.
type Palette struct {
	Ink, Paper string
	Sixteen    [16]string
}

// Dark is a palette that most dark terminals come close to.
var Dark = Palette{
	Ink: "#d5d9e8", Paper: "#161824",
	Sixteen: [16]string{
		"#1d2030", "#f4737e", "#8fd18a", "#ebcb72", "#7cb7ff", "#c6a0f6", "#6fd3c7", "#d5d9e8",
		"#4a5068", "#ff8f98", "#a8e3a3", "#f5dc94", "#9ccaff", "#d7bcfa", "#92e4da", "#ffffff",
	},
}

// Light is a palette that most light terminals come close to.
var Light = Palette{
	Ink: "#252a3a", Paper: "#fbfbfd",
	Sixteen: [16]string{
		"#252a3a", "#be2437", "#2c7a33", "#8a6300", "#1f62b5", "#7a3fb5", "#0e7267", "#c3c8d6",
		"#626982", "#d63c4f", "#3c9144", "#a67a0d", "#3579cf", "#9257cf", "#1b8a7d", "#000000",
	},
}

// maxSide bounds a screen's width and height in cells.
const maxSide = 1000

// Parse reads a screen. Lines may be shorter than the widest; they are filled up.
func Parse(screen string, p Palette) ([][]Cell, error) {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(screen, "\r\n", "\n"), "\n"), "\n")
	if len(lines) > maxSide {
		return nil, fmt.Errorf("a screen of %d lines", len(lines))
	}
	grid := make([][]Cell, len(lines))
	pen := pen{palette: p}
	parser := ansi.NewParser()
	widest := 0
	for i, line := range lines {
		var state byte
		for line != "" {
			seq, width, n, next := ansi.DecodeSequence(line, state, parser)
			state, line = next, line[n:]
			if width > 0 {
				grid[i] = append(grid[i], pen.cell(seq))
				for range width - 1 {
					grid[i] = append(grid[i], pen.cell(""))
				}
			} else if strings.HasPrefix(seq, "\x1b[") && strings.HasSuffix(seq, "m") {
				pen.set(parser.Params())
			}
		}
		if len(grid[i]) > maxSide {
			return nil, fmt.Errorf("line %d has %d cells", i+1, len(grid[i]))
		}
		widest = max(widest, len(grid[i]))
	}
	for i := range grid {
		for len(grid[i]) < widest {
			grid[i] = append(grid[i], Cell{Text: " ", Ink: p.Ink})
		}
	}
	return grid, nil
}

// pen is the state that SGR sequences change.
type pen struct {
	palette               Palette
	ink, paper            string
	bold, italic, inverse bool
	faint                 bool
}

func (p *pen) cell(text string) Cell {
	c := Cell{Text: text, Ink: p.ink, Paper: p.paper, Bold: p.bold, Italic: p.italic}
	if c.Ink == "" {
		c.Ink = p.palette.Ink
	}
	if p.inverse {
		c.Ink, c.Paper = c.Paper, c.Ink
		if c.Ink == "" {
			c.Ink = p.palette.Paper
		}
	}
	return c
}

// set takes the parameters of one SGR sequence (ECMA-48 8.3.117, and xterm's 38 and 48).
func (p *pen) set(params ansi.Params) {
	if len(params) == 0 {
		*p = pen{palette: p.palette}
	}
	for i := 0; i < len(params); i++ {
		n := params[i].Param(0)
		switch {
		case n == 0:
			*p = pen{palette: p.palette}
		case n == 1:
			p.bold = true
		case n == 3:
			p.italic = true
		case n == 7:
			p.inverse = true
		case n == 22:
			p.bold, p.faint = false, false
		case n == 23:
			p.italic = false
		case n == 27:
			p.inverse = false
		case n >= 30 && n <= 37:
			p.ink = p.palette.Sixteen[n-30]
		case n >= 90 && n <= 97:
			p.ink = p.palette.Sixteen[n-82]
		case n >= 40 && n <= 47:
			p.paper = p.palette.Sixteen[n-40]
		case n >= 100 && n <= 107:
			p.paper = p.palette.Sixteen[n-92]
		case n == 39:
			p.ink = ""
		case n == 49:
			p.paper = ""
		case n == 38 || n == 48:
			colour, used := p.extended(params[i+1:])
			i += used
			if n == 38 {
				p.ink = colour
			} else {
				p.paper = colour
			}
		}
	}
}

// extended reads 2;r;g;b or 5;n, and says how many parameters that took.
func (p *pen) extended(params ansi.Params) (colour string, used int) {
	at := func(i int) int {
		if i < len(params) {
			return min(max(params[i].Param(0), 0), 255)
		}
		return 0
	}
	switch at(0) {
	case 2:
		if len(params) >= 4 {
			return fmt.Sprintf("#%02x%02x%02x", at(1), at(2), at(3)), 4
		}
	case 5:
		if len(params) >= 2 {
			return p.indexed(at(1)), 2
		}
	}
	return "", len(params)
}

// indexed is xterm's palette of 256: sixteen, a cube, and a ramp of greys.
func (p *pen) indexed(n int) string {
	switch {
	case n < 16:
		return p.palette.Sixteen[n]
	case n < 232:
		levels := [6]int{0, 95, 135, 175, 215, 255}
		n -= 16
		return fmt.Sprintf("#%02x%02x%02x", levels[n/36], levels[n/6%6], levels[n%6])
	}
	grey := 8 + 10*(n-232)
	return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
}

// first is the first character of a cell.
func (c Cell) first() rune {
	r, _ := utf8.DecodeRuneInString(c.Text)
	return r
}
