package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

const (
	// toastLife is long enough to read a sentence twice.
	toastLife = 6 * time.Second
	// actionTimeout bounds how long an action may go unanswered.
	actionTimeout = 20 * time.Second
	// markBack: who marks a moment presses the key after it.
	markBack = 5 * time.Second
)

// toast is the last outcome, in words.
type toast struct {
	text  string
	tone  tone
	since time.Time
	busy  bool // asked, not yet answered
}

func (m *Model) say(t tone, text string) { m.toast = toast{text: text, tone: t, since: m.at} }

// doneMsg is how an action ended.
type doneMsg struct {
	said string        // what is now true, if err is nil
	took time.Duration // until the answer
	err  error
	then func() tea.Cmd // run on success, on the model's goroutine
}

func (m *Model) done(msg doneMsg) tea.Cmd {
	if msg.err != nil {
		m.say(toneBad, refusalText(msg.err))
		return nil
	}
	if m.toast.busy || m.toast.text == "" { // else the log was quicker and told more
		m.say(toneGood, msg.said+" in "+took(msg.took))
	}
	if msg.then != nil {
		return msg.then()
	}
	return nil
}

// refusalText is what a person reads when something did not work.
func refusalText(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer; look at the log before you try again"
	}
	return safe(err.Error())
}

// act starts an action and says so within this frame.
func (m *Model) act(doing, done string, call func(context.Context) error, then func() tea.Cmd) tea.Cmd {
	m.toast = toast{text: doing, tone: toneQuiet, since: m.at, busy: true}
	ctx, now := m.ctx, m.opts.Now
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, actionTimeout)
		defer cancel()
		began := now()
		err := call(ctx)
		return doneMsg{said: done, took: now().Sub(began), err: err, then: then}
	}
}

// mayAct says why nothing can be done in a session, or "".
func (m *Model) mayAct(b *board) string {
	switch {
	case b == nil:
		return "there is no playtest here: n starts one"
	case m.opts.ReadOnly:
		return "this console is read-only"
	case b.ended():
		return "this playtest ended"
	}
	return ""
}

// decide takes the keys that act on a session, in the lobby and on its screen. ok is false if the
// key is none of them.
func (m *Model) decide(msg tea.KeyPressMsg, b *board) (cmd tea.Cmd, ok bool) {
	k := m.keys
	if !key.Matches(msg, k.Approve, k.Deny, k.DenyWhy, k.TakeBack, k.Mark, k.Write, k.End) {
		return nil, false
	}
	if why := m.mayAct(b); why != "" {
		m.say(toneWarn, why)
		return nil, true
	}
	switch {
	case key.Matches(msg, k.Approve):
		return m.approve(b), true
	case key.Matches(msg, k.Deny):
		return m.deny(b, ""), true
	case key.Matches(msg, k.DenyWhy):
		if r, ok := m.chosenRequest(b); ok {
			m.ask(promptDeny, b.info.ID, r, "reason for "+r.Person.Name)
		} else {
			m.say(toneWarn, "nobody waits for the seat")
		}
	case key.Matches(msg, k.TakeBack):
		m.confirmTakeBack(b)
	case key.Matches(msg, k.Mark):
		if m.me.Role != playtest.RoleLead {
			m.say(toneWarn, "only a QA lead sets marks")
			return nil, true
		}
		m.ask(promptMark, b.info.ID, playtest.Request{Since: m.at.Add(-markBack).UnixMilli()}, "mark 5 s ago")
	case key.Matches(msg, k.Write):
		m.ask(promptChat, b.info.ID, playtest.Request{}, "say")
	case key.Matches(msg, k.End):
		m.confirmEnd(b)
	}
	return nil, true
}

func (m *Model) approve(b *board) tea.Cmd {
	if h := b.state.Handover; h != nil {
		m.say(toneWarn, fmt.Sprintf("the seat is on its way to %s; decide again in a moment", h.Request.Person.Name))
		return nil
	}
	r, ok := m.chosenRequest(b)
	if !ok {
		m.say(toneWarn, "nobody waits for the seat")
		return nil
	}
	if why := m.mayDecide(b); why != "" {
		m.say(toneWarn, why)
		return nil
	}
	id := b.info.ID
	return m.act("giving the seat to "+r.Person.Name+" …", "approved "+r.Person.Name, func(ctx context.Context) error {
		return m.net.Approve(ctx, id, r.ID)
	}, nil)
}

