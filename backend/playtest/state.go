package playtest

import (
	"slices"
)

const (
	// rememberedOutcomes bounds how many decided requests a State remembers, to tell a late
	// decider what stood. Older ones are "no such request".
	rememberedOutcomes = 256
	// maxPeople bounds the people a State lists; a playtest has dozens, a stage at most 10,000.
	maxPeople = 10_000
)

// Seat is the lease on the game's controls. Epoch rises with every change of holder.
type Seat struct {
	Epoch  int64   `json:"epoch"`
	Holder *Person `json:"holder"`
	Since  int64   `json:"since"` // Unix milliseconds; 0 before the first holder
	Until  int64   `json:"until"` // Unix milliseconds from which it goes to whoever waits; 0: no limit
}

// HeldBy reports whether the person holds the seat.
func (s Seat) HeldBy(id string) bool { return s.Holder != nil && s.Holder.ID == id }

// Request is one wish for the seat. The queue is first in, first out.
type Request struct {
	ID       string `json:"id"`
	Person   Person `json:"person"`
	Since    int64  `json:"since"`    // Unix milliseconds
	Deadline int64  `json:"deadline"` // Unix milliseconds; from then on it has expired
}

// Handover is an approved request on its way to the seat. At most one runs at a time.
type Handover struct {
	Request Request `json:"request"`
	From    *Person `json:"from"` // the holder at approval, nil for an empty seat
	By      Person  `json:"by"`
	Since   int64   `json:"since"` // Unix milliseconds of the approval
	// Connecting: the old client is gone and the new one has its answer.
	Connecting bool `json:"connecting"`
}

// Outcome is how a request ended.
type Outcome struct {
	RequestID string
	Action    Action // approved, denied or cancelled
	By        Person
	Person    Person
	Reason    string
	At        int64
}

// Participant is somebody who arrived.
type Participant struct {
	Person  Person
	Arrived int64 // Unix milliseconds of the first arrival
	Seated  int   // how often they held the seat
	Spoke   int64 // Unix milliseconds of the last chat line; 0: never
	Cooling int64 // Unix milliseconds of the last turn's end or denial; 0: never
	Away    bool  // left, was removed or banned
	Removed bool  // by a QA lead; until they arrive again
	Muted   bool
	Banned  bool
}

// State is everything a session is, as the fold of its log. The zero value is the state before
// the first event.
type State struct {
	Seq       int64
	Session   string
	Timestamp int64 // of the newest event, Unix milliseconds

	Title, Application       string
	Width, Height, Framerate int
	StartedAt, EndsAt        int64
	EndedAt                  int64 // 0 while it runs
	EndReason                string

	Status, StatusReason string // of the stream session

	Policy      Policy
	Locked      bool // requests are refused
	SlowSeconds int  // slow mode; 0: off

	Seat     Seat
	Queue    []Request
	Handover *Handover

	People   map[string]Participant
	outcomes []Outcome
}

// Fold returns the state after the events.
func Fold(events []Event) State {
	var s State
	for _, e := range events {
		s.Apply(e)
	}
	return s
}

// Ended reports whether the session is over.
func (s *State) Ended() bool { return s.EndedAt != 0 }

// Position is the 1-based place of a request in the queue, 0 if it is not in it.
func (s *State) Position(requestID string) int {
	return slices.IndexFunc(s.Queue, func(r Request) bool { return r.ID == requestID }) + 1
}

// RequestOf returns the person's waiting request.
func (s *State) RequestOf(personID string) (Request, bool) {
	i := slices.IndexFunc(s.Queue, func(r Request) bool { return r.Person.ID == personID })
	if i < 0 {
		return Request{}, false
	}
	return s.Queue[i], true
}

// OutcomeOf tells how a request ended, while it is remembered.
func (s *State) OutcomeOf(requestID string) (Outcome, bool) {
	i := slices.IndexFunc(s.outcomes, func(o Outcome) bool { return o.RequestID == requestID })
	if i < 0 {
		return Outcome{}, false
	}
	return s.outcomes[i], true
}

// Clone returns a copy that shares nothing that Apply changes.
func (s *State) Clone() State {
	c := *s
	c.Queue = slices.Clone(s.Queue)
	c.outcomes = slices.Clone(s.outcomes)
	c.People = make(map[string]Participant, len(s.People))
	for id, p := range s.People {
		c.People[id] = p
	}
	return c
}

