package tui

import (
	"slices"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// What one session keeps in memory, whatever comes.
const (
	maxChatLines   = 10_000
	maxTimeline    = 2_000
	healthHistory  = 240 // seconds of sparkline: wider than any terminal's pane
	lastOutcomes   = 3
	reactionWindow = 15 * time.Second // reactions in it are folded into one line
	// presenceLife is three of the protocol's five-second signs of life, the last one late.
	presenceLife = 16 * time.Second
	// silentAfter is three missed heartbeats of one a second.
	silentAfter = 3 * time.Second
)

// board is everything that the console knows about one session. All text in it is safe.
type board struct {
	info     client.Session
	listed   bool // info is from the list
	state    playtest.State
	chat     []line
	trimmed  int // lines of chat that were let go of: chat[i] is the line trimmed+i of the session
	timeline []moment
	outcomes []playtest.Outcome // of requests, newest last
	steps    []client.Step      // of the hand-over that runs, or ran last
	last     *handover          // that ended last
	turns    []turn             // oldest first

	statusSince int64 // Unix milliseconds of the stream session's last change; 0: none was heard of
	presence    map[presenceKey]client.Presence

	offline                     bool // this console is
	health                      *client.Health
	fps, bitrate, encode, delay []float64 // one value a heartbeat
	picture                     *client.Picture
	film                        film // the drawing of picture
}

type presenceKey struct{ person, client string }

// line is one entry of the chat pane.
type line struct {
	at        int64 // Unix milliseconds
	who       playtest.Person
	text      string
	kind      lineKind
	tone      tone           // of kind lineSystem
	reactions map[string]int // of kind lineReactions
}

type lineKind int

const (
	lineChat lineKind = iota
	lineSystem
	lineReactions
)

// moment is one entry of the timeline.
type moment struct {
	at   int64 // Unix milliseconds
	icon string
	text string
	tone tone
}

func newBoard(id string) *board {
	return &board{info: client.Session{ID: id}, presence: map[presenceKey]client.Presence{}}
}

// setInfo takes what the list of sessions says.
func (b *board) setInfo(s client.Session) {
	s.Title, s.Application = safe(s.Title), safe(s.Application)
	s.Status, s.StatusReason, s.Location = safe(s.Status), safe(s.StatusReason), safe(s.Location)
	if s.Seat.Holder != nil {
		holder := safePerson(*s.Seat.Holder)
		s.Seat.Holder = &holder
	}
	b.info, b.listed = s, true
}

// apply moves the board forward by one event of the log, which must be in order.
func (b *board) apply(e playtest.Event) {
	e = safeEvent(e)
	before := b.state.Handover
	b.state.Apply(e)
	b.keepHandover(before, e)
	b.keepTurns(e)
	if e.Action == playtest.ActionSessionState {
		b.statusSince = e.Timestamp
	}
	if e.RequestID != "" {
		if o, ok := b.state.OutcomeOf(e.RequestID); ok && (e.Action == playtest.ActionTakeoverDeny || e.Action == playtest.ActionTakeoverCancel) {
			b.outcomes = append(b.outcomes, o)
			b.outcomes = b.outcomes[max(0, len(b.outcomes)-lastOutcomes):]
		}
	}
	if e.Action == playtest.ActionChat {
		b.say(line{at: e.Timestamp, who: e.Actor, text: e.Message})
		return
	}
	said := describe(e)
	if said.text == "" {
		return
	}
	spoken := said.tone
	if e.Action == playtest.ActionSessionState && spoken != toneBad {
		spoken = toneQuiet // among people's lines only a failure stands out
	}
	b.say(line{at: e.Timestamp, text: said.text, kind: lineSystem, tone: spoken})
	if said.icon != "" {
		at := e.Timestamp
		if e.At != 0 {
			at = e.At
		}
		b.timeline = append(b.timeline, moment{at: at, icon: said.icon, text: said.text, tone: said.tone})
		if len(b.timeline) > maxTimeline {
			b.timeline = slices.Clone(b.timeline[maxTimeline/10:])
		}
	}
}

func (b *board) say(l line) {
	b.chat = append(b.chat, l)
	if len(b.chat) > maxChatLines {
		b.chat = slices.Clone(b.chat[maxChatLines/10:]) // seldom, so that an append stays cheap
		b.trimmed += maxChatLines / 10
	}
}

// applyLive takes what came on the live channel.
func (b *board) applyLive(u *client.LiveUpdate, now time.Time) {
	if h := u.Health; h != nil {
		copied := *h
		copied.State, copied.Error, copied.Encoder = safe(h.State), safe(h.Error), safe(h.Encoder)
		b.health = &copied
		b.fps = remember(b.fps, h.FPS)
		b.bitrate = remember(b.bitrate, h.BitrateKbps)
		b.encode = remember(b.encode, h.EncodeMs)
		b.delay = remember(b.delay, h.RTTMs)
	}
	if u.Picture != nil {
		b.picture = u.Picture
	}
	for _, p := range u.Presence {
		p.Person = safePerson(p.Person)
		if len(b.presence) < 10_000 || p.Watching {
			b.presence[presenceKey{p.Person.ID, p.Client}] = p
		}
	}
	b.forget(now)
	b.steps = append(b.steps, u.Steps...)
	b.steps = b.steps[max(0, len(b.steps)-16):]
	for _, r := range u.Reactions {
		b.react(safe(r.Kind), r.Count, now)
	}
}

func remember(values []float64, v float64) []float64 {
	values = append(values, v)
	if len(values) > 2*healthHistory {
		values = slices.Clone(values[len(values)-healthHistory:])
	}
	return values
}

// react folds reactions of the last moments into one line of the chat.
func (b *board) react(kind string, count int, now time.Time) {
	if !slices.Contains(playtest.Reactions, kind) {
		return
	}
	if n := len(b.chat); n > 0 && b.chat[n-1].kind == lineReactions && now.UnixMilli()-b.chat[n-1].at < reactionWindow.Milliseconds() {
		b.chat[n-1].reactions[kind] += count
		return
	}
	b.say(line{at: now.UnixMilli(), kind: lineReactions, reactions: map[string]int{kind: count}})
}

// forget drops people who went without a word long ago.
func (b *board) forget(now time.Time) {
	for key, p := range b.presence {
		if now.Sub(p.At) > time.Hour {
			delete(b.presence, key)
		}
	}
}

// watching counts the people who watch, each once however many windows they have.
func (b *board) watching(now time.Time) int {
	people := map[string]bool{}
	for _, p := range b.presence {
		if p.Watching && now.Sub(p.At) < presenceLife {
			people[p.Person.ID] = true
		}
	}
	return len(people)
}

// The log knows better than the list, once it was read.

func (b *board) title() string {
	for _, t := range []string{b.state.Title, b.info.Title, b.info.Application} {
		if t != "" {
			return t
		}
	}
	return b.info.ID
}

func (b *board) status() string {
	if b.ended() && b.info.Ended() {
		return b.info.Status
	}
	if b.state.Status != "" {
		return b.state.Status
	}
	return b.info.Status
}

func (b *board) seat() playtest.Seat {
	if b.state.Seq > 0 {
		return b.state.Seat
	}
	return b.info.Seat
}

func (b *board) ended() bool { return b.state.Ended() || b.info.Ended() }

func (b *board) startedAt() time.Time {
	if b.state.StartedAt != 0 {
		return time.UnixMilli(b.state.StartedAt)
	}
	return b.info.CreatedAt
}

// left is the time until the session ends by itself; false if it has ended or that is unknown.
func (b *board) left(now time.Time) (time.Duration, bool) {
	end := b.info.EndsAt
	if b.state.EndsAt != 0 {
		end = time.UnixMilli(b.state.EndsAt)
	}
	if b.ended() || end.IsZero() || end.Unix() <= 0 {
		return 0, false
	}
	return max(0, end.Sub(now)), true
}

// first is the request that has waited longest and has not run out.
func (b *board) first(now time.Time) (playtest.Request, bool) {
	for _, r := range b.state.Queue {
		if r.Deadline > now.UnixMilli() {
			return r, true
		}
	}
	return playtest.Request{}, false
}

func safePerson(p playtest.Person) playtest.Person {
	p.Name = safe(p.Name)
	if p.Name == "" {
		p.Name = "nameless"
	}
	return p
}

func safePointer(p *playtest.Person) *playtest.Person {
	if p == nil {
		return nil
	}
	q := safePerson(*p)
	return &q
}

// safeEvent makes every text of an event safe.
func safeEvent(e playtest.Event) playtest.Event {
	e.Actor = safePerson(e.Actor)
	e.Requester, e.From = safePointer(e.Requester), safePointer(e.From)
	e.Holder, e.Previous = safePointer(e.Holder), safePointer(e.Previous)
	e.Person = safePointer(e.Person)
	e.Message, e.Reason = safe(e.Message), safe(e.Reason)
	e.Title, e.Application = safe(e.Title), safe(e.Application)
	e.Status, e.StatusReason = safe(e.Status), safe(e.StatusReason)
	return e
}
