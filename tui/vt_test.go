package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// terminal runs the console's program in a terminal emulator, and keeps what it has asked of it.
type terminal struct {
	t       testing.TB
	program *tea.Program
	err     chan error
	wrote   chan struct{} // something was written since it was last read

	mu       sync.Mutex // protects what follows
	emulator *vt.Emulator
	asked    map[string]bool // sequences beyond text, colours and the cursor's way, as they were written
	titles   map[string]bool
	bells    int
	links    int
	rest     []byte // the beginning of a sequence
}

// startTerminal runs a model with a quiet network in a terminal of the given size until the test is over.
// The model is the program's from here on.
func startTerminal(t testing.TB, m *Model, w, h int) *terminal {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	m.ctx = ctx
	term := &terminal{t: t, err: make(chan error, 1), wrote: make(chan struct{}, 1), emulator: vt.NewEmulator(w, h), asked: map[string]bool{}, titles: map[string]bool{}}
	term.emulator.SetCallbacks(vt.Callbacks{Bell: func() { term.bells++ }, Title: func(s string) { term.titles[s] = true }})
	term.emulator.RegisterCsiHandler('r', func(p ansi.Params) bool {
		// Terminals refuse margins below their last line, this one leaves that to whoever writes. A frame
		// that was on its way when the terminal became smaller has such margins.
		bottom, _, ok := p.Param(1, 0)
		return ok && bottom > term.emulator.Height()
	})
	in, keys := io.Pipe()
	answers := make(chan struct{})
	go func() { // what the terminal answers comes in as from a keyboard
		defer close(answers)
		_, _ = io.Copy(keys, term.emulator)
	}()
	term.program = tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(term), tea.WithFPS(120), tea.WithWindowSize(w, h),
		tea.WithColorProfile(colorprofile.TrueColor), tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithoutSignals())
	go func() {
		_, err := term.program.Run()
		term.err <- err
	}()
	t.Cleanup(func() {
		cancel()
		close(m.net.(*quiet).updates)
		term.program.Kill()
		if err := <-term.err; err != nil && !errors.Is(err, tea.ErrProgramKilled) {
			t.Errorf("the program ended with %v", err)
		}
		_ = term.emulator.InputPipe().(io.Closer).Close() // its Close is not for two goroutines
		_ = keys.Close()
		_ = in.Close()
		<-answers
	})
	return term
}

// Write is the program's output.
func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	term.note(p)
	// A program whose input is no terminal takes its output for one that begins a line at each line
	// feed, as terminals do by default (ONLCR in termios(3)).
	_, err := term.emulator.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n")))
	select {
	case term.wrote <- struct{}{}:
	default:
	}
	return len(p), err
}

// harmless are sequences that change what is on the screen and nothing else: colours, the cursor's way,
// erasing, inserting, deleting, scrolling, repeating.
var harmless = regexp.MustCompile(`^(\x1b\[[0-9;:]*[mABCDEFGHJKLMPSTX@bdfr` + "`" + `a]|\x1b[78M]|\r|\n|\x08|\t)$`)

// note takes the sequences out of what was written.
func (term *terminal) note(p []byte) {
	term.rest = append(term.rest, p...)
	state := byte(0)
	for len(term.rest) > 0 {
		seq, width, n, next := ansi.DecodeSequence(term.rest, state, nil)
		if n == 0 || next != 0 { // the rest comes with the next write
			return
		}
		if s := string(seq); width == 0 && s != "" && !harmless.MatchString(s) && !utf8.ValidString(s) || width == 0 && isControl(s) && !harmless.MatchString(s) {
			term.asked[s] = true
		}
		term.rest = term.rest[n:]
	}
}

// isControl tells sequences and control characters, also in UTF-8, from characters without a width.
func isControl(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r < 0x20 || r >= 0x7f && r < 0xa0
}

// resize makes the terminal another size.
func (term *terminal) resize(w, h int) {
	term.mu.Lock()
	_, _ = term.emulator.WriteString("\x1b[r") // margins do not survive
	term.emulator.Resize(w, h)
	term.mu.Unlock()
	term.program.Send(tea.WindowSizeMsg{Width: w, Height: h})
}

// shows waits until the screen is what is wanted, line by line.
func (term *terminal) shows(want []string) {
	term.t.Helper()
	for i := range want {
		want[i] = strings.TrimRight(want[i], " ")
	}
	want = trimEmpty(want)
	timeout := time.After(patience)
	for {
		term.mu.Lock()
		got := strings.Split(term.emulator.String(), "\n")
		term.mu.Unlock()
		for i := range got {
			got[i] = strings.TrimRight(got[i], " ")
		}
		if got = trimEmpty(got); slices.Equal(got, want) {
			return
		}
		select {
		case <-term.wrote:
			continue
		case <-timeout:
		}
		for i := range max(len(got), len(want)) {
			g, w := "", ""
			if i < len(got) {
				g = got[i]
			}
			if i < len(want) {
				w = want[i]
			}
			if g != w {
				term.t.Errorf("line %d of the terminal is\n%+q, not\n%+q", i, g, w)
			}
		}
		term.t.Fatal("the terminal does not show what the model draws")
	}
}

