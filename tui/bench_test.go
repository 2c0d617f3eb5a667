package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// glass is Bubble Tea's renderer without its clock: what is drawn is written at once, and counted.
type glass struct {
	out      bytes.Buffer
	renderer *uv.TerminalRenderer
	screen   uv.ScreenBuffer
	written  int
}

func newGlass(w, h int) *glass {
	g := &glass{screen: uv.NewScreenBuffer(w, h)}
	g.renderer = uv.NewTerminalRenderer(&g.out, []string{"TERM=xterm-256color"})
	g.renderer.SetColorProfile(colorprofile.TrueColor)
	g.renderer.SetFullscreen(true)
	g.renderer.EnterAltScreen()
	g.renderer.Resize(w, h)
	return g
}

func (g *glass) resize(w, h int) {
	g.screen.Resize(w, h)
	g.renderer.Resize(w, h)
	g.renderer.Erase()
}

func (g *glass) draw(b *testing.B, m *Model) {
	g.out.Reset()
	g.screen.Clear()
	uv.NewStyledString(m.View().Content).Draw(g.screen, g.screen.Bounds())
	g.renderer.Render(g.screen.RenderBuffer)
	if err := g.renderer.Flush(); err != nil {
		b.Fatal(err)
	}
	g.written += g.out.Len()
}

func (g *glass) report(b *testing.B) {
	b.ReportAllocs()
	b.ReportMetric(float64(g.written)/float64(b.N), "terminal-B/op")
}

// benchSize is a usual terminal on a usual screen.
var benchSize = tea.WindowSizeMsg{Width: 160, Height: 45}

// talkative is a session with a log of so many chat lines, and the same that are still to come.
func talkative(lines int) *script {
	s := played(demoID, "Hotseat Runner").waiting()
	s.chatter(lines)
	return s
}

// BenchmarkFirstScreen: from nothing to the first frame of a session with a log of 10,000 lines, without
// the network.
func BenchmarkFirstScreen(b *testing.B) {
	log := talkative(10_000)
	total := 0
	for b.Loop() {
		m := sessionModel(newQuiet(), log, "CONNECTED", beat(0))
		m.Update(benchSize)
		g := newGlass(benchSize.Width, benchSize.Height)
		g.draw(b, m)
		total += g.written
	}
	b.ReportAllocs()
	b.ReportMetric(float64(total)/float64(b.N), "terminal-B/op")
}

// BenchmarkKeyToScreen: from a key to what is written to the terminal, with 10,000 lines of chat loaded;
// the keys scroll in the chat, change the pane, and zoom.
func BenchmarkKeyToScreen(b *testing.B) {
	m := sessionModel(newQuiet(), talkative(10_000), "CONNECTED", beat(0))
	m.Update(benchSize)
	for _, keys := range []struct{ name, keys string }{{"scroll", "kj"}, {"pane", "\t"}, {"zoom", "z"}} {
		b.Run(keys.name, func(b *testing.B) {
			g := newGlass(benchSize.Width, benchSize.Height)
			m.focusOn(paneChat)
			g.draw(b, m)
			g.written = 0
			runes := []rune(keys.keys)
			for i := 0; b.Loop(); i++ {
				typed(m, string(runes[i%len(runes)]))
				g.draw(b, m)
			}
			g.report(b)
		})
	}
}

// BenchmarkResizeToScreen: from another size to the whole screen drawn anew, with 10,000 lines of chat loaded.
func BenchmarkResizeToScreen(b *testing.B) {
	m := sessionModel(newQuiet(), talkative(10_000), "CONNECTED", beat(0))
	g := newGlass(benchSize.Width, benchSize.Height)
	sizes := []tea.WindowSizeMsg{{Width: 159, Height: 44}, {Width: 120, Height: 40}, {Width: 80, Height: 24}, {Width: 200, Height: 60}}
	for i := 0; b.Loop(); i++ {
		size := sizes[i%len(sizes)]
		m.Update(size)
		g.resize(size.Width, size.Height)
		g.draw(b, m)
	}
	g.report(b)
}

// BenchmarkFlood: one frame's worth of 10,000 lines a second, heard and drawn, with 10,000 lines loaded.
// One operation may take a thirtieth of a second if the console is to keep up.
func BenchmarkFlood(b *testing.B) {
	log := talkative(10_000)
	m := sessionModel(newQuiet(), log, "CONNECTED", beat(0))
	m.Update(benchSize)
	g := newGlass(benchSize.Width, benchSize.Height)
	seq := int64(len(log.events))
	update := client.Update{Events: make([]playtest.Event, 10_000/framesPerSecond)}
	words := strings.Fields("nice jump the lever looks like decoration größer Münzen 漢字 why is that sound so loud again")
	for b.Loop() {
		for i := range update.Events {
			seq++
			update.Events[i] = playtest.Event{Seq: seq, Session: demoID, Timestamp: noon.UnixMilli(), Action: playtest.ActionChat, Actor: viewer2,
				Message: fmt.Sprintf("%s %s %d", words[int(seq)%len(words)], words[int(seq/7)%len(words)], seq)}
		}
		m.Update(updateMsg(update))
		g.draw(b, m)
	}
	g.report(b)
	b.ReportMetric(float64(len(update.Events)), "lines/op")
}
