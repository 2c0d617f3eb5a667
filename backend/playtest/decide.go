package playtest

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The rules' figures.
const (
	// MaxQueue bounds the requests that wait at once.
	MaxQueue = 50
	// MaxChat is the length of a chat line in characters: a paragraph, not a page.
	MaxChat = 500
	// MaxReason is the length of a reason or a mark's word in characters.
	MaxReason = 200
	// maxMarkAge bounds how far back a mark may point.
	maxMarkAge = 10 * time.Minute
)

// Decide says what becomes of an asked-for event: the event that makes it true, without sequence
// number, session and time (the caller stamps them as it appends), or why not. Neither means that
// there is nothing to do, because it is so already. One ask makes at most one event, since the
// onPublish handler of AppSync Events can change and drop events but not add any.
//
// Of ask only the fields that docs/protocol.md lets a publisher set are read; who is asking is
// who. newID is a fresh identifier for a request that this may create.
func (s *State) Decide(now time.Time, who Person, ask Event, newID string) (*Event, *Refusal) {
	if s.Ended() {
		return nil, refuse(CodeSessionEnded, "this playtest ended; open another from the lobby")
	}
	if s.Seq == 0 && ask.Action != ActionSessionStarted {
		return nil, refuse(CodeBadRequest, "this playtest has not started")
	}
	if who.Role == RoleBackend {
		return s.decideBackend(now, who, ask)
	}
	if who.Role == RoleSidecar && ask.Action == ActionSessionMark {
		return s.decideMark(now, who, ask) // the game's own
	}
	if !who.Role.IsPerson() {
		return nil, refuse(CodeNotAllowed, "%s may not publish here", who.Role)
	}
	if refusal := s.mayBeHere(who, ask.Action); refusal != nil {
		return nil, refusal
	}
	switch ask.Action {
	case ActionChat:
		return s.decideChat(now.UnixMilli(), who, ask)
	case ActionArrived:
		if p, known := s.People[who.ID]; known && !p.Away {
			return nil, nil // a reload is no second arrival
		}
		return event(Event{Action: ActionArrived, Actor: who})
	case ActionLeft:
		if p, known := s.People[who.ID]; !known || p.Away {
			return nil, nil
		}
		return event(Event{Action: ActionLeft, Actor: who})
	case ActionTakeoverRequest:
		return s.decideRequest(now, who, newID)
	case ActionTakeoverCancel:
		return s.decideCancel(who, ask)
	case ActionTakeoverApprove:
		return s.decideApprove(now, who, ask)
	case ActionTakeoverDeny:
		return s.decideDeny(now, who, ask)
	case ActionSeatReleased:
		return s.decideRelease(who, ask)
	case ActionSessionMark:
		return s.decideMark(now, who, ask)
	case ActionGive, ActionMute, ActionUnmute, ActionRemove, ActionBan, ActionUnban, ActionLock, ActionUnlock, ActionSlowMode:
		return s.decideModeration(who, ask, newID)
	}
	return nil, refuse(CodeNotAllowed, "%q is not something a %s can publish", clean(truncate(string(ask.Action), 40)), who.Role)
}

func (s *State) decideRequest(now time.Time, who Person, newID string) (*Event, *Refusal) {
	if s.Seat.HeldBy(who.ID) {
		return nil, refuse(CodeAlreadyHolder, "you have the seat already")
	}
	if _, waiting := s.RequestOf(who.ID); waiting {
		return nil, refuse(CodeRequestPending, "your request is waiting already")
	}
	if s.Handover != nil && s.Handover.Request.Person.ID == who.ID {
		return nil, refuse(CodeHandoverRunning, "the seat is on its way to you")
	}
	if s.Locked && who.Role != RoleLead {
		return nil, refuse(CodeLocked, "a QA lead has locked requests for now")
	}
	policy := s.Policy.withDefaults()
	if p := s.People[who.ID]; policy.CooldownSeconds > 0 && p.Cooling > 0 && who.Role != RoleLead {
		if wait := p.Cooling + seconds(policy.CooldownSeconds) - now.UnixMilli(); wait > 0 {
			return nil, refuse(CodeCoolingDown, "let others have a turn: you can ask again in %d s", (wait+999)/1000)
		}
	}
	if len(s.Queue) >= MaxQueue {
		return nil, refuse(CodeQueueFull, "%d people wait already; try again later", MaxQueue)
	}
	return event(Event{
		Action: ActionTakeoverRequest, Actor: who, RequestID: newID, Requester: &who,
		RequesterUsername: who.Name, Deadline: now.UnixMilli() + seconds(policy.RequestSeconds),
	})
}

