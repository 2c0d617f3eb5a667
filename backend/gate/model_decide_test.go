package gate

import (
	"slices"

	"hotseat/backend/playtest"
)

// decide says what an ask makes true at a moment, or why it makes nothing. made is the identifier that a
// new request got.
func (s seatModel) decide(now int64, who playtest.Person, ask playtest.Event, made string) (seatModel, fact, *no) {
	if s.over {
		return s, fact{}, &no{code: playtest.CodeSessionEnded}
	}
	if who.Role == playtest.RoleBackend {
		return s.machine(now, who, ask)
	}
	me := s.people[who.ID]
	switch {
	case me.banned:
		return s, fact{}, &no{code: playtest.CodeBanned}
	case me.removed && me.away && ask.Action != playtest.ActionArrived:
		return s, fact{}, &no{code: playtest.CodeRemoved}
	}
	switch ask.Action {
	case playtest.ActionArrived, playtest.ActionLeft, playtest.ActionChat:
		return s.present(now, who, ask)
	case playtest.ActionTakeoverRequest, playtest.ActionTakeoverCancel:
		return s.wants(now, who, ask, made)
	case playtest.ActionTakeoverApprove, playtest.ActionTakeoverDeny, playtest.ActionSeatReleased:
		return s.decides(now, who, ask)
	}
	return s.moderates(now, who, ask, made)
}

// place is where a request waits, -1 if it does not.
func (s seatModel) place(request string) int {
	return slices.IndexFunc(s.queue, func(w waiting) bool { return w.request == request })
}

// present: arriving, leaving, talking.
func (s seatModel) present(now int64, who playtest.Person, ask playtest.Event) (seatModel, fact, *no) {
	me, known := s.people[who.ID]
	said := fact{action: ask.Action, actor: who.ID}
	switch ask.Action {
	case playtest.ActionArrived:
		if known && !me.away {
			return s, fact{}, &no{}
		}
		s = s.meets(who.ID, who.Role)
		me = s.people[who.ID]
		me.away, me.removed = false, false
		return s.about(who.ID, me), said, nil
	case playtest.ActionLeft:
		if !known || me.away {
			return s, fact{}, &no{}
		}
		me.away = true
		return s.about(who.ID, me), said, nil
	}
	switch {
	case me.muted:
		return s, fact{}, &no{code: playtest.CodeMuted}
	case s.slow > 0 && me.spoke > 0 && who.Role != playtest.RoleLead && now < me.spoke+ms(s.slow):
		return s, fact{}, &no{code: playtest.CodeTooFast}
	}
	s = s.meets(who.ID, who.Role)
	me = s.people[who.ID]
	me.spoke, said.message = now, ask.Message
	return s.about(who.ID, me), said, nil
}

// wants: asking for the seat, and no longer.
func (s seatModel) wants(now int64, who playtest.Person, ask playtest.Event, made string) (seatModel, fact, *no) {
	mine := slices.IndexFunc(s.queue, func(w waiting) bool { return w.person == who.ID })
	if ask.Action == playtest.ActionTakeoverCancel {
		switch at := s.place(ask.RequestID); {
		case at >= 0 && at != mine:
			return s, fact{}, &no{code: playtest.CodeNotAllowed}
		case at < 0:
			return s, fact{}, s.gone(ask.RequestID)
		}
		said := fact{action: ask.Action, actor: who.ID, request: ask.RequestID, requester: who.ID, reason: "cancelled"}
		return s.ends(mine, ending{by: who.Name, verb: "cancelled", person: who.ID}), said, nil
	}
	free := who.Role == playtest.RoleLead // of locks and pauses
	var code playtest.Code
	switch cooling := s.people[who.ID].cooling; {
	case s.holder == who.ID:
		code = playtest.CodeAlreadyHolder
	case mine >= 0:
		code = playtest.CodeRequestPending
	case s.running.person == who.ID:
		code = playtest.CodeHandoverRunning
	case s.locked && !free:
		code = playtest.CodeLocked
	case cooling > 0 && now < cooling+ms(s.policy.CooldownSeconds) && !free:
		code = playtest.CodeCoolingDown
	case len(s.queue) == playtest.MaxQueue:
		code = playtest.CodeQueueFull
	}
	if code != "" {
		return s, fact{}, &no{code: code}
	}
	s = s.meets(who.ID, who.Role)
	w := waiting{made, who.ID, who.Role, now, now + ms(s.policy.RequestSeconds)}
	s.queue = append(slices.Clip(s.queue), w)
	return s, fact{action: ask.Action, actor: who.ID, request: made, requester: who.ID, deadline: w.deadline}, nil
}

