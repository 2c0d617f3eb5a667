package graphics

import (
	"bytes"
	"strings"
	"testing"

	uv "github.com/charmbracelet/ultraviolet"

	"github.com/charmbracelet/colorprofile"
)

// terminal counts the bytes that Bubble Tea's renderer writes for each picture.
type terminal struct {
	out      bytes.Buffer
	renderer *uv.TerminalRenderer
	screen   uv.ScreenBuffer
}

func newTerminal(w, h int, profile colorprofile.Profile) *terminal {
	t := &terminal{screen: uv.NewScreenBuffer(w, h)}
	t.renderer = uv.NewTerminalRenderer(&t.out, []string{"TERM=xterm-256color"})
	t.renderer.SetColorProfile(profile)
	t.renderer.SetFullscreen(true)
	t.renderer.EnterAltScreen()
	t.renderer.Resize(w, h)
	return t
}

func (t *terminal) draw(lines []string) int {
	t.out.Reset()
	t.screen.Clear()
	uv.NewStyledString(strings.Join(lines, "\n")).Draw(t.screen, t.screen.Bounds())
	t.renderer.Render(t.screen.RenderBuffer)
	_ = t.renderer.Flush()
	return t.out.Len()
}

// TestAStreamOfPicturesStaysInItsBudget draws a game in which everything moves, with the renderer that
// draws the console.
func TestAStreamOfPicturesStaysInItsBudget(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI} {
		for _, kind := range []string{"game", "noise"} {
			stream := Stream{Profile: profile, Budget: SSHBudget}
			budgeted, free := newTerminal(60, 17, profile), newTerminal(60, 17, profile)
			var first, worst, sum, unbound int
			const frames = 12
			for i := range frames {
				img := scene(320, 180, float64(i)/frames, 5)
				if kind == "noise" {
					img = scene(60, 34, float64(i)/frames, 120)
				}
				n := budgeted.draw(stream.Blocks(img, 60, 17))
				m := free.draw(blocks(img, 60, 17, profile))
				if i == 0 {
					first = n
					continue
				}
				worst, sum, unbound = max(worst, n), sum+n, unbound+m
			}
			t.Logf("%s, %s: first %d bytes, then %d in the mean and %d at most; without a budget %d in the mean",
				profile, kind, first, sum/(frames-1), worst, unbound/(frames-1))
			if worst > SSHBudget*11/10 {
				t.Errorf("%s, %s: %d bytes with a budget of %d", profile, kind, worst, SSHBudget)
			}
		}
	}
}

func TestAPictureThatStandsStillBecomesWhole(t *testing.T) {
	stream := Stream{Profile: colorprofile.TrueColor, Budget: 4000}
	stream.Blocks(scene(60, 34, 0.1, 120), 60, 17)
	still := scene(60, 34, 0.9, 120)
	for range 20 {
		stream.Blocks(still, 60, 17)
	}
	want := sample(still, 60, 17, colorprofile.TrueColor)
	for i, c := range stream.last.cells {
		if apart(c, want.cells[i]) >= noise {
			t.Fatalf("cell %d is not drawn yet", i)
		}
	}
}
