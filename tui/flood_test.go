package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/vt"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// frames is a terminal that counts what a program draws in each second.
type frames struct {
	mu       sync.Mutex
	start    time.Time
	second   []int
	emulator *vt.Emulator
}

func (f *frames) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := int(time.Since(f.start) / time.Second)
	for len(f.second) <= s {
		f.second = append(f.second, 0)
	}
	f.second[s]++
	_, err := f.emulator.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n")))
	return len(p), err
}

// TestAFloodCostsBoundedMemoryAndFrames says 10,000 lines a second for five seconds of a clock that only
// moves when nobody works: the count of frames is that of the program's own timers.
func TestAFloodCostsBoundedMemoryAndFrames(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt) // starts the runtime's part of it, which must not be within the test's clock
	signal.Stop(signals)
	synctest.Test(t, func(t *testing.T) {
		const seconds, updates, lines = 5, 100, 100 // 100 updates a second of 100 lines each
		ctx, cancel := context.WithCancel(t.Context())
		net := newQuiet()
		log := played(demoID, "Hotseat Runner")
		m := sessionModel(net, log, "CONNECTED", beat(0))
		m.ctx = ctx
		out := &frames{start: time.Now(), emulator: vt.NewEmulator(120, 40)}
		go func() { _, _ = io.Copy(io.Discard, out.emulator) }() // its answers
		defer func() { _ = out.emulator.InputPipe().(io.Closer).Close() }()
		program := tea.NewProgram(m, tea.WithInput(nil), tea.WithOutput(out), tea.WithFPS(framesPerSecond), tea.WithWindowSize(120, 40),
			tea.WithColorProfile(colorprofile.TrueColor), tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithoutSignals())
		ended := make(chan error, 1)
		go func() {
			_, err := program.Run()
			ended <- err
		}()
		synctest.Wait()

		seq := int64(len(log.events))
		for range seconds * updates {
			u := client.Update{Events: make([]playtest.Event, lines)}
			for i := range u.Events {
				seq++
				u.Events[i] = playtest.Event{Seq: seq, Session: demoID, Timestamp: noon.UnixMilli(), Action: playtest.ActionChat, Actor: viewer, Message: fmt.Sprintf("line %d", seq)}
				if i == 0 { // a lead who marks all the time
					u.Events[i].Action = playtest.ActionSessionMark
				}
			}
			net.updates <- u
			time.Sleep(time.Second / updates)
		}
		time.Sleep(time.Second / 10)
		synctest.Wait()
		if want, shown := fmt.Sprintf("line %d ", seq), out.emulator.String(); !strings.Contains(shown, want) {
			t.Errorf("the last line, %q, is not drawn:\n%s", want, shown)
		}

		// A console in which nothing happens draws nothing: its clock stands.
		idle := len(out.second)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for i, n := range out.second {
			switch {
			case i < seconds && (n > framesPerSecond || n < framesPerSecond/2):
				t.Errorf("%d frames in second %d of the flood", n, i)
			case i > idle && n > 0:
				t.Errorf("%d frames in second %d, in which nothing happened", n, i)
			}
		}
		cancel()
		close(net.updates)
		if err := <-ended; err != nil && !errors.Is(err, tea.ErrProgramKilled) {
			t.Error(err)
		}

		b := m.boards[demoID]
		if total := seconds * updates * lines; len(b.chat) > maxChatLines || cap(b.chat) > 2*maxChatLines || b.trimmed+len(b.chat) < total {
			t.Errorf("of %d lines %d are kept, with room for %d; %d were let go", total, len(b.chat), cap(b.chat), b.trimmed)
		}
		if len(b.timeline) > maxTimeline || len(b.state.People) > 10 {
			t.Errorf("%d moments, %d people", len(b.timeline), len(b.state.People))
		}
	})
}

// TestAFloodOfStrangersIsBounded: everything that grows with what strangers send has an end.
func TestAFloodOfStrangersIsBounded(t *testing.T) {
	m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
	resize(m, 120, 40)
	for i := range 300 {
		live := client.LiveUpdate{}
		for j := range 100 {
			who := playtest.Person{ID: fmt.Sprintf("p-%d-%d", i, j), Name: "stranger", Role: playtest.RoleViewer}
			live.Presence = append(live.Presence, client.Presence{Person: who, At: noon, Client: "page"})
			live.Steps = append(live.Steps, client.Step{RequestID: "r-4", Step: "approved"})
			live.Reactions = append(live.Reactions, client.Reaction{Person: who, Kind: fmt.Sprint(j), Count: 1}, client.Reaction{Person: who, Kind: "fire", Count: 1})
		}
		h := beat(0)
		live.Health = &h
		m.Update(updateMsg{Live: map[string]*client.LiveUpdate{demoID: &live}})
	}
	b := m.boards[demoID]
	if len(b.presence) > 10_000 || len(b.steps) > 16 || len(b.fps) > 2*healthHistory || len(b.chat) > maxChatLines {
		t.Errorf("%d people, %d steps, %d heartbeats, %d lines", len(b.presence), len(b.steps), len(b.fps), len(b.chat))
	}
	written(t, m)
}
