package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// clocked is a model whose clock the test moves.
func clocked(net backend) (*Model, func(time.Duration)) {
	m := waitingModel(net)
	now := noon
	m.opts.Now = func() time.Time { return now }
	return m, func(d time.Duration) {
		now = now.Add(d)
		m.Update(tickMsg{})
	}
}

func TestARemovalCountsDownAndCanBeUndone(t *testing.T) {
	for _, key := range []string{"u", "\x1b"} {
		net := newQuiet()
		m, pass := clocked(net)
		typed(m, "5jK")
		if line := ansi.Strip(m.statusLine()); !strings.Contains(line, "removing viewer in 5 s · u or esc undoes · viewer loses place and picture, and can come back") {
			t.Fatalf("the line says %q", line)
		}
		pass(2 * time.Second)
		if line := ansi.Strip(m.statusLine()); !strings.Contains(line, "in 3 s") {
			t.Errorf("after 2 s the line says %q", line)
		}
		typed(m, key)
		m.Update(holdMsg{m.holds}) // its time comes all the same
		if m.held != nil || slices.ContainsFunc(net.calls, func(c string) bool { return strings.HasPrefix(c, "remove") }) || m.toast.text != "undone: not removing viewer" {
			t.Errorf("%q: calls %q, toast %q", key, net.calls, m.toast.text)
		}
	}
}

func TestARemovalIsSentWhenItsTimeHasCome(t *testing.T) {
	net := newQuiet()
	m, pass := clocked(net)
	typed(m, "5jK")
	pass(holdTime)
	_, cmd := m.Update(holdMsg{m.holds})
	settle(m, cmd)
	if last := net.calls[len(net.calls)-1]; last != "remove "+demoID+" p-viewer " {
		t.Errorf("sent %q", last)
	}
}

func TestASecondRemovalSendsTheFirst(t *testing.T) {
	net := newQuiet()
	m, _ := clocked(net)
	typed(m, "5jK")
	first := m.held.send
	typed(m, "jK")
	if m.held == nil || !strings.Contains(m.held.what, "viewer-2") {
		t.Fatalf("held: %+v", m.held)
	}
	settle(m, first()) // the command that hold returned does this
	if last := net.calls[len(net.calls)-1]; last != "remove "+demoID+" p-viewer " {
		t.Errorf("sent %q", last)
	}
}

func TestAMuteIsTakenBackWithOneKey(t *testing.T) {
	net := newQuiet()
	m, pass := clocked(net)
	settle(m, typed(m, "5jM"))
	s := played(demoID, "Hotseat Runner").waiting()
	n := len(s.events)
	s.add(0, playtest.Event{Action: playtest.ActionMute, Actor: lead, Person: &viewer})
	m.absorb(client.Update{Events: s.events[n:]})
	settle(m, typed(m, "u"))
	if last := net.calls[len(net.calls)-1]; last != "mute "+demoID+" p-viewer false " {
		t.Errorf("u sent %q", last)
	}
	net.calls = nil
	pass(holdTime + time.Second)
	if settle(m, typed(m, ":undo\r")); len(net.calls) > 0 || m.toast.text != "nothing counts down that could be undone" {
		t.Errorf("after its time it sent %q, toast %q", net.calls, m.toast.text)
	}
}
