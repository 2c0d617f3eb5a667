package tui

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// flat is a screen as text, to be compared and read.
func flat(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " ") + "\n")
	}
	return b.String()
}

// TestScreens compares every canned screen at one size of each layout; go test ./tui -update
// writes them anew. The text is the same in every colour profile; TestColours compares the colours.
func TestScreens(t *testing.T) {
	for _, s := range append(scenes(), moreScenes()...) {
		for _, size := range goldenSizes {
			t.Run(fmt.Sprintf("%s/%dx%d", s.name, size[0], size[1]), func(t *testing.T) {
				golden.RequireEqual(t, flat(resize(s.make(), size[0], size[1])))
			})
		}
	}
}

// profiles are what terminals can do; the last is also NO_COLOR.
var profiles = []struct {
	name    string
	profile colorprofile.Profile
}{{"truecolor", colorprofile.TrueColor}, {"16", colorprofile.ANSI}, {"no-color", colorprofile.ASCII}}

// coloured are the scenes whose colours are compared: each colour and each sign is in one of them.
var coloured = []string{
	"lobby-empty", "lobby-one", "lobby-several", "lobby-forty", "session-calm", "session-requests", "session-handover", "session-failing", "session-offline", "session-ended", "give", "palette", "command-person", "report", "moderated",
}

// TestColours compares screens as they are written to terminals of each colour profile, at one size.
func TestColours(t *testing.T) {
	for _, s := range append(scenes(), moreScenes()...) {
		if !slices.Contains(coloured, s.name) {
			continue
		}
		for _, p := range profiles {
			t.Run(s.name+"/"+p.name, func(t *testing.T) {
				golden.RequireEqual(t, inProfile(t, s.make(), 80, 24, p.profile))
			})
		}
	}
}

