package tui

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"hotseat/tui/client"
	"hotseat/tui/prefs"
)

func TestKeysModerate(t *testing.T) {
	for _, row := range []struct{ name, keys, call, toast string }{
		{"g picks a person by letters", "gviewer-2\r", "give " + demoID + " p-viewer-2 ", "gave the seat to viewer-2 in 0 ms"},
		{"l locks", "l", "lock " + demoID + " true ", "nobody can ask for the seat now in 0 ms"},
		{"M picks whom to mute", "Mviewer-3\r", "mute " + demoID + " p-viewer-3 true ", "muted viewer-3 in 0 ms · u undoes"},
		{"M mutes the person under the cursor", "5jM", "mute " + demoID + " p-viewer true ", "muted viewer in 0 ms · u undoes"},
		{"b asks before it bans", "5jby", "ban " + demoID + " p-viewer true ", "banned viewer in 0 ms · u undoes"},
		{"s offers pauses", "s10\r", "slow " + demoID + " 10s", "slow mode: a line every 10 s in 0 ms"},
		{": takes a command", ":mute viewer-3 spoilers\r", "mute " + demoID + " p-viewer-3 true spoilers", "muted viewer-3 in 0 ms · u undoes"},
		{": completes with tab", ":giv\tviewer-3\t\r", "give " + demoID + " p-viewer-3 ", "gave the seat to viewer-3 in 0 ms"},
		{": marks another moment", ":mark -2m late\r", "mark " + demoID + " late 12:28:00", "marked in 0 ms"},
		{": denies a place of the queue", ":deny 2 not yet\r", "deny " + demoID + " r-5 not yet", "denied viewer in 0 ms"},
		{"the palette does what it finds", "\x10lock\r", "lock " + demoID + " true ", "nobody can ask for the seat now in 0 ms"},
	} {
		t.Run(row.name, func(t *testing.T) {
			net := newQuiet()
			m := waitingModel(net)
			settle(m, typed(m, row.keys))
			if !slices.Contains(net.calls, row.call) {
				t.Errorf("calls %q, want %q", net.calls, row.call)
			}
			if m.toast.text != row.toast {
				t.Errorf("toast %q, want %q", m.toast.text, row.toast)
			}
		})
	}
}

func TestWhatWouldChangeNothingIsNotSent(t *testing.T) {
	for _, row := range []struct{ keys, toast string }{
		{":unlock\r", "requests are open already"},
		{":slow off\r", "slow mode is that already"},
		{":unmute viewer\r", "viewer is not muted"},
		{":unban viewer\r", "viewer is not banned"},
		{":give player\r", "player has the seat already"},
		{":mute lead\r", "QA leads do not moderate each other"},
		{":undo\r", "nothing counts down that could be undone"},
	} {
		net := newQuiet()
		m := waitingModel(net)
		net.calls = nil
		settle(m, typed(m, row.keys))
		if m.toast.text != row.toast || len(net.calls) > 0 {
			t.Errorf("%q: toast %q, calls %q; want %q", row.keys, m.toast.text, net.calls, row.toast)
		}
	}
}

func TestTheCommandLineRemembersAndStaysOpenOnAMistake(t *testing.T) {
	net := newQuiet()
	m := waitingModel(net)
	settle(m, typed(m, ":lock\r"))
	typed(m, ":slow lots\r")
	if m.line == nil || !strings.Contains(flat(m.screen()), "slow mode is off, or a pause") {
		t.Fatal("the mistake closed the line, or is not told")
	}
	up := func() { m.Update(tea.KeyPressMsg{Code: tea.KeyUp}) }
	down := func() { m.Update(tea.KeyPressMsg{Code: tea.KeyDown}) }
	up()
	if got := m.line.input.Value(); got != "lock" {
		t.Errorf("up shows %q", got)
	}
	down()
	if got := m.line.input.Value(); got != "slow lots" {
		t.Errorf("down shows %q", got)
	}
	typed(m, "\x1b")
	if m.line != nil {
		t.Error("escape does not close the line")
	}
}

func TestThePaletteSaysWhyNot(t *testing.T) {
	m := waitingModel(newQuiet())
	m.opts.ReadOnly = true
	typed(m, "\x10ban")
	if !strings.Contains(flat(m.screen()), "this console is read-only") {
		t.Errorf("the palette shows\n%s", flat(m.screen()))
	}
	typed(m, "\r")
	if m.chooser == nil || m.toast.text != "this console is read-only" {
		t.Errorf("enter on it says %q", m.toast.text)
	}
}

func TestNoTwoActionsOfAPlaceShareAKey(t *testing.T) {
	for _, here := range []place{inLobby, inSession, inReport} {
		taken := map[string]string{}
		for _, a := range actions {
			if a.where&here == 0 {
				continue
			}
			for _, k := range a.keys {
				if other := taken[k]; other != "" {
					t.Errorf("%s and %s share %q", other, a.name, k)
				}
				taken[k] = a.name
			}
		}
	}
}

func TestActionsAreNamedOnceAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Actions() {
		if seen[a.Name] || a.Help == "" || len(a.Keys) == 0 {
			t.Errorf("%+v is there twice, or says too little", a)
		}
		seen[a.Name] = true
	}
}

func TestPreferredKeysTakeThePlaceOfTheTables(t *testing.T) {
	net := newQuiet()
	o := demoOptions()
	o.Preferences.Keys = map[string][]string{actLock: {"f5"}, actSlow: {}}
	m := newModel(context.Background(), net, o)
	me := lead
	s := played(demoID, "Hotseat Runner")
	m.absorb(client.Update{Me: &me, Sessions: []client.Session{s.info("CONNECTED")}, Events: s.events})
	m.enter(demoID)
	resize(m, 120, 40)
	_, cmd := m.Update(tea.KeyPressMsg{Code: tea.KeyF5})
	settle(m, cmd)
	settle(m, typed(m, "ls"))
	if !slices.Equal(net.calls, []string{"lock " + demoID + " true "}) {
		t.Errorf("calls %q", net.calls)
	}
	typed(m, "?")
	if screen := flat(m.screen()); !strings.Contains(screen, "f5") || strings.Contains(screen, "slow the chat down") {
		t.Errorf("the help shows\n%s", screen)
	}
}

func TestTheTerminalRingsAsPreferred(t *testing.T) {
	for bell, want := range map[string]string{
		"bell": "\a", "osc9": "\x1b]9;viewer asks for the seat of Hotseat Runner\x07",
		"osc777": "\x1b]777;notify;hotseat;viewer asks for the seat of Hotseat Runner\x07", "off": "",
	} {
		m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
		m.opts.Preferences.Bell = bell
		m.Update(tea.BlurMsg{})
		s := played(demoID, "Hotseat Runner")
		n := len(s.events)
		s.request(time.Second, viewer, "r-9")
		got := ""
		if cmd := m.absorb(client.Update{Events: s.events[n:]}); cmd != nil {
			raw, _ := cmd().(tea.RawMsg)
			got, _ = raw.Msg.(string)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", bell, got, want)
		}
	}
}

func TestListsAreFilteredByWords(t *testing.T) {
	for _, row := range []struct {
		text, filter string
		want         bool
	}{{"Hotseat Runner playing", "run play", true}, {"Hotseat Runner", "maze", false}, {"Hotseat Runner", "!maze runner", true}, {"Maze", "!maze", false}, {"x", "", true}, {"x", "!", true}} {
		if got := passes(row.text, row.filter); got != row.want {
			t.Errorf("%q by %q: %v", row.text, row.filter, got)
		}
	}
	m := severalModel(newQuiet())
	resize(m, 120, 40)
	typed(m, "/maze silent\r")
	if screen := flat(m.screen()); !strings.Contains(screen, "/maze silent · 1 of 4") || strings.Contains(screen, "viewer-3 waits") {
		t.Errorf("the lobby shows\n%s", screen)
	}
	typed(m, "\x1b")
	if m.lobbyFilter != "" || len(m.sorted()) != 4 {
		t.Error("escape does not show all again")
	}
	m = waitingModel(newQuiet())
	typed(m, "2/viewer-2\r")
	settle(m, typed(m, "a"))
	if m.toast.text == "" || !strings.Contains(flat(m.screen()), "/viewer-2 · 1 of 3") {
		t.Errorf("the queue shows\n%s", flat(m.screen()))
	}
}

func TestASearchGoesThroughTheChat(t *testing.T) {
	m := waitingModel(newQuiet())
	typed(m, "3/coins\r")
	b := m.board(demoID)
	if got := b.chat[m.view.match-1].text; !strings.Contains(got, "coins") {
		t.Errorf("it stands on %q", got)
	}
	typed(m, "\x1b/the\r")
	first := m.view.match
	typed(m, "n")
	if second := m.view.match; second >= first || !strings.Contains(flat(m.screen()), " of ") {
		t.Errorf("n goes from %d to %d", first, second)
	}
	typed(m, "N")
	if m.view.match != first {
		t.Errorf("N goes to %d, not back to %d", m.view.match, first)
	}
}