func (m *Model) deny(b *board, reason string) tea.Cmd {
	r, ok := m.chosenRequest(b)
	if !ok {
		m.say(toneWarn, "nobody waits for the seat")
		return nil
	}
	return m.denyRequest(b, r, reason)
}

func (m *Model) denyRequest(b *board, r playtest.Request, reason string) tea.Cmd {
	if why := m.mayDecide(b); why != "" {
		m.say(toneWarn, why)
		return nil
	}
	id := b.info.ID
	return m.act("denying "+r.Person.Name+" …", "denied "+r.Person.Name, func(ctx context.Context) error {
		return m.net.Deny(ctx, id, r.ID, reason)
	}, nil)
}

func (m *Model) mayDecide(b *board) string {
	if m.me.Role == playtest.RoleLead || b.seat().HeldBy(m.me.ID) {
		return ""
	}
	return "only the person in the seat or a QA lead decides about requests"
}

// chosenRequest is the request under the queue's cursor, else the first.
func (m *Model) chosenRequest(b *board) (playtest.Request, bool) {
	if m.open == b.info.ID {
		if at := b.state.Position(m.view.request); at > 0 {
			return b.state.Queue[at-1], true
		}
	}
	if len(b.state.Queue) > 0 {
		if r, ok := b.first(m.at); ok {
			return r, true
		}
		return b.state.Queue[0], true // it ran out; the gate says so
	}
	return playtest.Request{}, false
}

func (m *Model) confirmTakeBack(b *board) {
	holder := b.seat().Holder
	switch {
	case b.state.Handover != nil:
		m.say(toneWarn, "the seat is on its way to "+b.state.Handover.Request.Person.Name)
	case holder == nil:
		m.say(toneWarn, "nobody has the seat")
	case m.me.Role != playtest.RoleLead && !b.seat().HeldBy(m.me.ID):
		m.say(toneWarn, "only a QA lead takes the seat back")
	default:
		id, name := b.info.ID, holder.Name
		m.askFirst("take the seat back?", []string{name + " stops playing at once.", "The broadcast goes on; the seat is then free."}, func() tea.Cmd {
			return m.act("taking the seat back …", "took the seat back from "+name, func(ctx context.Context) error {
				return m.net.TakeBack(ctx, id, "")
			}, nil)
		})
	}
}

func (m *Model) confirmEnd(b *board) {
	if m.me.Role != playtest.RoleLead {
		m.say(toneWarn, "only a QA lead ends a playtest")
		return
	}
	id, title := b.info.ID, b.title()
	lines := []string{"It ends for everybody: the game closes, the log stays."}
	if h := b.seat().Holder; h != nil {
		lines = append(lines, h.Name+" is playing.")
	}
	if n := b.watching(m.at); n > 0 {
		lines = append(lines, fmt.Sprintf("%d watching.", n))
	}
	m.askFirst("end "+title+"?", lines, func() tea.Cmd {
		return m.act("ending "+title+" …", "ended "+title, func(ctx context.Context) error {
			return m.net.EndSession(ctx, id)
		}, nil)
	})
}

// applicationsMsg is the answer to the key that starts a playtest.
type applicationsMsg struct {
	list []client.Application
	err  error
}

func (m *Model) askApplications() tea.Cmd {
	m.toast = toast{text: "looking for games …", since: m.at, busy: true}
	ctx, net := m.ctx, m.net
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, actionTimeout)
		defer cancel()
		list, err := net.Applications(ctx)
		return applicationsMsg{list, err}
	}
}

// enter opens a session's screen.
func (m *Model) enter(id string) tea.Cmd {
	m.open, m.cursor, m.view = id, id, newSessionView()
	m.board(id)
	return func() tea.Msg { m.net.Open(id); return nil }
}

// leave goes back to the lobby.
func (m *Model) leave() tea.Cmd {
	m.open = ""
	return func() tea.Msg { m.net.Open(""); return nil }
}