// inProfile is a model's screen as a program writes it for a profile.
func inProfile(t testing.TB, m *Model, w, h int, profile colorprofile.Profile) string {
	t.Helper()
	m.Update(tea.ColorProfileMsg{Profile: profile})
	var out bytes.Buffer
	down := colorprofile.Writer{Forward: &out, Profile: profile}
	if _, err := down.WriteString(strings.Join(resize(m, w, h), "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWithoutColoursNoColourIsWritten(t *testing.T) {
	colour := regexp.MustCompile(`\x1b\[[0-9;:]*(3[0-9]|4[0-9]|9[0-7]|10[0-7])[0-9;:]*m`)
	for _, s := range append(scenes(), moreScenes()...) {
		if found := colour.FindString(inProfile(t, s.make(), 120, 40, colorprofile.ASCII)); found != "" {
			t.Errorf("%s writes %q", s.name, found)
		}
	}
}

func TestOverlays(t *testing.T) {
	for _, row := range []struct {
		name string
		keys string
	}{{"help", "?"}, {"access", "u"}, {"reclaim", "r"}, {"end", "x"}, {"chat", "i"}, {"mute", "M"}, {"slow", "s"}, {"ban", "5jb"}, {"undo", "5jK"}, {"colours", "T"}, {"filter", "/ma"}} {
		t.Run(row.name, func(t *testing.T) {
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
			resize(m, 80, 24)
			typed(m, row.keys)
			golden.RequireEqual(t, flat(m.screen()))
		})
	}
	t.Run("start", func(t *testing.T) {
		m := emptyModel(newQuiet())
		resize(m, 80, 24)
		settle(m, typed(m, "n"))
		golden.RequireEqual(t, flat(m.screen()))
	})
}

func TestEveryScreenFillsTheTerminalExactly(t *testing.T) {
	sizes := [][2]int{{1, 1}, {39, 11}, {40, 12}, {41, 13}, {59, 17}, {72, 18}, {80, 24}, {109, 31}, {110, 31}, {159, 35}, {160, 35}, {300, 90}}
	all := sizes
	for i, s := range append(scenes(), moreScenes()...) {
		if sizes = all; i >= len(scenes()) { // the others are of the same parts
			sizes = [][2]int{{40, 12}, {73, 18}, {160, 35}}
		}
		m := s.make()
		for k, keys := range []string{"", "z", "p", "7", "?", ":", ":give ", "\x10", "g", "s", "R"} {
			if k == 5 { // what stands over a screen is the same over all
				sizes = [][2]int{{40, 12}, {160, 35}}
			}
			typed(m, keys)
			for _, size := range sizes {
				lines := resize(m, size[0], size[1])
				if len(lines) != size[1] {
					t.Fatalf("%s %q at %v has %d lines", s.name, keys, size, len(lines))
				}
				for i, l := range lines {
					if w := ansi.StringWidth(l); w != size[0] {
						t.Fatalf("%s %q at %v: line %d is %d wide: %q", s.name, keys, size, i, w, ansi.Strip(l))
					}
				}
			}
			typed(m, "\x1b")
		}
	}
}

func TestHostileTextStaysInItsPlace(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;x\x07\u202e\u200b👩\u200d👩\u200d👧 \u0301\u0301\u0301 \r\n\t"
	s := &script{session: demoID}
	who := playtest.Person{ID: "p-x", Name: evil, Role: playtest.RoleViewer}
	s.add(time.Minute, playtest.Event{Action: playtest.ActionSessionStarted, Actor: steward, Title: evil, Application: evil, EndsAt: noon.Add(time.Hour).UnixMilli()})
	s.chat(50*time.Second, who, strings.Repeat(evil, 10)).request(40*time.Second, who, "r-1")
	s.add(30*time.Second, playtest.Event{Action: playtest.ActionTakeoverDeny, Actor: who, RequestID: "r-1", Requester: &who, Reason: evil})
	s.add(20*time.Second, playtest.Event{Action: playtest.ActionSessionState, Status: evil, StatusReason: evil})
	s.add(10*time.Second, playtest.Event{Action: playtest.ActionSessionMark, Actor: who, Message: evil}).request(9*time.Second, who, "r-2")
	h := beat(0)
	h.State, h.Error, h.Encoder = "failing", evil, evil
	m := sessionModel(newQuiet(), s, evil, h)
	m.conn.Err = fmt.Errorf("%s", evil)
	for _, size := range goldenSizes {
		for _, open := range []string{demoID, ""} {
			m.open = open
			for _, l := range resize(m, size[0], size[1]) {
				if w := ansi.StringWidthWc(l); w != size[0] {
					t.Errorf("a line is %d cells wide at %v: %q", w, size, ansi.Strip(l))
				}
				if rest := ansi.Strip(l); strings.ContainsFunc(rest, func(r rune) bool { return r < 0x20 || r == '\u202e' || r == '\u200b' }) {
					t.Errorf("the line %q holds a control", rest)
				}
				if strings.Contains(l, "\x1b]") || strings.Contains(l, "\x1b[2J") {
					t.Errorf("the line %q holds the stranger's sequence", l)
				}
			}
		}
	}
}

func TestATerminalWithoutColoursStillTellsEverything(t *testing.T) {
	m := severalModel(newQuiet())
	m.Update(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
	out := strings.Join(resize(m, 120, 40), "\n")
	if strings.Contains(out, "38;2;") || strings.Contains(out, "▀") {
		t.Error("24-bit colours on a terminal with 16")
	}
	for _, word := range []string{"▸", "silent 6 s", "! viewer-3 waits"} {
		if !strings.Contains(ansi.Strip(out), word) {
			t.Errorf("no %q", word)
		}
	}
}

func TestNothingIsYellowOnALightTerminalWithSixteenColours(t *testing.T) {
	yellow := regexp.MustCompile(`\x1b\[[0-9;]*(33|93|43|103)[0-9;]*m`)
	for _, s := range append(scenes(), moreScenes()...) {
		m := s.make()
		m.Update(tea.BackgroundColorMsg{Color: color.White})
		if found := yellow.FindString(inProfile(t, m, 120, 40, colorprofile.ANSI)); found != "" {
			t.Errorf("%s writes %q", s.name, found)
		}
	}
}

// busy is a session with a full chat.
func busy(lines int) *Model {
	s := played(demoID, "Hotseat Runner")
	m := sessionModel(newQuiet(), s, "CONNECTED", beat(0))
	for i := range lines {
		s.chat(time.Second, viewer, fmt.Sprintf("line %d with some words that may have to be wrapped somewhere", i))
	}
	m.absorb(client.Update{Events: s.events})
	return m
}

func TestChatKeepsABoundedPastAndItsPlaceInIt(t *testing.T) {
	m := busy(0)
	resize(m, 120, 40)
	typed(m, "3")
	m.scrollChat(m.board(demoID), -3)
	place := m.view.chatEnd
	s := played(demoID, "Hotseat Runner")
	for i := range maxChatLines + 500 {
		s.chat(time.Second, viewer, fmt.Sprintf("line %d", i))
	}
	m.absorb(client.Update{Events: s.events})
	b := m.board(demoID)
	if len(b.chat) > maxChatLines {
		t.Errorf("%d lines are kept", len(b.chat))
	}
	if m.view.chatEnd != place || !strings.Contains(flat(m.screen()), "new ↓") {
		t.Error("the place was lost, or nothing tells of what is new")
	}
	typed(m, "G")
	if !strings.Contains(flat(m.screen()), fmt.Sprintf("line %d", maxChatLines+499)) {
		t.Error("G does not follow again")
	}
}

func BenchmarkScreenWithFullChat(b *testing.B) {
	m := busy(maxChatLines)
	m.width, m.height = 200, 60
	for b.Loop() {
		m.screen()
	}
}

func TestQuietConsoleDoesNothingBetweenSeconds(t *testing.T) {
	m := newModel(context.Background(), newQuiet(), demoOptions())
	if _, cmd := m.Update(tickMsg{}); cmd == nil {
		t.Fatal("the clock stopped")
	}
	if slowTick < time.Second {
		t.Error("the clock ticks faster than anything on the screen changes")
	}
}