// decides: what the holder and QA leads say about requests and the seat.
func (s seatModel) decides(now int64, who playtest.Person, ask playtest.Event) (seatModel, fact, *no) {
	refused := func(code playtest.Code) (seatModel, fact, *no) { return s, fact{}, &no{code: code} }
	may := who.Role == playtest.RoleLead || s.holder == who.ID
	if ask.Action == playtest.ActionSeatReleased {
		switch {
		case s.running != waiting{}:
			return refused(playtest.CodeHandoverRunning)
		case s.holder == "":
			return refused(playtest.CodeBadRequest)
		case !may:
			return refused(playtest.CodeNotAllowed)
		}
		said := fact{action: ask.Action, actor: who.ID, previous: s.holder, epoch: s.epoch + 1}
		return s.seats(now, ""), said, nil
	}
	at := s.place(ask.RequestID)
	approves := ask.Action == playtest.ActionTakeoverApprove
	if ask.RequestID == "" {
		at = slices.IndexFunc(s.queue, func(w waiting) bool { return now < w.deadline })
	}
	switch {
	case !may:
		return refused(playtest.CodeNotAllowed)
	case ask.RequestID != "" && at < 0:
		return s, fact{}, s.gone(ask.RequestID)
	case at >= 0 && now >= s.queue[at].deadline:
		return s, fact{}, expired(s.queue[at].person)
	case approves && s.running != waiting{}:
		return refused(playtest.CodeHandoverRunning)
	case at < 0:
		return refused(playtest.CodeNoSuchRequest)
	}
	w := s.queue[at]
	said := fact{action: ask.Action, actor: who.ID, request: w.request, requester: w.person}
	if approves {
		said.from = s.holder
		s = s.ends(at, ending{by: who.Name, verb: "approved", person: w.person})
		s.running = w
		return s, said, nil
	}
	s = s.ends(at, ending{by: who.Name, verb: "denied", person: w.person})
	g := s.people[w.person]
	g.cooling = now
	return s.about(w.person, g), said, nil
}

// moderates: what only QA leads do.
func (s seatModel) moderates(now int64, who playtest.Person, ask playtest.Event, made string) (seatModel, fact, *no) {
	said := fact{action: ask.Action, actor: who.ID}
	switch {
	case who.Role != playtest.RoleLead:
		return s, fact{}, &no{code: playtest.CodeNotAllowed}
	case ask.Action == playtest.ActionLock || ask.Action == playtest.ActionUnlock:
		if lock := ask.Action == playtest.ActionLock; s.locked != lock {
			s.locked = lock
			return s, said, nil
		}
		return s, fact{}, &no{}
	case ask.Action == playtest.ActionSlowMode:
		if s.slow == ask.Seconds {
			return s, fact{}, &no{}
		}
		s.slow, said.seconds = ask.Seconds, ask.Seconds
		return s, said, nil
	}
	id := ask.Person.ID
	g, known := s.people[id]
	if !known {
		return s, fact{}, &no{code: playtest.CodeNoSuchPerson}
	}
	if ask.Action == playtest.ActionGive {
		return s.gives(now, who, id, g, made)
	}
	changed := g
	switch ask.Action {
	case playtest.ActionMute, playtest.ActionUnmute:
		changed.muted = ask.Action == playtest.ActionMute
	case playtest.ActionBan:
		changed.banned, changed.away = true, true
	case playtest.ActionUnban:
		changed.banned = false
	case playtest.ActionRemove:
		changed.removed, changed.away = !g.away || g.removed, true
	}
	switch {
	case g.role == playtest.RoleLead:
		return s, fact{}, &no{code: playtest.CodeNotAllowed}
	case changed == g:
		return s, fact{}, &no{}
	}
	said.person = id
	return s.about(id, changed), said, nil
}