func (s *State) decideCancel(who Person, ask Event) (*Event, *Refusal) {
	r, waiting := s.RequestOf(who.ID)
	if ask.RequestID != "" && (!waiting || r.ID != ask.RequestID) {
		if at := s.Position(ask.RequestID); at > 0 {
			return nil, refuse(CodeNotAllowed, "only %s can cancel that request", s.Queue[at-1].Person.Name)
		}
		return nil, s.gone(ask.RequestID)
	}
	if !waiting {
		return nil, refuse(CodeNoSuchRequest, "you have no request waiting")
	}
	return event(cancellation(who, r, "cancelled"))
}

func (s *State) decideApprove(now time.Time, who Person, ask Event) (*Event, *Refusal) {
	if refusal := s.mayDecide(who); refusal != nil {
		return nil, refusal
	}
	r, refusal := s.chosen(now, ask.RequestID)
	if refusal != nil && ask.RequestID != "" {
		return nil, refusal // also when its own hand-over runs: who is late reads who decided
	}
	if s.Handover != nil {
		return nil, refuse(CodeHandoverRunning, "the seat is on its way to %s; decide again in a moment", s.Handover.Request.Person.Name)
	}
	if refusal != nil {
		return nil, refusal
	}
	return event(approval(who, r, s.Seat.Holder))
}

func (s *State) decideDeny(now time.Time, who Person, ask Event) (*Event, *Refusal) {
	if refusal := s.mayDecide(who); refusal != nil {
		return nil, refusal
	}
	r, refusal := s.chosen(now, ask.RequestID)
	if refusal != nil {
		return nil, refusal
	}
	return event(Event{
		Action: ActionTakeoverDeny, Actor: who, RequestID: r.ID, Requester: &r.Person,
		RequesterUsername: r.Person.Name, Reason: truncate(clean(ask.Reason), MaxReason),
	})
}

func (s *State) decideRelease(who Person, ask Event) (*Event, *Refusal) {
	if s.Handover != nil {
		return nil, refuse(CodeHandoverRunning, "the seat is on its way to %s", s.Handover.Request.Person.Name)
	}
	if s.Seat.Holder == nil {
		return nil, refuse(CodeBadRequest, "nobody has the seat")
	}
	if !s.Seat.HeldBy(who.ID) && who.Role != RoleLead {
		return nil, refuse(CodeNotAllowed, "only %s or a QA lead can free the seat", s.Seat.Holder.Name)
	}
	if ask.Epoch != 0 && ask.Epoch != s.Seat.Epoch {
		return nil, refuse(CodeAlreadyDecided, "the seat has changed hands since: %s has it now", s.Seat.Holder.Name)
	}
	reason := truncate(clean(ask.Reason), MaxReason)
	if reason == "" && s.Seat.HeldBy(who.ID) {
		reason = "released"
	} else if reason == "" {
		reason = "taken back by " + who.Name
	}
	return event(s.released(who, reason))
}

func (s *State) decideMark(now time.Time, who Person, ask Event) (*Event, *Refusal) {
	if who.Role != RoleLead && who.Role != RoleSidecar {
		return nil, refuse(CodeNotAllowed, "only a QA lead and the game set marks")
	}
	at := ask.At
	if at == 0 {
		at = now.UnixMilli()
	}
	if at > now.UnixMilli() || at < now.Add(-maxMarkAge).UnixMilli() {
		return nil, refuse(CodeBadRequest, "a mark points at most %s back, and never ahead", maxMarkAge)
	}
	return event(Event{Action: ActionSessionMark, Actor: who, Message: truncate(clean(ask.Message), MaxReason), At: at})
}

