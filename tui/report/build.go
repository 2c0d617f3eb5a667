package report

import (
	"cmp"
	"slices"
	"time"

	"hotseat/backend/playtest"
)

// maxMinutes bounds what is counted by the minute: a stream session lasts 24 hours at most
// (GameLift Streams, StartStreamSession, SessionLengthSeconds).
const maxMinutes = 24 * 60

// Build folds the events of one log, in the order of their numbers. Reactions may be among them, without
// numbers; other live events and actions that it does not know are left out. It takes any list: of a log
// whose beginning is missing, it says what is there.
func Build(events []playtest.Event) Report {
	b := &builder{report: Report{Format: 1}, people: map[string]int{}, requests: map[string]int{}, stay: -1, handover: -1, drop: -1}
	for _, e := range events {
		b.count(e)
	}
	if len(events) > 0 {
		b.start = events[0].Timestamp
		b.report.Session = events[0].Session
	}
	for _, e := range events {
		if e.Seq > 0 && e.Action == playtest.ActionSessionStarted {
			b.start = e.Timestamp
			break
		}
	}
	b.report.Started = time.UnixMilli(b.start).UTC()
	for _, e := range events {
		b.apply(e)
	}
	return b.finish()
}

// builder is a report on the way. Indexes are -1 for none.
type builder struct {
	report   Report
	start    int64 // Unix milliseconds
	now      Ms    // of the newest event
	people   map[string]int
	requests map[string]int
	stay     int // the open one
	handover int // the running one
	drop     int // the open one
	chat     []Line
	ended    bool
}

func (b *builder) count(e playtest.Event) {
	if e.Seq > 0 {
		b.report.Events++
	}
}

func (b *builder) since(ms int64) Ms { return Ms(ms - b.start) }

func (b *builder) apply(e playtest.Event) {
	r := &b.report
	if e.Seq == 0 {
		if e.Action == playtest.ActionReact {
			b.react(e)
		}
		return
	}
	at := b.since(e.Timestamp)
	b.now = max(b.now, at)
	switch e.Action {
	case playtest.ActionSessionStarted:
		r.Session, r.Title, r.Application = e.Session, e.Title, e.Application
		r.Width, r.Height, r.Framerate = e.Width, e.Height, e.Framerate
		b.entry(e, Entry{Kind: KindStart, Text: "the playtest started"})
	case playtest.ActionSessionEnded:
		b.end(e)
	case playtest.ActionSessionState:
		b.state(e)
	case playtest.ActionSessionMark:
		b.mark(e)
	case playtest.ActionArrived:
		b.person(e.Actor, at)
	case playtest.ActionChat:
		if p := b.person(e.Actor, at); p != nil {
			p.Lines++
		}
		b.chat = append(b.chat, Line{At: at, Person: e.Actor, Text: e.Message})
		r.Chat = perMinute(r.Chat, at)
	case playtest.ActionTakeoverRequest, playtest.ActionTakeoverApprove, playtest.ActionTakeoverDeny, playtest.ActionTakeoverCancel:
		b.request(e)
	case playtest.ActionSeatTaken, playtest.ActionSeatReleased, playtest.ActionHandoverFailed:
		b.seat(e)
	default:
		b.moderation(e)
	}
}

// perMinute counts something that happened.
func perMinute(minutes []int, at Ms) []int {
	i := int(min(max(at/60_000, 0), maxMinutes-1))
	for len(minutes) <= i {
		minutes = append(minutes, 0)
	}
	minutes[i]++
	return minutes
}

func (b *builder) react(e playtest.Event) {
	r := &b.report.Reactions
	if !slices.Contains(playtest.Reactions, e.Reaction) {
		return
	}
	if r.ByKind == nil {
		r.ByKind = map[string]int{}
	}
	r.Recorded = true
	r.Total++
	r.ByKind[e.Reaction]++
	r.PerMinute = perMinute(r.PerMinute, b.since(e.Timestamp))
	if p := b.person(e.Actor, b.since(e.Timestamp)); p != nil {
		p.Reactions++
	}
}

// person finds somebody, and meets them if they are new; nil for machines.
func (b *builder) person(who playtest.Person, at Ms) *Person {
	if !who.Role.IsPerson() {
		return nil
	}
	i, known := b.people[who.ID]
	if !known {
		i = len(b.report.People)
		b.people[who.ID] = i
		b.report.People = append(b.report.People, Person{ID: who.ID, Name: who.Name, Role: who.Role, Arrived: at})
	}
	return &b.report.People[i]
}

func (b *builder) entry(e playtest.Event, entry Entry) {
	entry.At, entry.By = b.since(e.Timestamp), e.Actor
	b.report.Timeline = append(b.report.Timeline, entry)
}

