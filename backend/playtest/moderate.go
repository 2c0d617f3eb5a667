package playtest

import "unicode/utf8"

// MaxSlow is the longest pause of slow mode, in seconds.
const MaxSlow = 600

// decideModeration: what QA leads do about people and about the talk. All of it is in the log, with
// who did it and why.
func (s *State) decideModeration(who Person, ask Event, newID string) (*Event, *Refusal) {
	if who.Role != RoleLead {
		return nil, refuse(CodeNotAllowed, "only a QA lead does that")
	}
	reason := truncate(clean(ask.Reason), MaxReason)
	switch ask.Action {
	case ActionLock, ActionUnlock:
		if s.Locked == (ask.Action == ActionLock) {
			return nil, nil
		}
		return event(Event{Action: ask.Action, Actor: who, Reason: reason})
	case ActionSlowMode:
		if ask.Seconds < 0 || ask.Seconds > MaxSlow {
			return nil, refuse(CodeBadRequest, "slow mode is between 0 (off) and %d seconds", MaxSlow)
		}
		if ask.Seconds == s.SlowSeconds {
			return nil, nil
		}
		return event(Event{Action: ask.Action, Actor: who, Seconds: ask.Seconds, Reason: reason})
	case ActionGive:
		return s.decideGive(who, ask, newID)
	}
	person, refusal := s.named(ask)
	if refusal != nil {
		return nil, refusal
	}
	if person.Person.Role == RoleLead {
		return nil, refuse(CodeNotAllowed, "QA leads do not moderate each other")
	}
	so := map[Action]bool{
		ActionMute: person.Muted, ActionUnmute: !person.Muted, ActionBan: person.Banned, ActionUnban: !person.Banned,
		ActionRemove: person.Away,
	}
	if so[ask.Action] {
		return nil, nil
	}
	return event(Event{Action: ask.Action, Actor: who, Person: &person.Person, Reason: reason})
}

// named is the participant whom a lead means.
func (s *State) named(ask Event) (Participant, *Refusal) {
	if ask.Person == nil || ask.Person.ID == "" {
		return Participant{}, refuse(CodeBadRequest, "name the person by id")
	}
	p, ok := s.People[ask.Person.ID]
	if !ok {
		return Participant{}, refuse(CodeNoSuchPerson, "nobody with this id has been here")
	}
	return p, nil
}

// decideGive: a QA lead gives the seat to somebody, ahead of the queue. It makes the approval of that
// person's request, or of one that is made by it.
func (s *State) decideGive(who Person, ask Event, newID string) (*Event, *Refusal) {
	p, refusal := s.named(ask)
	switch {
	case refusal != nil:
		return nil, refusal
	case p.Away || p.Banned:
		return nil, refuse(CodeNoSuchPerson, "%s is no longer here", p.Person.Name)
	case s.Handover != nil:
		return nil, refuse(CodeHandoverRunning, "the seat is on its way to %s; decide again in a moment", s.Handover.Request.Person.Name)
	case s.Seat.HeldBy(p.Person.ID):
		return nil, refuse(CodeAlreadyHolder, "%s has the seat already", p.Person.Name)
	}
	r, waiting := s.RequestOf(p.Person.ID)
	if !waiting {
		r = Request{ID: newID, Person: p.Person}
	}
	return event(approval(who, r, s.Seat.Holder))
}

// mayBeHere refuses what the banned ask for. People who were removed come back by arriving again.
func (s *State) mayBeHere(who Person, action Action) *Refusal {
	p := s.People[who.ID]
	switch {
	case p.Banned:
		return refuse(CodeBanned, "a QA lead has banned you from this playtest")
	case p.Away && p.Removed && action != ActionArrived:
		return refuse(CodeRemoved, "a QA lead has removed you from this playtest; open it again to come back")
	}
	return nil
}

// MayWatch says whether somebody may see and hear the session at all. Somebody who was removed may: to come
// back, they listen first and then say that they arrived.
func (s *State) MayWatch(who Person) *Refusal { return s.mayBeHere(who, ActionArrived) }

// MayBeSeen says whether others are told that somebody is here.
func (s *State) MayBeSeen(who Person) *Refusal { return s.mayBeHere(who, ActionPresence) }

// MaySpeak says whether somebody is heard at all, in chat or by reactions.
func (s *State) MaySpeak(who Person) *Refusal {
	if refusal := s.mayBeHere(who, ActionChat); refusal != nil {
		return refusal
	}
	if s.People[who.ID].Muted {
		return refuse(CodeMuted, "a QA lead has muted you")
	}
	return nil
}

func (s *State) decideChat(at int64, who Person, ask Event) (*Event, *Refusal) {
	if refusal := s.MaySpeak(who); refusal != nil {
		return nil, refusal
	}
	text := clean(ask.Message)
	if text == "" {
		return nil, refuse(CodeBadRequest, "the message is empty")
	}
	if utf8.RuneCountInString(text) > MaxChat {
		return nil, refuse(CodeTooLarge, "a chat line has at most %d characters; this one has %d", MaxChat, utf8.RuneCountInString(text))
	}
	if last := s.People[who.ID].Spoke; s.SlowSeconds > 0 && last > 0 && who.Role != RoleLead {
		if wait := last + seconds(s.SlowSeconds) - at; wait > 0 {
			return nil, refuse(CodeTooFast, "slow mode: one line every %d s; yours can go in %d s", s.SlowSeconds, (wait+999)/1000)
		}
	}
	return event(Event{Action: ActionChat, Actor: who, Message: text})
}
