package tui

import (
	"strings"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// lastHandoverLife is how long the steps of a hand-over stay to be read after it.
const lastHandoverLife = 12 * time.Second

// handover is one that ended.
type handover struct {
	playtest.Handover
	ended  int64 // Unix milliseconds
	took   time.Duration
	failed string // why; empty if it did not
}

// keepHandover notes the end of a hand-over, and forgets the steps of the one before when one begins.
func (b *board) keepHandover(before *playtest.Handover, e playtest.Event) {
	switch after := b.state.Handover; {
	case after != nil && (before == nil || before.Request.ID != after.Request.ID):
		b.steps, b.last = nil, nil
	case before != nil && after == nil && e.Action == playtest.ActionSeatTaken:
		b.last = &handover{Handover: *before, ended: e.Timestamp, took: time.Duration(e.TookMs) * time.Millisecond}
	case before != nil && after == nil && e.Action == playtest.ActionHandoverFailed:
		b.last = &handover{Handover: *before, ended: e.Timestamp, failed: e.Reason}
	}
}

// handoverSteps are the steps of docs/protocol.md, in order.
var handoverSteps = []string{"approved", "closing", "released", "connecting", "connected"}

// stepShort are the steps in words that stand below their parts of the bar.
var stepShort = []string{"approved", "closing", "free", "joining", "seated"}

// stepWords says what the hand-over waits for after each step.
var stepWords = map[string]string{
	"approved":   "approved",
	"closing":    "closing the holder's game",
	"released":   "the seat is free",
	"connecting": "connecting the next player",
	"connected":  "connected",
}

// stepTimes are when each step was reached, -1 for those that were not, and the last one that was.
func stepTimes(steps []client.Step, request string) (times []time.Duration, reached int) {
	times = make([]time.Duration, len(handoverSteps))
	for i := range times {
		times[i] = -1
	}
	times[0] = 0
	for _, step := range steps {
		if step.RequestID != "" && step.RequestID != request {
			continue
		}
		for i, name := range handoverSteps {
			if step.Step == name {
				times[i], reached = step.Elapsed, max(reached, i)
			}
		}
	}
	return times, reached
}

// handover is the progress of a running hand-over in three lines: who, the steps, their times.
func (m *Model) handover(b *board, w int) []string {
	s := m.styles
	h := b.state.Handover
	times, reached := stepTimes(b.steps, h.Request.ID)
	title := s.warn.Render("→ ") + s.name(h.Request.Person.ID, h.Request.Person.Name) + s.muted.Render("  by "+h.By.Name)
	return []string{
		sides(title, s.text.Render(took(max(0, m.since(h.Since)))), w),
		m.stepBar(reached, w, s.accent.Render),
		m.stepLine(times, reached, w),
	}
}

// lastHandover is how the last hand-over went, while that is news.
func (m *Model) lastHandover(b *board, w int) []string {
	s, h := m.styles, b.last
	if h == nil || m.at.Sub(time.UnixMilli(h.ended)) > lastHandoverLife {
		return nil
	}
	times, reached := stepTimes(b.steps, h.Request.ID)
	who := s.name(h.Request.Person.ID, h.Request.Person.Name)
	if h.failed != "" {
		return []string{
			sides(s.bad.Render("✗ ")+s.text.Render("not to ")+who, "", w),
			m.stepBar(reached, w, s.bad.Render),
			s.text.Render(strings.Join(wrap(h.failed, w)[:1], "")),
		}
	}
	times[len(times)-1] = h.took
	return []string{
		sides(s.good.Render("✓ ")+s.text.Render("to ")+who, s.text.Render(took(h.took)), w),
		m.stepBar(len(handoverSteps)-1, w, s.good.Render),
		m.stepLine(times, len(handoverSteps)-1, w),
	}
}

// stepBar is a line in as many parts as there are steps.
func (m *Model) stepBar(reached, w int, fill func(...string) string) string {
	part := (w - len(handoverSteps) + 1) / len(handoverSteps)
	var bar []string
	for i := range handoverSteps {
		n := part
		if i == len(handoverSteps)-1 {
			n = w - (part+1)*(len(handoverSteps)-1)
		}
		if i <= reached {
			bar = append(bar, fill(strings.Repeat("━", max(0, n))))
			continue
		}
		bar = append(bar, m.styles.faint.Render(strings.Repeat("─", max(0, n))))
	}
	return strings.Join(bar, " ")
}

// stepLine is the steps' times below their parts of the bar, and what is waited for.
func (m *Model) stepLine(times []time.Duration, reached, w int) string {
	s := m.styles
	part := (w-len(handoverSteps)+1)/len(handoverSteps) + 1
	if part >= 7 && part < 9 && reached == len(handoverSteps)-1 { // it is over: the times alone
		var b strings.Builder
		for _, t := range times {
			word := ""
			if t > 0 {
				word = took(t)
			}
			b.WriteString(s.muted.Render(fit(word, part)))
		}
		return fit(b.String(), w)
	}
	if part < 9 { // too narrow for five: the words say more
		word := stepWords[handoverSteps[reached]]
		if last := times[reached]; last > 0 && reached < len(handoverSteps)-1 {
			return sides(s.muted.Render(word), s.muted.Render("since "+took(last)), w)
		}
		return s.muted.Render(word)
	}
	var b strings.Builder
	for i, name := range stepShort {
		word, style := name, s.faint
		if i <= reached {
			style = s.muted
		}
		if times[i] > 0 && part >= 16 {
			word = name + " " + took(times[i])
		} else if times[i] > 0 {
			word = took(times[i])
		}
		b.WriteString(style.Render(fit(word, part)))
	}
	return fit(b.String(), w)
}