// gives: a QA lead gives the seat to somebody, ahead of the queue.
func (s seatModel) gives(now int64, who playtest.Person, to string, g guest, made string) (seatModel, fact, *no) {
	switch {
	case g.away:
		return s, fact{}, &no{code: playtest.CodeNoSuchPerson}
	case s.running != waiting{}:
		return s, fact{}, &no{code: playtest.CodeHandoverRunning}
	case s.holder == to:
		return s, fact{}, &no{code: playtest.CodeAlreadyHolder}
	}
	at := slices.IndexFunc(s.queue, func(w waiting) bool { return w.person == to })
	if at < 0 {
		s.queue = append(slices.Clip(s.queue), waiting{made, to, g.role, now, now})
		at = len(s.queue) - 1
	}
	w := s.queue[at]
	said := fact{action: playtest.ActionTakeoverApprove, actor: who.ID, request: w.request, requester: to, from: s.holder}
	s = s.ends(at, ending{by: who.Name, verb: "approved", person: to})
	s.running = w
	return s, said, nil
}

// machine: what the backend tells, and what it does in the name of the rules.
func (s seatModel) machine(now int64, who playtest.Person, ask playtest.Event) (seatModel, fact, *no) {
	refused := func(code playtest.Code) (seatModel, fact, *no) { return s, fact{}, &no{code: code} }
	at := s.place(ask.RequestID)
	said := fact{action: ask.Action, actor: who.ID, request: ask.RequestID}
	switch ask.Action {
	case playtest.ActionSessionEnded:
		s.over, s.queue, s.running = true, nil, waiting{}
		return s, said, nil

	case playtest.ActionTakeoverApprove:
		if s.running != (waiting{}) || at != 0 || !s.granted(now) {
			return refused(playtest.CodeNotAllowed)
		}
		w := s.queue[0]
		s = s.ends(0, ending{by: playtest.Rules.Name, verb: "approved", person: w.person})
		s.running = w
		said.actor, said.requester, said.from = playtest.Rules.ID, w.person, s.holder
		return s, said, nil

	case playtest.ActionTakeoverCancel:
		if at < 0 {
			return s, fact{}, s.gone(ask.RequestID)
		}
		w, reason := s.queue[at], ""
		if s.people[w.person].away {
			reason = "left"
		} else if now >= w.deadline {
			reason = "expired"
		}
		if reason == "" || reason != ask.Reason {
			return refused(playtest.CodeBadRequest)
		}
		said.requester, said.reason = w.person, reason
		return s.ends(at, ending{by: who.Name, verb: "cancelled", person: w.person, expired: reason == "expired"}), said, nil

	case playtest.ActionSeatReleased:
		switch {
		case s.running != waiting{}:
			return refused(playtest.CodeHandoverRunning)
		case s.holder == "":
			return refused("")
		}
		said.previous, said.epoch = s.holder, s.epoch+1
		return s.seats(now, ""), said, nil

	case playtest.ActionSeatTaken, playtest.ActionHandoverFailed:
		w := s.running
		if w == (waiting{}) || w.request != ask.RequestID {
			return refused(playtest.CodeNoSuchRequest)
		}
		s.running = waiting{}
		if ask.Action == playtest.ActionHandoverFailed {
			said.requester, said.holder, said.epoch = w.person, s.holder, s.epoch
			return s, said, nil
		}
		said.previous, said.holder, said.epoch = s.holder, w.person, s.epoch+1
		return s.seats(now, w.person), said, nil
	}
	return refused(playtest.CodeNotAllowed)
}

// granted: the first of the queue has the seat by the rules.
func (s seatModel) granted(now int64) bool {
	first := s.queue[0]
	switch {
	case now >= first.deadline || s.people[first.person].away:
		return false
	case s.holder == "" && first.role != playtest.RoleViewer:
		return true
	case s.holder != "" && s.until != 0 && now >= s.until:
		return true
	}
	return s.policy.SilenceSeconds > 0 && now >= first.since+ms(s.policy.SilenceSeconds)
}
