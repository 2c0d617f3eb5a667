package graphics

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/charmbracelet/colorprofile"
)

// scene is a small landscape with a sun, a runner at x (0 to 1), and some noise, as a JPEG has it.
func scene(w, h int, x float64, grain int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	state := uint32(w*31 + int(x*1000))
	for j := range h {
		for i := range w {
			fx, fy := float64(i)/float64(w), float64(j)/float64(h)
			c := color.RGBA{uint8(38 + 60*fy), uint8(48 + 70*fy), uint8(110 + 70*fy), 255}
			switch {
			case math.Hypot(fx-x, (fy-0.7)*0.56) < 0.05:
				c = color.RGBA{255, 130, 80, 255}
			case fy > 0.82:
				c = color.RGBA{58, 122, 86, 255}
			case fy > 0.62+0.08*math.Sin((fx+x)*9): // hills pass by
				c = color.RGBA{46, 62, 96, 255}
			case math.Hypot(fx-0.78, (fy-0.24)*0.56) < 0.06:
				c = color.RGBA{255, 214, 140, 255}
			}
			if grain > 0 {
				state = state*1664525 + 1013904223
				d := int(state>>24)%(2*grain+1) - grain
				add := func(v uint8) uint8 { return uint8(min(max(int(v)+d, 0), 255)) }
				c = color.RGBA{add(c.R), add(c.G), add(c.B), 255}
			}
			img.SetRGBA(i, j, c)
		}
	}
	return img
}

func TestTheTerminalIsKnownByWhatItSays(t *testing.T) {
	for _, row := range []struct {
		env  string
		want Protocol
	}{
		{"TERM=xterm-kitty", ProtocolKitty},
		{"TERM=xterm-ghostty", ProtocolKitty},
		{"TERM=foot", ProtocolSixel},
		{"TERM=xterm-kitty SSH_CONNECTION=1", ProtocolKitty},
		{"TERM=xterm-256color KITTY_WINDOW_ID=1", ProtocolKitty},
		{"TERM=xterm-256color TERM_PROGRAM=ghostty", ProtocolKitty},
		{"TERM=xterm-256color TERM_PROGRAM=WezTerm", ProtocolSixel},
		{"TERM=xterm-256color WEZTERM_EXECUTABLE=/usr/bin/wezterm", ProtocolSixel},
		{"TERM=xterm-256color TERM_PROGRAM=iTerm.app", ProtocolSixel},
		{"TERM=mlterm", ProtocolSixel},
		{"TERM=contour", ProtocolSixel},
		{"TERM=xterm-256color KONSOLE_VERSION=230804", ProtocolSixel},
		{"TERM=xterm-256color KONSOLE_VERSION=210804", ProtocolBlocks},
		{"TERM=xterm-256color TERM_PROGRAM=vscode KITTY_WINDOW_ID=1", ProtocolBlocks}, // started from kitty
		{"TERM=tmux-256color KITTY_WINDOW_ID=1 TMUX=/tmp/tmux-0/default,1,0", ProtocolBlocks},
		{"TERM=xterm-kitty TMUX=/tmp/tmux-0/default,1,0", ProtocolBlocks},
		{"TERM=screen.xterm-256color TERM_PROGRAM=WezTerm", ProtocolBlocks},
		{"TERM=xterm-kitty ZELLIJ=0", ProtocolBlocks},
		{"TERM=xterm-256color", ProtocolBlocks},
		{"TERM=linux", ProtocolBlocks},
		{"TERM=dumb", ProtocolOff},
		{"LANG=C", ProtocolOff},
	} {
		if got := Detect(strings.Fields(row.env)); got != row.want {
			t.Errorf("%s: %s, not %s", row.env, got, row.want)
		}
		if got := Named("sixel", strings.Fields(row.env)); got != ProtocolSixel {
			t.Errorf("asked for, sixel is %s", got)
		}
	}
}

func TestAPictureKeepsItsShape(t *testing.T) {
	for _, row := range []struct{ w, h, columns, rows, wantColumns, wantRows int }{
		{640, 360, 60, 17, 60, 17},
		{640, 360, 60, 10, 36, 10},
		{640, 360, 20, 17, 20, 6},
		{360, 640, 60, 17, 19, 17},
		{1, 10000, 60, 17, 1, 17},
		{10000, 1, 60, 17, 60, 1},
		{640, 360, 1, 1, 1, 1},
		{640, 360, 0, 5, 0, 0},
		{0, 0, 60, 17, 0, 0},
	} {
		c, r := Fit(image.Rect(0, 0, row.w, row.h), row.columns, row.rows, 0, 0)
		if c != row.wantColumns || r != row.wantRows {
			t.Errorf("%dx%d in %dx%d: %dx%d, not %dx%d", row.w, row.h, row.columns, row.rows, c, r, row.wantColumns, row.wantRows)
		}
	}
}

// blocks draws one picture that follows no other.
func blocks(img image.Image, columns, rows int, profile colorprofile.Profile) []string {
	return (&Stream{Profile: profile}).Blocks(img, columns, rows)
}

func TestBlocksAreTheSameInEveryProfile(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI, colorprofile.ASCII} {
		t.Run(profile.String(), func(t *testing.T) {
			lines := blocks(scene(160, 90, 0.3, 0), 32, 12, profile)
			for _, l := range lines {
				if ansi.StringWidth(l) != 32 {
					t.Errorf("%d cells: %q", ansi.StringWidth(l), l)
				}
				if profile == colorprofile.ASCII && strings.Contains(l, "\x1b") {
					t.Errorf("colours without colours: %q", l)
				}
			}
			golden.RequireEqual(t, []byte(strings.Join(lines, "\n")+"\n"))
		})
	}
}

func TestNothingIsDrawnOfNothing(t *testing.T) {
	img := scene(10, 10, 0.5, 0)
	if transmit, cells := Kitty(1, nil, 10, 10); transmit != "" || cells != nil {
		t.Error("kitty draws nil")
	}
	if transmit, cells := Kitty(1, img, 0, 10); transmit != "" || cells != nil {
		t.Error("kitty draws into no cells")
	}
	if Sixel(nil, 1, 1, 0, 0) != "" || Sixel(img, 0, 1, 0, 0) != "" || Sixel(image.NewRGBA(image.Rectangle{}), 1, 1, 0, 0) != "" || At(1, 1, "") != "" {
		t.Error("sixels of nothing")
	}
	if blocks(nil, 1, 1, colorprofile.TrueColor) != nil || blocks(img, 9, 9, colorprofile.NoTTY) != nil || blocks(img, -1, 3, colorprofile.TrueColor) != nil {
		t.Error("blocks of nothing")
	}
}