func trimEmpty(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

var colours = regexp.MustCompile(`^\x1b\[[0-9;:]*m$`)

// written is what a model's screen says, after checking that it is text and colours.
func written(t testing.TB, m *Model) []string {
	t.Helper()
	content := m.View().Content
	state := byte(0)
	for rest := content; rest != ""; {
		seq, width, n, next := ansi.DecodeSequence(rest, state, nil)
		if width == 0 && isControl(seq) && seq != "\n" && !colours.MatchString(seq) {
			t.Fatalf("the screen has %+q in %+q", seq, content[max(0, len(content)-len(rest)-40):])
		}
		rest, state = rest[n:], next
	}
	return strings.Split(ansi.Strip(content), "\n")
}

// attacks are what strangers may call themselves, write and give as reasons.
var attacks = []string{
	"\x1b[2J\x1b[H\x1b[31mall yours",                                       // erase the screen
	"\x1b]0;title\x07\x1b]2;title\x1b\\\x1b]1;icon\x07",                    // the window's title
	"\x1b]52;c;aG90c2VhdA==\x07 \x1b]52;c;?\x1b\\",                         // the clipboard, written and read
	"\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\",                  // a hyperlink
	"\x1b[?25l\x1b[?1049l\x1b[?1000h\x1b[?2004h\x1b[?1h\x1b=",              // cursor, alternate screen, mouse, paste, keys
	"\x1bP+q544e\x1b\\\x1bP1$r\x1b\\\x1b_Gi=1,a=q;AAAA\x1b\\\x1b^pm\x1b\\", // DCS, APC, PM
	"\x1bPq#0;2;0;0;0#0~~@@vv@@~~$-\x1b\\",                                 // a sixel picture
	"\x9b31mC1\x9d0;title\x9c \u009b2J\u009d0;title\u009c\u0090q\u009c",    // C1, as bytes and in UTF-8
	"\x07\x07\b\b\b\x7f\v\f\r\x00\x0e\x0f\x1bc\x1b#8\x1b[!p",               // bell, backspace, shift out, resets
	"\x1b[6n\x1b[c\x1b[>q\x1b[21t\x05",                                     // what makes a terminal answer
	"\u202eevil\u202c \u2066isolated\u2069 \u200f\u061c",                   // writing direction
	"a\u200db a\u200cb \u200b\ufeff\u2060\u00ad\u034f\u115f\u3164\u2800",   // joiners and what is not seen
	"Z" + strings.Repeat("\u0301\u0489\u20dd", 40) + "algo",                // a tower of combining marks
	strings.Repeat("漢", 150) + "字",                                         // wide characters over every edge
	"👩‍👩‍👧‍👦 🏴\U000e0067\U000e0062\U000e007f 🇩🇪🇩 ❤\ufe0f 1\ufe0f\u20e3 👍🏽", // joined emoji, tags, flags, key caps
	"한국어 ᄒ\u1161\u11ab नमस्\u200dते می\u200cخواهم שָׁלוֹם",                 // scripts that are joined for good reason
	"\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80",                         // no UTF-8
	"\ue000\U0010eeee\u0305\u030d\U000f0000\ufffe\U0010ffff",               // private use, Kitty's placeholder, noncharacters
	"line\none\r\ntwo\ttab\u2028three\u2029four\u0085five",                 // line breaks
	"\x1b", "\x1b[", "\x1b]0;", "\x1bP", "\u009b", // sequences without an end
	"%s%n%d \\x1b[31m {{.}} $(id) `id` <b>&amp;", // what other readers obey
	"", " ", "abc",
}

// hostileModel is a session in which every text is the stranger's.
func hostileModel(text string) *Model {
	m := emptyModel(newQuiet())
	s := played(demoID, text)
	named := func(p *playtest.Person) *playtest.Person {
		if p == nil {
			return nil
		}
		q := *p
		q.Name = text
		return &q
	}
	s.waiting()
	s.add(5*time.Second, playtest.Event{Action: playtest.ActionMute, Actor: lead, Person: &viewer, Reason: text})
	s.add(4*time.Second, playtest.Event{Action: playtest.ActionHandoverFailed, Actor: steward, RequestID: "r-9", Requester: &viewer, Reason: text, Holder: &player, Epoch: 2})
	s.add(3*time.Second, playtest.Event{Action: playtest.ActionSessionMark, Actor: lead, Message: text, At: noon.Add(-8 * time.Second).UnixMilli()})
	s.add(2*time.Second, playtest.Event{Action: playtest.ActionTakeoverDeny, Actor: lead, RequestID: "r-6", Requester: &viewer2, Reason: text})
	s.add(time.Second, playtest.Event{Action: playtest.ActionSessionState, Actor: steward, Status: text, StatusReason: text})
	s.chat(0, viewer, text)
	for i := range s.events {
		e := &s.events[i]
		e.Actor = *named(&e.Actor)
		e.Requester, e.Holder, e.Previous, e.From, e.Person = named(e.Requester), named(e.Holder), named(e.Previous), named(e.From), named(e.Person)
		e.RequesterUsername, e.User, e.Application = text, text, text
		if e.Message != "" {
			e.Message = text
		}
	}
	info := s.info(text)
	info.Title, info.Application, info.StatusReason, info.CreatedBy = text, text, text, text
	info.Seat.Holder = named(&player)
	other := info
	other.ID, other.Status = "s-other", "CONNECTED"
	m.Update(updateMsg{Sessions: []client.Session{info, other}, Events: s.events, Me: named(&lead)})
	m.Update(updateMsg{Connection: &client.Connection{Phase: client.Live, Since: noon, Err: errors.New(text)}})
	health := beat(0)
	health.State, health.Error, health.Encoder, health.Fallback = text, text, text, true
	live := client.LiveUpdate{Health: &health}
	for _, p := range []playtest.Person{player, viewer, viewer2, viewer3} {
		live.Presence = append(live.Presence, client.Presence{Person: *named(&p), At: noon, Watching: true, Client: text})
	}
	live.Reactions = []client.Reaction{{Person: *named(&viewer), Kind: text, Count: 2}, {Person: *named(&viewer), Kind: "fire", Count: 2}}
	live.Steps = []client.Step{{At: noon, RequestID: "r-4", Step: text, Elapsed: time.Second}}
	m.Update(updateMsg{Live: map[string]*client.LiveUpdate{demoID: &live}})
	return m
}

// tour are the keys that lead through the console: the lobby, the session with all panes, two of them
// alone, the help.
var tour = []string{"", "\r", "z", "\t", "?"}

// FuzzHostileTextOnScreen runs the real program in a terminal emulator: whatever strangers write, the
// terminal shows what the model's escaped text says, and is asked for nothing that it is not asked for
// with harmless text as well.
func FuzzHostileTextOnScreen(f *testing.F) {
	for _, text := range attacks {
		f.Add(text)
	}
	allowed := walk(f, "harmless", 160, 45)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		for s := range walk(t, text, 160, 45) {
			if !allowed[s] {
				t.Errorf("%+q makes the terminal read %+q", text, s)
			}
		}
	})
}

