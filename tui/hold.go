package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
)

// holdTime is how long an action that hurts somebody can be undone before it is sent.
const holdTime = 5 * time.Second

// held is an action that waits to be sent.
type held struct {
	id    int
	what  string // "removing viewer-3"
	means string // what it will do, for whoever pressed the wrong key
	until time.Time
	send  func() tea.Cmd
}

// holdMsg says that a held action's time has come.
type holdMsg struct{ id int }

// hold keeps an action back for holdTime. One that is held already is sent at once.
func (m *Model) hold(what, means string, send func() tea.Cmd) tea.Cmd {
	before := m.release()
	m.holds++
	id, done := m.holds, m.ctx.Done()
	m.held = &held{id: id, what: what, means: means, until: m.at.Add(holdTime), send: send}
	m.toast = toast{}
	return tea.Batch(before, func() tea.Msg {
		timer := time.NewTimer(holdTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			return holdMsg{id}
		case <-done:
			return nil
		}
	})
}

// release sends what is held.
func (m *Model) release() tea.Cmd {
	if m.held == nil {
		return nil
	}
	send := m.held.send
	m.held = nil
	return send()
}

// undo lets go of what is held without sending it, or takes back what was just done.
func (m *Model) undo() tea.Cmd {
	if m.held != nil {
		m.say(toneQuiet, "undone: not "+m.held.what)
		m.held = nil
		return nil
	}
	r := m.reversal
	m.reversal = nil
	return m.carryOut(r.order, m.board(r.session))
}

// reversal is the order that takes back one that was carried out, while that is at hand.
type reversal struct {
	order   order
	session string
	until   time.Time
}

// reversal is what undoes an order: of those that hit a person, the opposite.
func (o order) reversal(session string) *reversal {
	opposite := map[string]string{"mute": "unmute", "unmute": "mute", "ban": "unban"}[o.cmd.name]
	if opposite == "" {
		return nil
	}
	return &reversal{order: order{cmd: commandNamed(opposite), person: o.person}, session: session}
}

// reversible reports whether something was done that can be taken back with one key.
func (m *Model) reversible() bool { return m.reversal != nil && m.at.Before(m.reversal.until) }

// countdown is the line about what is held.
func (m *Model) countdown() string {
	left := int(m.held.until.Sub(m.at)/time.Second) + 1
	if m.held.until.Sub(m.at)%time.Second == 0 {
		left--
	}
	return fmt.Sprintf("%s in %d s · %s or esc undoes · %s", m.held.what, max(left, 0), m.keys[actUndo].Help().Key, m.held.means)
}