func (b *builder) mark(e playtest.Event) {
	at := e.Timestamp
	if e.At != 0 {
		at = e.At
	}
	b.report.Marks = append(b.report.Marks, Mark{At: b.since(at), Word: e.Message, By: e.Actor, Chat: []Line{}})
	word := e.Message
	if word == "" {
		word = "a moment was marked"
	}
	e.Timestamp = at // the moment that is meant, not the one in which the lead pressed the key
	b.entry(e, Entry{Kind: KindMark, Text: word})
}

func (b *builder) end(e playtest.Event) {
	b.ended = true
	b.report.EndReason = e.Reason
	at := b.since(e.Timestamp)
	b.closeDrop(at, false)
	b.closeStay(at, "the playtest ended")
	b.closeHandover(at, "unfinished", "the playtest ended")
	for i := range b.report.Requests {
		if q := &b.report.Requests[i]; q.Outcome == Waiting {
			q.Outcome, q.Waited = Ended, at-q.At
		}
	}
	b.entry(e, Entry{Kind: KindEnd, Text: "the playtest ended", Reason: e.Reason})
}

var moderated = map[playtest.Action]string{
	playtest.ActionMute: "muted", playtest.ActionUnmute: "unmuted", playtest.ActionRemove: "removed",
	playtest.ActionBan: "banned", playtest.ActionUnban: "let back in",
}

func (b *builder) moderation(e playtest.Event) {
	switch e.Action {
	case playtest.ActionLock:
		b.entry(e, Entry{Kind: KindModeration, Text: "requests locked", Reason: e.Reason})
	case playtest.ActionUnlock:
		b.entry(e, Entry{Kind: KindModeration, Text: "requests opened again", Reason: e.Reason})
	case playtest.ActionSlowMode:
		text := "slow mode off"
		if e.Seconds > 0 {
			text = "slow mode: a line every " + long(Ms(e.Seconds)*1000)
		}
		b.entry(e, Entry{Kind: KindModeration, Text: text, Reason: e.Reason})
	}
	if verb, ok := moderated[e.Action]; ok && e.Person != nil {
		b.entry(e, Entry{Kind: KindModeration, Person: e.Person, Text: verb, Reason: e.Reason})
	}
}

// finish closes what is open, and sums up.
func (b *builder) finish() Report {
	r := &b.report
	r.Length, r.Running = max(b.now, 0), !b.ended
	if b.drop >= 0 {
		b.closeDrop(b.now, false)
	}
	if b.stay >= 0 {
		r.Stays[b.stay].Open = true
		b.closeStay(b.now, "still in the seat")
	}
	b.closeHandover(b.now, "unfinished", "")
	var waits, takes []Ms
	for i := range r.Requests {
		q := &r.Requests[i]
		switch q.Outcome {
		case Given:
		case Waiting:
			q.Waited = b.now - q.At
		default:
			waits = append(waits, q.Waited)
		}
		if p := b.person(q.Person, q.At); p != nil && q.Outcome != Given {
			p.Requests++
		}
	}
	for _, h := range r.Handovers {
		if h.Outcome == "taken" {
			takes = append(takes, h.Took)
		}
	}
	r.Waiting, r.Taking = summarise(waits), summarise(takes)
	for _, s := range r.Stays {
		r.Seated += s.Length()
		if p := b.person(s.Person, s.From); p != nil {
			p.Stays++
			p.Seated += s.Length()
		}
	}
	for i := range r.Stream {
		next := b.now
		if i+1 < len(r.Stream) {
			next = r.Stream[i+1].At
		}
		r.Stream[i].Lasted = max(next-r.Stream[i].At, 0)
	}
	b.aroundMarks()
	slices.SortStableFunc(r.Timeline, func(a, b Entry) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(r.Marks, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
	return *r
}

// aroundMarks finds, for each mark, who played and what was said.
func (b *builder) aroundMarks() {
	for i := range b.report.Marks {
		m := &b.report.Marks[i]
		for _, s := range b.report.Stays {
			if s.From <= m.At && m.At < s.To {
				holder := s.Person
				m.Holder = &holder
			}
		}
		first, _ := slices.BinarySearchFunc(b.chat, m.At-Ms(ChatBefore.Milliseconds()), func(l Line, at Ms) int { return cmp.Compare(l.At, at) })
		for _, l := range b.chat[first:] {
			if l.At > m.At+Ms(ChatAfter.Milliseconds()) {
				break
			}
			m.Chat = append(m.Chat, l)
		}
	}
}

func summarise(list []Ms) Summary {
	if len(list) == 0 {
		return Summary{}
	}
	slices.Sort(list)
	n := len(list)
	return Summary{Count: n, Median: (list[(n-1)/2] + list[n/2]) / 2, Longest: list[n-1]}
}
