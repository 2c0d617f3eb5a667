package playtest

import "time"

// Due is the next event that the rules and the time call for, without anybody's asking: published by
// the backend, it is decided like every other. It depends on the state and the time alone, so that
// any backend, also one that has just started, finds the same.
func (s *State) Due(now time.Time) (Event, bool) {
	if s.Seq == 0 || s.Ended() {
		return Event{}, false
	}
	for _, r := range s.Queue {
		if reason, over := s.requestIsOver(now, r); over {
			return Event{Action: ActionTakeoverCancel, RequestID: r.ID, Reason: reason}, true
		}
	}
	if h := s.Handover; h != nil {
		if p := s.People[h.Request.Person.ID]; p.Away {
			return Event{Action: ActionHandoverFailed, RequestID: h.Request.ID, Reason: h.Request.Person.Name + " is no longer here"}, true
		}
		return Event{}, false
	}
	if holder := s.Seat.Holder; holder != nil && s.People[holder.ID].Away {
		return Event{Action: ActionSeatReleased, Reason: holder.Name + " is no longer here"}, true
	}
	if r, ok := s.Granted(now); ok {
		return Event{Action: ActionTakeoverApprove, RequestID: r.ID}, true
	}
	return Event{}, false
}

// requestIsOver tells why a waiting request no longer waits.
func (s *State) requestIsOver(now time.Time, r Request) (reason string, over bool) {
	switch {
	case s.People[r.Person.ID].Away:
		return "left", true
	case r.Deadline <= now.UnixMilli():
		return "expired", true
	}
	return "", false
}

// Granted is the request that the rules approve by themselves: the first in the queue, if the seat is
// empty and it is a player's or a QA lead's; if the holder's turn is over; or if nobody decided about
// it for as long as the policy allows.
func (s *State) Granted(now time.Time) (Request, bool) {
	if s.Ended() || s.Handover != nil || len(s.Queue) == 0 {
		return Request{}, false
	}
	first, at := s.Queue[0], now.UnixMilli()
	if _, over := s.requestIsOver(now, first); over {
		return Request{}, false
	}
	policy := s.Policy.withDefaults()
	empty := s.Seat.Holder == nil && (first.Person.Role == RolePlayer || first.Person.Role == RoleLead)
	turnOver := s.Seat.Holder != nil && s.Seat.Until != 0 && at >= s.Seat.Until
	silence := policy.SilenceSeconds > 0 && at >= first.Since+seconds(policy.SilenceSeconds)
	return first, empty || turnOver || silence
}

// NextDeadline is when Due may have something to say that it has not now, zero if only an event can
// change that.
func (s *State) NextDeadline() time.Time {
	if s.Seq == 0 || s.Ended() {
		return time.Time{}
	}
	var next int64
	note := func(at int64) {
		if at > 0 && (next == 0 || at < next) {
			next = at
		}
	}
	policy := s.Policy.withDefaults()
	for _, r := range s.Queue {
		note(r.Deadline)
	}
	if len(s.Queue) > 0 && s.Handover == nil {
		note(s.Seat.Until)
		if policy.SilenceSeconds > 0 {
			note(s.Queue[0].Since + seconds(policy.SilenceSeconds))
		}
	}
	if next == 0 {
		return time.Time{}
	}
	return time.UnixMilli(next)
}