// walk leads a program through the console and returns what was asked of its terminal.
func walk(t testing.TB, text string, w, h int) map[string]bool {
	t.Helper()
	mirror := hostileModel(text) // hears what the program hears
	term := startTerminal(t, hostileModel(text), w, h)
	mirror.Update(tea.WindowSizeMsg{Width: w, Height: h})
	for _, keys := range tour {
		for _, r := range keys {
			key := tea.KeyPressMsg{Code: r, Text: string(r)}
			switch r {
			case '\r':
				key = tea.KeyPressMsg{Code: tea.KeyEnter}
			case '\t':
				key = tea.KeyPressMsg{Code: tea.KeyTab}
			}
			term.program.Send(key)
			mirror.Update(key)
		}
		term.shows(written(t, mirror))
	}
	term.mu.Lock()
	defer term.mu.Unlock()
	if term.bells > 0 {
		t.Errorf("%+q rings the bell", text)
	}
	ours := regexp.MustCompile(`^(\(\d+ waiting\) )?hotseat$`)
	for title := range term.titles {
		if !ours.MatchString(title) {
			t.Errorf("%+q makes the title %+q", text, title)
		}
	}
	asked := map[string]bool{}
	for s := range term.asked {
		if !strings.HasPrefix(s, "\x1b]2;") { // the title, seen above
			asked[s] = true
		}
	}
	return asked
}

func TestHostileToastsAreText(t *testing.T) {
	for _, text := range attacks {
		m := hostileModel(text)
		m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
		m.say(toneBad, refusalText(fmt.Errorf("approve: %w", errors.New(text))))
		written(t, m)
		m.Update(tea.PasteMsg{Content: text})
		typed(m, "\ri")
		m.Update(tea.PasteMsg{Content: text})
		written(t, m)
	}
}