// decideBackend checks what the steward reports against what the log allows: a steward that is
// late or doubled is refused like anybody else.
func (s *State) decideBackend(now time.Time, who Person, ask Event) (*Event, *Refusal) {
	switch ask.Action {
	case ActionSessionStarted:
		if s.Seq != 0 {
			return nil, refuse(CodeBadRequest, "the session has started already")
		}
		return event(Event{
			Action: ActionSessionStarted, Actor: who, Title: truncate(clean(ask.Title), MaxReason), Application: truncate(clean(ask.Application), MaxReason),
			Width: ask.Width, Height: ask.Height, Framerate: ask.Framerate, EndsAt: ask.EndsAt, Policy: ask.Policy,
		})
	case ActionSessionState:
		status, reason := truncate(clean(ask.Status), 40), truncate(clean(ask.StatusReason), MaxChat)
		if status == s.Status && reason == s.StatusReason {
			return nil, nil
		}
		return event(Event{Action: ActionSessionState, Actor: who, Status: status, StatusReason: reason})
	case ActionSessionEnded:
		return event(Event{Action: ActionSessionEnded, Actor: who, Reason: truncate(clean(ask.Reason), MaxChat)})
	case ActionTakeoverApprove:
		r, ok := s.Granted(now)
		if !ok || r.ID != ask.RequestID {
			return nil, refuse(CodeNotAllowed, "the rules do not approve request %s", clean(truncate(ask.RequestID, 40)))
		}
		return event(approval(Rules, r, s.Seat.Holder))
	case ActionTakeoverCancel:
		at := s.Position(ask.RequestID)
		if at == 0 {
			return nil, s.gone(ask.RequestID)
		}
		r := s.Queue[at-1]
		if reason, over := s.requestIsOver(now, r); ask.Reason != "ended" && (!over || reason != ask.Reason) {
			return nil, refuse(CodeBadRequest, "request %s is not %s", r.ID, clean(truncate(ask.Reason, 20)))
		}
		return event(cancellation(who, r, ask.Reason))
	case ActionSeatTaken:
		if s.Handover == nil || s.Handover.Request.ID != ask.RequestID {
			return nil, refuse(CodeNoSuchRequest, "no hand-over of request %s is running", clean(truncate(ask.RequestID, 40)))
		}
		holder := s.Handover.Request.Person
		return event(Event{
			Action: ActionSeatTaken, Actor: who, Epoch: s.Seat.Epoch + 1, Holder: &holder,
			Previous: s.Seat.Holder, RequestID: ask.RequestID, TookMs: now.UnixMilli() - s.Handover.Since,
		})
	case ActionHandoverConnecting:
		if s.Handover == nil || s.Handover.Request.ID != ask.RequestID {
			return nil, refuse(CodeNoSuchRequest, "no hand-over of request %s is running", clean(truncate(ask.RequestID, 40)))
		}
		return event(Event{Action: ActionHandoverConnecting, Actor: who, RequestID: ask.RequestID})
	case ActionSeatReleased:
		if s.Handover != nil {
			return nil, refuse(CodeHandoverRunning, "a hand-over is running")
		}
		if s.Seat.Holder == nil || ask.Epoch != 0 && ask.Epoch != s.Seat.Epoch {
			return nil, nil // it is done, or somebody else's seat by now
		}
		return event(s.released(who, truncate(clean(ask.Reason), MaxChat)))
	case ActionHandoverFailed:
		if s.Handover == nil || s.Handover.Request.ID != ask.RequestID {
			return nil, refuse(CodeNoSuchRequest, "no hand-over of request %s is running", clean(truncate(ask.RequestID, 40)))
		}
		return event(Event{
			Action: ActionHandoverFailed, Actor: who, RequestID: ask.RequestID, Requester: &s.Handover.Request.Person,
			RequesterUsername: s.Handover.Request.Person.Name, Reason: truncate(clean(ask.Reason), MaxReason), Holder: s.Seat.Holder, Epoch: s.Seat.Epoch,
		})
	}
	return nil, refuse(CodeNotAllowed, "%q is not something the backend publishes", clean(truncate(string(ask.Action), 40)))
}