func TestSessionsAreSwitchedAsTheyWereLeft(t *testing.T) {
	m := severalModel(newQuiet())
	resize(m, 120, 40)
	m.enter(demoID)
	typed(m, "3z")
	running := m.running()
	typed(m, "]")
	if m.open == demoID || m.view.zoomed {
		t.Errorf("] leads to %s", m.open)
	}
	for range len(running) - 1 {
		typed(m, "]")
	}
	if m.open != demoID || !m.view.zoomed || m.view.focus != paneChat {
		t.Error("the session is not as it was left")
	}
	typed(m, "[")
	if want := running[(slices.IndexFunc(running, func(b *board) bool { return b.info.ID == demoID })+len(running)-1)%len(running)].info.ID; m.open != want {
		t.Errorf("[ leads to %s, want %s", m.open, want)
	}
}

func TestAnotherSessionThatNeedsSomeoneIsInTheHeader(t *testing.T) {
	m := severalModel(newQuiet())
	resize(m, 160, 40)
	m.enter(demoID)
	if header := ansi.Strip(m.screen()[0]); !strings.Contains(header, "! Hotseat Runner: viewer-3 waits 0:48") {
		t.Errorf("the header is %q", header)
	}
}

func TestAReportIsSavedForItsOwnerAndNeverOver(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	net := newQuiet()
	net.log = played(demoID, "Hotseat Runner").end().events
	m := waitingModel(net)
	settle(m, typed(m, "R"))
	if m.report == nil || !strings.Contains(flat(m.screen()), "double jump late") {
		t.Fatalf("the report shows\n%s", flat(m.screen()))
	}
	settle(m, typed(m, "w\r"))
	name := filepath.Join(folder, "hotseat-"+demoID+"-2026-11-22.md")
	if m.toast.text != "saved "+name+" in 0 ms" {
		t.Errorf("toast %q", m.toast.text)
	}
	before, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(before), "double jump late") {
		t.Fatalf("the file holds %q, %v", before, err)
	}
	if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	settle(m, typed(m, ":report md\r"))
	if !strings.HasSuffix(m.toast.text, "-2.md in 0 ms") {
		t.Errorf("the second time: %q", m.toast.text)
	}
	for _, format := range []string{"json", "csv"} {
		settle(m, typed(m, ":report "+format+"\r"))
		if data, err := os.ReadFile(strings.TrimSuffix(name, "md") + format); err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", format, len(data), err)
		}
	}
	typed(m, "\x1b")
	if m.report != nil || m.open == "" {
		t.Error("escape does not lead back to the session")
	}
}

func TestTheFormBeginsWithWhatWasRememberedAndRemembers(t *testing.T) {
	net := newQuiet()
	m := emptyModel(net)
	m.opts.Preferences.Start = prefs.StartForm{Application: "a-maze", Width: 800, Height: 600, Framerate: 24, BitrateKbps: 2000, Encoder: "gpu", Length: prefs.Duration{Duration: 45 * time.Minute}}
	var kept prefs.StartForm
	m.opts.Remember = func(f prefs.StartForm) error { kept = f; return nil }
	resize(m, 120, 40)
	settle(m, typed(m, "n"))
	settle(m, typed(m, "\r"))
	if kept != m.opts.Preferences.Start || kept.Application != "a-maze" || kept.Width != 800 || kept.BitrateKbps != 2000 {
		t.Errorf("kept %+v", kept)
	}
	if start := m.form.startOf(kept); start.Height != 600 || start.Framerate != 24 || start.SessionLengthSeconds != 2700 || start.Encoder != "gpu" {
		t.Errorf("asked for %+v", start)
	}
}

func TestAHandoverLeavesItsTimesToBeRead(t *testing.T) {
	for _, s := range moreScenes() {
		if s.name != "handed-over" {
			continue
		}
		if screen := flat(resize(s.make(), 200, 60)); !strings.Contains(screen, "✓ to viewer-3") || !strings.Contains(screen, "148 ms") {
			t.Errorf("the seat shows\n%s", screen)
		}
	}
}

func TestPeopleShowTheirTurns(t *testing.T) {
	b := waitingModel(newQuiet()).board(demoID)
	for _, a := range b.attendees(noon) {
		if a.person.ID == player.ID && a.held != 11*time.Minute+56*time.Second {
			t.Errorf("player held the seat for %v", a.held)
		}
		if a.person.ID == viewer.ID && a.held != 9*time.Minute+59*time.Second {
			t.Errorf("viewer held the seat for %v", a.held)
		}
	}
}

func TestReadOnlySaysSoToEveryActingKey(t *testing.T) {
	for _, key := range []string{"a", "d", "D", "g", "r", "l", "M", "K", "b", "s", "m", "i", "x", ":lock\r", ":chat x\r", ":start\r"} {
		net := newQuiet()
		m := waitingModel(net)
		m.opts.ReadOnly = true
		net.calls = nil
		settle(m, typed(m, key))
		if m.toast.text != "this console is read-only" || len(net.calls) > 0 {
			t.Errorf("%q: toast %q, calls %q", key, m.toast.text, net.calls)
		}
	}
}
