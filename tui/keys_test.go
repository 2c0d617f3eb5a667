package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// typed presses keys, one a rune; "\r" is enter, "\x1b" escape, "\t" tab.
func typed(m *Model, keys string) (last tea.Cmd) {
	for _, r := range keys {
		key := tea.KeyPressMsg{Code: r, Text: string(r)}
		switch r {
		case '\r':
			key = tea.KeyPressMsg{Code: tea.KeyEnter}
		case '\x1b':
			key = tea.KeyPressMsg{Code: tea.KeyEscape}
		case '\t':
			key = tea.KeyPressMsg{Code: tea.KeyTab}
		case '\x10':
			key = tea.KeyPressMsg{Code: 'p', Mod: tea.ModCtrl}
		case ' ':
			key = tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
		}
		_, last = m.Update(key)
	}
	return last
}

// settle runs a command and gives the model what comes of it.
func settle(m *Model, cmd tea.Cmd) {
	for cmd != nil {
		msg := cmd()
		if msg == nil {
			return
		}
		_, cmd = m.Update(msg)
	}
}

func waitingModel(net backend) *Model {
	m := sessionModel(net, played(demoID, "Hotseat Runner").waiting(), "CONNECTED", beat(0))
	resize(m, 120, 40)
	return m
}

func TestKeysDoWhatTheySay(t *testing.T) {
	at := noon.Add(-markBack).Format("15:04:05")
	for _, row := range []struct{ name, keys, call, toast string }{
		{"a approves the first", "a", "approve " + demoID + " r-4", "approved viewer-3 in 0 ms"},
		{"a approves the chosen one", "2ja", "approve " + demoID + " r-5", "approved viewer in 0 ms"},
		{"d denies the last one", "2Gd", "deny " + demoID + " r-6 ", "denied viewer-2 in 0 ms"},
		{"D denies with a reason", "Dnot yet\r", "deny " + demoID + " r-4 not yet", "denied viewer-3 in 0 ms"},
		{"m marks five seconds ago", "mcrash\r", "mark " + demoID + " crash " + at, "marked in 0 ms"},
		{"i writes", "ihello all\r", "chat " + demoID + " hello all", "said in 0 ms"},
		{"r asks once, y takes the seat back", "ry", "take back " + demoID + " ", "took the seat back from player in 0 ms"},
		{"x asks once, enter ends", "x\r", "end " + demoID, "ended Hotseat Runner in 0 ms"},
		{"q goes back to the lobby", "q", "open ", ""},
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

func TestAKeyThatCanDoNothingSaysWhy(t *testing.T) {
	calm := func(net backend) *Model {
		m := sessionModel(net, played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
		resize(m, 120, 40)
		return m
	}
	ended := func(net backend) *Model {
		m := sessionModel(net, played(demoID, "Hotseat Runner").end(), "TERMINATED", beat(0))
		resize(m, 120, 40)
		return m
	}
	handing := func(net backend) *Model {
		m := sessionModel(net, played(demoID, "Hotseat Runner").handing().request(time.Second, viewer, "r-9"), "CONNECTED", beat(0))
		resize(m, 120, 40)
		return m
	}
	readOnly := func(net backend) *Model { m := waitingModel(net); m.opts.ReadOnly = true; return m }
	asViewer := func(net backend) *Model { m := waitingModel(net); m.me = viewer; return m }
	lobby := func(net backend) *Model { m := emptyModel(net); resize(m, 120, 40); return m }
	for _, row := range []struct {
		name  string
		make  func(backend) *Model
		keys  string
		toast string
	}{
		{"approve, nobody waits", calm, "a", "nobody waits for the seat"},
		{"deny, nobody waits", calm, "d", "nobody waits for the seat"},
		{"deny with reason, nobody waits", calm, "D", "nobody waits for the seat"},
		{"approve during a hand-over", handing, "a", "the seat is on its way to viewer-3; decide again in a moment"},
		{"take back during a hand-over", handing, "r", "the seat is on its way to viewer-3"},
		{"chat after the end", ended, "i", "this playtest ended"},
		{"approve, read-only", readOnly, "a", "this console is read-only"},
		{"approve as a viewer", asViewer, "a", "only the person in the seat or a QA lead decides about requests"},
		{"mark as a viewer", asViewer, "m", "only a QA lead sets marks"},
		{"end as a viewer", asViewer, "x", "only a QA lead ends a playtest"},
		{"approve in an empty lobby", lobby, "a", "there is no playtest here: n starts one"},
		{"open in an empty lobby", lobby, "\r", "there is no playtest to open: n starts one"},
		{"a pane that is not there", calm, "9", "the panes have the numbers 1 to 7"},
		{"scroll what has nothing to scroll", calm, "1j", "there is nothing to scroll in seat"},
		{"an answer of no", calm, "xn", "nothing changed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			net := newQuiet()
			m := row.make(net)
			net.calls = nil
			settle(m, typed(m, row.keys))
			if m.toast.text != row.toast {
				t.Errorf("toast %q, want %q", m.toast.text, row.toast)
			}
			if len(net.calls) > 0 {
				t.Errorf("something was sent: %q", net.calls)
			}
		})
	}
}

func TestARefusalIsReadAsItsSentence(t *testing.T) {
	net := newQuiet()
	net.answer = &client.Refusal{Code: "AlreadyDecided", Message: "viewer-2 already approved the request of viewer-3"}
	m := waitingModel(net)
	settle(m, typed(m, "a"))
	if m.toast.text != "viewer-2 already approved the request of viewer-3" || m.toast.tone != toneBad {
		t.Errorf("toast %q", m.toast.text)
	}
}

func TestAnActionIsAcknowledgedBeforeItIsAnswered(t *testing.T) {
	m := waitingModel(newQuiet())
	typed(m, "a") // the command has not run
	if m.toast.text != "giving the seat to viewer-3 …" || !m.toast.busy {
		t.Errorf("toast %q", m.toast.text)
	}
}

func TestTheOutcomeOfAHandoverIsToldWithItsTime(t *testing.T) {
	m := waitingModel(newQuiet())
	s := played(demoID, "Hotseat Runner").waiting()
	n := len(s.events)
	s.add(400*time.Millisecond, playtest.Event{Action: playtest.ActionTakeoverApprove, Actor: lead, RequestID: "r-4", Requester: &viewer3})
	s.taken(0, viewer3, 3, 312)
	m.absorb(client.Update{Events: s.events[n:]})
	if m.toast.text != "seat to viewer-3 in 312 ms" {
		t.Errorf("toast %q", m.toast.text)
	}
	// what is read from the log later is no news
	m.toast = toast{}
	old := played("s-old", "Maze")
	m.open = "s-old"
	m.absorb(client.Update{Events: old.events})
	if m.toast.text != "" {
		t.Errorf("toast %q of long ago", m.toast.text)
	}
}

func TestAToastGoesByItself(t *testing.T) {
	now := noon
	m := waitingModel(newQuiet())
	m.opts.Now = func() time.Time { return now }
	m.say(toneGood, "done")
	now = now.Add(toastLife + time.Second)
	m.Update(tickMsg{})
	if m.toast.text != "" {
		t.Errorf("toast %q is still there", m.toast.text)
	}
}

func TestTheBellRingsOnlyWhenNobodyLooks(t *testing.T) {
	for _, looking := range []bool{true, false} {
		m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
		s := played(demoID, "Hotseat Runner")
		n := len(s.events)
		s.request(time.Second, viewer, "r-9")
		if !looking {
			m.Update(tea.BlurMsg{})
		}
		if rang := m.absorb(client.Update{Events: s.events[n:]}) != nil; rang == looking {
			t.Errorf("looking: %v, rang: %v", looking, rang)
		}
		m.width, m.height = 80, 24
		if v := m.View(); v.WindowTitle != "(1 waiting) hotseat" {
			t.Errorf("title %q", v.WindowTitle)
		}
	}
}

func TestThePromptTakesEveryLetter(t *testing.T) {
	net := newQuiet()
	m := waitingModel(net)
	settle(m, typed(m, "iqadz?\x1b"))
	if m.open == "" || m.prompt != nil || m.overlay != overlayNone {
		t.Error("letters of a line were taken as keys, or escape does not cancel")
	}
	typed(m, "i")
	m.Update(tea.PasteMsg{Content: "two\nlines\x1b[2J"})
	settle(m, typed(m, "\r"))
	if last := net.calls[len(net.calls)-1]; last != "chat "+demoID+" two lines␛[2J" {
		t.Errorf("sent %q", last)
	}
}

func TestStartingIsAFormThatKeepsTheLastChoice(t *testing.T) {
	net := newQuiet()
	m := emptyModel(net)
	resize(m, 120, 40)
	settle(m, typed(m, "n"))
	typed(m, "ljjl") // the second game, 60 fps
	settle(m, typed(m, "\r"))
	if !slices.Contains(net.calls, "start a-maze") || m.open != "s-new" {
		t.Errorf("calls %q, open %q", net.calls, m.open)
	}
	settle(m, typed(m, "q"))
	settle(m, typed(m, "n"))
	if start := m.form.startOf(m.form.choice()); start.Application != "a-maze" || start.Framerate != 60 {
		t.Errorf("the form begins with %+v", start)
	}
}

func TestWhoNeedsSomeoneComesFirst(t *testing.T) {
	m := severalModel(newQuiet())
	var needs []string
	for _, b := range m.sorted() {
		_, need := b.need(m.at)
		needs = append(needs, need)
	}
	want := []string{"viewer-3 waits 0:48 and 2 more", "sidecar silent 6 s", "", ""}
	if !slices.Equal(needs, want) {
		t.Errorf("the order is %q", needs)
	}
	if last := m.sorted()[3]; !last.ended() {
		t.Error("what has ended is not last")
	}
}

func TestMouseChoosesOpensAndScrolls(t *testing.T) {
	net := newQuiet()
	m := severalModel(net)
	resize(m, 120, 40)
	m.Update(tea.MouseClickMsg{X: 20, Y: 6, Button: tea.MouseLeft}) // the second row: the first takes two lines
	if m.chosenBoard() != m.sorted()[1] {
		t.Fatal("a click does not choose")
	}
	settle(m, func() tea.Cmd { _, c := m.Update(tea.MouseClickMsg{X: 20, Y: 6, Button: tea.MouseLeft}); return c }())
	if m.open == "" {
		t.Fatal("a second click does not open")
	}
	m = waitingModel(net)
	for _, s := range layout(120, 40, true, m.view) {
		m.Update(tea.MouseClickMsg{X: s.x + 3, Y: s.y + 2, Button: tea.MouseLeft})
		if m.view.focus != s.pane {
			t.Errorf("a click on %s goes to %s", s.pane, m.view.focus)
		}
		if s.pane == paneQueue && m.view.request != "r-5" {
			t.Errorf("a click on the second request chooses %q", m.view.request)
		}
		if s.pane == paneChat {
			m.Update(tea.MouseWheelMsg{X: s.x + 3, Y: s.y + 2, Button: tea.MouseWheelUp})
			if m.view.chatEnd < 0 || !strings.Contains(flat(m.screen()), "3 new ↓") {
				t.Error("the wheel does not scroll the chat")
			}
		}
	}
}

func TestReactionsAreFoldedIntoCounts(t *testing.T) {
	m := waitingModel(newQuiet())
	b := m.board(demoID)
	n := len(b.chat)
	for range 40 {
		b.applyLive(&client.LiveUpdate{Reactions: []client.Reaction{{Person: viewer, Kind: "fire", Count: 2}, {Person: viewer, Kind: "\x1b[2J", Count: 1}}}, noon)
	}
	if len(b.chat) != n+1 || reactionText(b.chat[n].reactions) != "fire ×80" {
		t.Errorf("%d lines, %v", len(b.chat)-n, b.chat[n].reactions)
	}
}

func TestTheSidecarIsJudgedInAWord(t *testing.T) {
	for _, row := range []struct {
		word   string
		change func(*client.Health)
	}{
		{"good", func(*client.Health) {}},
		{"silent 6 s", func(h *client.Health) { h.At = noon.Add(-6 * time.Second) }},
		{"failing", func(h *client.Health) { h.State = "failing" }},
		{"connecting", func(h *client.Health) { h.State = "connecting" }},
		{"slow: 12 of 30 fps", func(h *client.Health) { h.FPS = 12 }},
		{"losing 8 %", func(h *client.Health) { h.LossPercent = 8 }},
		{"lossy", func(h *client.Health) { h.LossPercent = 2 }},
		{"encoder overloaded", func(h *client.Health) { h.EncodeMs = 40 }},
		{"far away", func(h *client.Health) { h.RTTMs = 400 }},
		{"key frames rare", func(h *client.Health) { h.KeyFrameAgeMs = 20_000 }},
		{"fell back to x264", func(h *client.Health) { h.Fallback = true }},
		{"network is short", func(h *client.Health) { h.Limit = "network" }},
		{"machine is short", func(h *client.Health) { h.Limit, h.Framerate, h.FPS = "processor", 15, 15 }},
	} {
		b := newBoard(demoID)
		if _, word := b.judge(noon); word != "no heartbeat yet" {
			t.Errorf("without a heartbeat: %q", word)
		}
		h := beat(0)
		row.change(&h)
		b.applyLive(&client.LiveUpdate{Health: &h}, noon)
		if _, word := b.judge(noon); word != row.word {
			t.Errorf("%q, want %q", word, row.word)
		}
	}
}
