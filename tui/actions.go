package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	back *reversal      // what undoes it; nil if nothing does
}

func (m *Model) done(msg doneMsg) tea.Cmd {
	if msg.err != nil {
		m.say(toneBad, refusalText(msg.err))
		return nil
	}
	if m.toast.busy || m.toast.text == "" { // else the log was quicker and told more
		m.say(toneGood, msg.said+" in "+took(msg.took))
		if msg.back != nil {
			m.toast.text += " · " + m.keys[actUndo].Help().Key + " undoes"
		}
	}
	if m.reversal = msg.back; m.reversal != nil {
		m.reversal.until = m.at.Add(holdTime)
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
	m.toast = toast{text: doing + " …", tone: toneQuiet, since: m.at, busy: true}
	ctx, now := m.ctx, m.opts.Now
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, actionTimeout)
		defer cancel()
		began := now()
		err := call(ctx)
		return doneMsg{said: done, took: now().Sub(began), err: err, then: then}
	}
}

// actBack starts an action that something may undo.
func (m *Model) actBack(a asked, back *reversal) tea.Cmd {
	cmd := m.act(a.doing, a.done, func(ctx context.Context) error { return a.call(ctx, m.net) }, nil)
	return func() tea.Msg {
		msg := cmd().(doneMsg)
		msg.back = back
		return msg
	}
}

// actor is the person at this console.
func (m *Model) actor() actor { return actor{me: m.me, readOnly: m.opts.ReadOnly, at: m.at} }

// carryOut does what an order about a session asks for: at once, after a question, or held back for a
// while, by how hard it is to undo.
func (m *Model) carryOut(o order, b *board) tea.Cmd {
	if why := m.actor().why(o.cmd.action, b); why != "" {
		m.say(toneWarn, why)
		return nil
	}
	chosen, _ := m.chosenRequest(b)
	if why := o.settle(b, chosen); why != "" {
		m.say(toneWarn, why)
		return nil
	}
	a, ok := o.asks(b, m.at)
	if !ok {
		return nil
	}
	send := func() tea.Cmd {
		return m.actBack(a, o.reversal(b.info.ID))
	}
	name := o.person.Name
	switch o.cmd.name {
	case "remove":
		return m.hold(a.doing, name+" loses place and picture, and can come back", send)
	case "ban":
		lines := []string{name + " is put out now and can neither watch nor speak again.", "Lift it with b or :unban."}
		m.askFirst("ban "+name+"?", lines, send)
		return nil
	case "end":
		m.askFirst(b.endQuestion(), b.endLines(m.at), send)
		return nil
	}
	return send()
}

// why says why an action can do nothing here and now, "" if it can.
func (m *Model) why(name string, b *board) string {
	if why := m.actor().why(name, b); why != "" {
		return why
	}
	switch name {
	case actUndo:
		if m.held == nil && !m.reversible() {
			return "nothing counts down that could be undone"
		}
	case actNextSession, actPrevSession, actSwitch:
		if len(m.others()) == 0 {
			return "there is no other playtest"
		}
	case actNextMatch, actPrevMatch:
		if m.open == "" || m.view.filters[paneChat] == "" {
			return "search the chat first: " + m.keys[actFilter].Help().Key
		}
	case actFilter:
		if m.open != "" && !m.view.focus.listed() {
			return "there is nothing to filter in " + m.view.focus.String()
		}
	case actReport:
		if b == nil {
			return "there is no playtest here: n starts one"
		}
	case actAccess:
		if len(m.opts.Access) == 0 {
			return "there are no sign-ins to show: only the demo has them"
		}
	case actOpen:
		if b == nil {
			return "there is no playtest to open: n starts one"
		}
	case actSave:
		switch {
		case m.opts.NoFiles:
			return errNoFiles.Error()
		case m.report == nil || m.report.of == nil:
			return "open the report first: R"
		}
	}
	return ""
}

// do does what an action says, or tells why it cannot. Keys, palette and clicks come here.
func (m *Model) do(name string) tea.Cmd {
	b := m.subject()
	if why := m.why(name, b); why != "" {
		m.say(toneWarn, why)
		return nil
	}
	if cmd, ok := m.doSeat(name, b); ok {
		return cmd
	}
	return m.doView(name, b)
}

// subject is the session that actions are about: the open one, or the chosen one of the lobby.
func (m *Model) subject() *board {
	if m.open != "" {
		return m.board(m.open)
	}
	return m.chosenBoard()
}

// doSeat does the actions about seat and people; b is a session in which they can be done.
func (m *Model) doSeat(name string, b *board) (cmd tea.Cmd, ok bool) {
	switch name {
	case actApprove:
		return m.carryOut(order{cmd: commandNamed("approve")}, b), true
	case actDeny:
		return m.carryOut(order{cmd: commandNamed("deny")}, b), true
	case actDenyWhy:
		r, _ := m.chosenRequest(b)
		m.ask(promptDeny, b.info.ID, r, "reason for "+r.Person.Name)
	case actGive:
		return m.pressGive(b), true
	case actTakeBack:
		m.confirmTakeBack(b)
	case actLock:
		return m.pressLock(b), true
	case actMute:
		return m.pressMute(b), true
	case actRemove:
		return m.pressRemove(b), true
	case actBan:
		return m.pressBan(b), true
	case actSlow:
		return m.pressSlow(b), true
	case actMark:
		m.ask(promptMark, b.info.ID, playtest.Request{Since: m.at.Add(-markBack).UnixMilli()}, "mark 5 s ago")
	case actWrite:
		m.ask(promptChat, b.info.ID, playtest.Request{}, "say")
	case actEnd:
		return m.carryOut(order{cmd: commandNamed("end")}, b), true
	default:
		return nil, false
	}
	return nil, true
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
	lines := []string{b.seat().Holder.Name + " stops playing at once.", "The broadcast goes on; the seat is then free."}
	m.askFirst("take the seat back?", lines, func() tea.Cmd { return m.carryOut(order{cmd: commandNamed("reclaim")}, b) })
}

func (b *board) endQuestion() string { return "end " + b.title() + "?" }

// endLines say what ending a session does.
func (b *board) endLines(now time.Time) []string {
	lines := []string{"It ends for everybody: the game closes, the log stays."}
	if h := b.seat().Holder; h != nil {
		lines = append(lines, h.Name+" is playing.")
	}
	if n := b.watching(now); n > 0 {
		lines = append(lines, fmt.Sprintf("%d watching.", n))
	}
	return lines
}

// applicationsMsg is the answer to the key that starts a playtest.
type applicationsMsg struct {
	list client.Catalogue
	game string // what was typed after the command
	err  error
}

func (m *Model) askApplications(game string) tea.Cmd {
	m.toast = toast{text: "looking for games …", since: m.at, busy: true}
	ctx, net := m.ctx, m.net
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, actionTimeout)
		defer cancel()
		list, err := net.Catalogue(ctx)
		return applicationsMsg{list, game, err}
	}
}
