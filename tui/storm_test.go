package tui

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"hotseat/backend/playtest"
)

// chatter is count chat lines that follow a script.
func (s *script) chatter(count int) []playtest.Event {
	from := len(s.events)
	for i := range count {
		s.chat(time.Second, viewer2, fmt.Sprintf("line %d, 漢字 and größer Münzen", from+i))
	}
	return s.events[from:]
}

// TestAStormOfResizesEndsWithTheRightScreen makes the terminal any size between 1x1 and 400x120 while
// people talk, through the real program and a terminal emulator.
func TestAStormOfResizesEndsWithTheRightScreen(t *testing.T) {
	for _, last := range [][2]int{{400, 120}, {47, 13}, {1, 1}} {
		t.Run(fmt.Sprintf("%dx%d", last[0], last[1]), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(uint64(last[0]), uint64(last[1])))
			log := played(demoID, "Hotseat Runner").waiting()
			known := len(log.events)
			log.chatter(2000)
			model := func() *Model { // each its own: what was heard is not shared between models
				early := *log
				early.events = log.events[:known]
				return sessionModel(newQuiet(), &early, "CONNECTED", beat(0))
			}
			mirror := model()
			term := startTerminal(t, model(), 80, 24)
			for rest := log.events[known:]; len(rest) > 0; {
				n := min(1+dice.IntN(100), len(rest))
				update := updateMsg{Events: rest[:n]}
				rest = rest[n:]
				var size [2]int
				switch dice.IntN(4) {
				case 0:
					size = [2]int{1 + dice.IntN(400), 1 + dice.IntN(120)}
				case 1:
					size = [2]int{1 + dice.IntN(45), 1 + dice.IntN(14)} // about where the console gives up
				default:
					size = [2]int{1 + dice.IntN(160), 1 + dice.IntN(50)}
				}
				if len(rest) == 0 {
					size = last
				}
				term.resize(size[0], size[1])
				term.program.Send(update)
				mirror.Update(update)
			}
			mirror.Update(tea.WindowSizeMsg{Width: last[0], Height: last[1]})
			term.shows(written(t, mirror))
		})
	}
}