// mayDecide: whose word a request needs is the session's policy.
func (s *State) mayDecide(who Person) *Refusal {
	lead, holder := who.Role == RoleLead, s.Seat.HeldBy(who.ID)
	switch s.Policy.withDefaults().Approvers {
	case ApproversLead:
		if !lead {
			return refuse(CodeNotAllowed, "only a QA lead decides about requests here")
		}
	case ApproversHolder:
		if !holder && (!lead || s.Seat.Holder != nil) {
			return refuse(CodeNotAllowed, "only the person in the seat decides about requests here; a QA lead can give the seat")
		}
	default:
		if !lead && !holder {
			return refuse(CodeNotAllowed, "only the person in the seat or a QA lead decides about requests")
		}
	}
	return nil
}

// chosen is the request that a decision is about: the named one, or the first of the queue. An
// expired one can no longer be decided, even before its cancellation is in the log.
func (s *State) chosen(now time.Time, id string) (Request, *Refusal) {
	if id == "" {
		i := slices.IndexFunc(s.Queue, func(r Request) bool { return r.Deadline > now.UnixMilli() })
		if i < 0 {
			return Request{}, refuse(CodeNoSuchRequest, "nobody is waiting for the seat")
		}
		return s.Queue[i], nil
	}
	at := s.Position(id)
	if at == 0 {
		return Request{}, s.gone(id)
	}
	if r := s.Queue[at-1]; r.Deadline > now.UnixMilli() {
		return r, nil
	}
	return Request{}, refuse(CodeAlreadyDecided, "the request of %s has expired", s.Queue[at-1].Person.Name)
}

// gone tells a late decider which outcome stood.
func (s *State) gone(id string) *Refusal {
	o, ok := s.OutcomeOf(id)
	if !ok {
		return refuse(CodeNoSuchRequest, "there is no such request")
	}
	verb := map[Action]string{
		ActionTakeoverApprove: "approved", ActionTakeoverDeny: "denied", ActionTakeoverCancel: "cancelled",
	}[o.Action]
	if o.Reason == "expired" {
		return refuse(CodeAlreadyDecided, "the request of %s has expired", o.Person.Name)
	}
	return refuse(CodeAlreadyDecided, "%s already %s the request of %s", o.By.Name, verb, o.Person.Name)
}

func (s *State) released(by Person, reason string) Event {
	return Event{Action: ActionSeatReleased, Actor: by, Epoch: s.Seat.Epoch + 1, Previous: s.Seat.Holder, Reason: reason}
}

func approval(by Person, r Request, from *Person) Event {
	return Event{
		Action: ActionTakeoverApprove, Actor: by, RequestID: r.ID, Requester: &r.Person,
		RequesterUsername: r.Person.Name, From: from,
	}
}

func cancellation(by Person, r Request, reason string) Event {
	return Event{
		Action: ActionTakeoverCancel, Actor: by, RequestID: r.ID, Requester: &r.Person,
		RequesterUsername: r.Person.Name, Reason: reason,
	}
}

func event(e Event) (*Event, *Refusal) { return &e, nil }

// clean makes one line of what a person typed: invalid UTF-8 and control characters (which would
// move a terminal's cursor or break a log line) become a replacement character, and so do the
// characters that override the direction of text (Unicode Standard Annex #9, 2.1 to 2.4), which make a
// line read as another than it is; spaces are trimmed. Right-to-left scripts need none of them.
func clean(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError))))
}

func truncate(text string, max int) string {
	runes := []rune(text)
	if len(runes) <= max {
		return text
	}
	return string(runes[:max-1]) + "…"
}