// Apply moves the state forward by one event of the log. It never refuses: what is in the log has
// happened. Events it does not know only move Seq, so that an older reader can follow a newer log.
func (s *State) Apply(e Event) {
	if e.Seq == 0 { // live events are not part of the log
		return
	}
	s.Seq = e.Seq
	s.Session = e.Session
	s.Timestamp = e.Timestamp
	switch e.Action {
	case ActionSessionStarted:
		s.Title, s.Application = e.Title, e.Application
		s.Width, s.Height, s.Framerate = e.Width, e.Height, e.Framerate
		s.StartedAt, s.EndsAt = e.Timestamp, e.EndsAt
		if e.Policy != nil {
			s.Policy = *e.Policy
		}
	case ActionSessionState:
		s.Status, s.StatusReason = e.Status, e.StatusReason
	case ActionSessionEnded:
		s.EndedAt, s.EndReason = e.Timestamp, e.Reason
		s.Handover = nil
		for _, r := range slices.Clone(s.Queue) { // nobody is left waiting in a session that is over
			s.leaveQueue(cancellation(e.Actor, r, "ended"))
		}
	case ActionArrived:
		s.meet(e.Actor, e.Timestamp)
		s.change(e.Actor, func(p *Participant) { p.Away, p.Removed = p.Banned, false })
	case ActionChat:
		s.meet(e.Actor, e.Timestamp)
		s.change(e.Actor, func(p *Participant) { p.Spoke = e.Timestamp })
	case ActionLeft:
		s.change(e.Actor, func(p *Participant) { p.Away = true })
	case ActionMute, ActionUnmute, ActionRemove, ActionBan, ActionUnban:
		s.moderate(e)
	case ActionLock, ActionUnlock:
		s.Locked = e.Action == ActionLock
	case ActionSlowMode:
		s.SlowSeconds = e.Seconds
	case ActionTakeoverRequest:
		if e.Requester == nil {
			return
		}
		s.meet(*e.Requester, e.Timestamp)
		s.Queue = append(s.Queue, Request{ID: e.RequestID, Person: *e.Requester, Since: e.Timestamp, Deadline: e.Deadline})
	case ActionTakeoverCancel:
		s.leaveQueue(e)
	case ActionTakeoverDeny:
		if r, ok := s.leaveQueue(e); ok {
			s.change(r.Person, func(p *Participant) { p.Cooling = e.Timestamp })
		}
	case ActionTakeoverApprove:
		if e.Requester == nil {
			return
		}
		r, ok := s.leaveQueue(e)
		if !ok { // given by a lead, without having been asked for
			r = Request{ID: e.RequestID, Person: *e.Requester, Since: e.Timestamp, Deadline: e.Timestamp}
			s.remember(r, e)
		}
		s.Handover = &Handover{Request: r, From: e.From, By: e.Actor, Since: e.Timestamp}
	case ActionSeatTaken:
		s.Handover = nil
		s.setSeat(e.Holder, e)
		if e.Holder != nil {
			s.meet(*e.Holder, e.Timestamp)
			s.change(*e.Holder, func(p *Participant) { p.Seated++ })
		}
	case ActionHandoverConnecting:
		if h := s.Handover; h != nil && h.Request.ID == e.RequestID {
			connecting := *h // a Clone may share the old one
			connecting.Connecting = true
			s.Handover = &connecting
		}
	case ActionSeatReleased:
		s.setSeat(nil, e)
	case ActionHandoverFailed:
		s.Handover = nil
		if e.Epoch != s.Seat.Epoch { // the previous holder is gone as well
			s.setSeat(e.Holder, e)
		}
	}
}

func (s *State) setSeat(holder *Person, e Event) {
	if former := s.Seat.Holder; former != nil {
		s.change(*former, func(p *Participant) { p.Cooling = e.Timestamp })
	}
	s.Seat = Seat{Epoch: e.Epoch, Holder: holder, Since: e.Timestamp}
	if holder != nil && s.Policy.TurnSeconds > 0 {
		s.Seat.Until = e.Timestamp + seconds(s.Policy.TurnSeconds)
	}
}

// change updates a participant whom the state knows.
func (s *State) change(who Person, update func(*Participant)) {
	p, known := s.People[who.ID]
	if !known {
		return
	}
	update(&p)
	s.People[who.ID] = p
}

func (s *State) moderate(e Event) {
	if e.Person == nil {
		return
	}
	s.change(*e.Person, func(p *Participant) {
		switch e.Action {
		case ActionMute, ActionUnmute:
			p.Muted = e.Action == ActionMute
		case ActionRemove:
			p.Away, p.Removed = true, true
		case ActionBan:
			p.Away, p.Banned = true, true
		case ActionUnban:
			p.Banned = false
		}
	})
}

func (s *State) meet(p Person, at int64) {
	if s.People == nil {
		s.People = map[string]Participant{}
	}
	if _, known := s.People[p.ID]; known || len(s.People) >= maxPeople || !p.Role.IsPerson() {
		return
	}
	s.People[p.ID] = Participant{Person: p, Arrived: at}
}

// leaveQueue takes the event's request out of the queue and remembers how it ended.
func (s *State) leaveQueue(e Event) (Request, bool) {
	i := s.Position(e.RequestID) - 1
	if i < 0 {
		return Request{}, false
	}
	r := s.Queue[i]
	s.Queue = slices.Delete(slices.Clone(s.Queue), i, i+1)
	s.remember(r, e)
	return r, true
}

// remember keeps how a request ended.
func (s *State) remember(r Request, e Event) {
	if len(s.outcomes) == rememberedOutcomes {
		s.outcomes = slices.Clone(s.outcomes[1:])
	}
	s.outcomes = append(s.outcomes, Outcome{
		RequestID: r.ID, Action: e.Action, By: e.Actor, Person: r.Person, Reason: e.Reason, At: e.Timestamp,
	})
}
