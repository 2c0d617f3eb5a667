package gate

import (
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"hotseat/backend/playtest"
)

// seatModel is one session as docs/protocol.md tells of it, for one caller at a time: who has the
// seat, who waits, how requests ended. It is written from that page and not from playtest.State,
// so that a mistake there is not its own proof. Nothing expires: a history is shorter than a
// request's life.
//
// Its values are never changed: a step makes a new one.
type seatModel struct {
	seq     int64
	epoch   int64
	holder  string  // person, "" for an empty seat
	running waiting // the hand-over; zero: none
	queue   []waiting
	ended   map[string]ending // by request
}

type waiting struct {
	request, person string
	role            playtest.Role
}

type ending struct{ by, verb, person string }

// fact is what an event says about the seat.
type fact struct {
	action                           playtest.Action
	request, requester, from, holder string
	epoch                            int64
}

func factOf(e playtest.Event) fact {
	id := func(p *playtest.Person) string {
		if p == nil {
			return ""
		}
		return p.ID
	}
	return fact{e.Action, e.RequestID, id(e.Requester), id(e.From), id(e.Holder), e.Epoch}
}

// linearizable is the model for the checker: an order of all calls, each somewhere between its
// invocation and its response, in which every reply is the one that the model gives.
var linearizable = porcupine.Model{
	Init: func() any { return seatModel{seq: 1} }, // SESSION_STARTED is in the log
	Step: func(state, input, output any) (bool, any) {
		return state.(seatModel).step(input.(call), output.(reply))
	},
	Equal: func(a, b any) bool {
		s, o := a.(seatModel), b.(seatModel)
		return s.seq == o.seq && s.epoch == o.epoch && s.holder == o.holder && s.running == o.running &&
			slices.Equal(s.queue, o.queue) && maps.Equal(s.ended, o.ended)
	},
	Hash: func(state any) uint64 { return uint64(state.(seatModel).seq) },
	DescribeOperation: func(input, output any) string {
		return describe(input.(call), output.(reply))
	},
}

// step says whether the reply is right in this state, and which state is next.
func (s seatModel) step(c call, r reply) (bool, seatModel) {
	switch {
	case r.Overtaken:
		return true, s // it did nothing, and says so
	case c.Ask == nil:
		return r.View != nil && s.looksLike(*r.View), s
	}
	made := ""
	if r.Event != nil {
		made = r.Event.RequestID
	}
	next, said, code := s.decide(c.Who.Person, *c.Ask, made)
	if code != "" {
		return r.Code == code && s.explains(code, c.Ask.RequestID, r.Message), s
	}
	next.seq++
	right := r.Event != nil && r.Event.Seq == next.seq && r.Event.Session == c.Session && factOf(*r.Event) == said
	return right, next
}

func (s seatModel) looksLike(v view) bool {
	return s.seq == v.Seq && s.epoch == v.Epoch && s.holder == v.Holder && s.running.request == v.Running &&
		slices.EqualFunc(s.queue, v.Queue, func(w waiting, request string) bool { return w.request == request })
}

// explains: who comes too late reads who decided what.
func (s seatModel) explains(code playtest.Code, request, message string) bool {
	if code != playtest.CodeAlreadyDecided {
		return true
	}
	e := s.ended[request]
	return strings.HasPrefix(message, e.by+" ") && strings.Contains(message, " "+e.verb+" ") && strings.HasSuffix(message, " "+e.person)
}

// decide says what an ask makes true, or the code of why not. made is the identifier that a new
// request got.
func (s seatModel) decide(who playtest.Person, ask playtest.Event, made string) (seatModel, fact, playtest.Code) {
	refused := func(code playtest.Code) (seatModel, fact, playtest.Code) { return s, fact{}, code }
	lead, machine := who.Role == playtest.RoleLead, who.Role == playtest.RoleBackend
	at := slices.IndexFunc(s.queue, func(w waiting) bool { return w.request == ask.RequestID })
	switch ask.Action {
	case playtest.ActionTakeoverRequest:
		switch {
		case s.holder == who.ID:
			return refused(playtest.CodeAlreadyHolder)
		case slices.ContainsFunc(s.queue, func(w waiting) bool { return w.person == who.ID }):
			return refused(playtest.CodeRequestPending)
		case s.running.person == who.ID:
			return refused(playtest.CodeHandoverRunning)
		case len(s.queue) == playtest.MaxQueue:
			return refused(playtest.CodeQueueFull)
		}
		s.queue = append(slices.Clip(s.queue), waiting{made, who.ID, who.Role})
		return s, fact{action: ask.Action, request: made, requester: who.ID}, ""

	case playtest.ActionTakeoverCancel:
		switch {
		case at < 0:
			return refused(s.gone(ask.RequestID))
		case s.queue[at].person != who.ID:
			return refused(playtest.CodeNotAllowed)
		}
		w := s.queue[at]
		return s.leaves(at, ending{who.Name, "cancelled", w.person}), fact{action: ask.Action, request: w.request, requester: w.person}, ""

	case playtest.ActionTakeoverApprove:
		by := who.Name
		switch {
		case machine && (s.holder != "" || s.running != waiting{} || at != 0 || s.queue[0].role == playtest.RoleViewer):
			return refused(playtest.CodeNotAllowed)
		case machine:
			by = playtest.Rules.Name
		case !lead && s.holder != who.ID:
			return refused(playtest.CodeNotAllowed)
		case ask.RequestID != "" && at < 0:
			return refused(s.gone(ask.RequestID))
		case s.running != waiting{}:
			return refused(playtest.CodeHandoverRunning)
		case len(s.queue) == 0:
			return refused(playtest.CodeNoSuchRequest)
		case ask.RequestID == "":
			at = 0
		}
		w := s.queue[at]
		s = s.leaves(at, ending{by, "approved", w.person})
		s.running = w
		return s, fact{action: ask.Action, request: w.request, requester: w.person, from: s.holder}, ""

	case playtest.ActionTakeoverDeny:
		switch {
		case !lead && s.holder != who.ID:
			return refused(playtest.CodeNotAllowed)
		case at < 0:
			return refused(s.gone(ask.RequestID))
		}
		w := s.queue[at]
		return s.leaves(at, ending{who.Name, "denied", w.person}), fact{action: ask.Action, request: w.request, requester: w.person}, ""

	case playtest.ActionSeatReleased:
		switch {
		case s.running != waiting{}:
			return refused(playtest.CodeHandoverRunning)
		case s.holder == "":
			return refused(playtest.CodeBadRequest)
		case s.holder != who.ID && !lead:
			return refused(playtest.CodeNotAllowed)
		}
		s.holder, s.epoch = "", s.epoch+1
		return s, fact{action: ask.Action, epoch: s.epoch}, ""

	case playtest.ActionSeatTaken:
		if s.running.request != ask.RequestID {
			return refused(playtest.CodeNoSuchRequest)
		}
		s.holder, s.epoch, s.running = s.running.person, s.epoch+1, waiting{}
		return s, fact{action: ask.Action, request: ask.RequestID, holder: s.holder, epoch: s.epoch}, ""

	case playtest.ActionHandoverFailed:
		if s.running.request != ask.RequestID {
			return refused(playtest.CodeNoSuchRequest)
		}
		requester := s.running.person
		s.running = waiting{}
		return s, fact{action: ask.Action, request: ask.RequestID, requester: requester, holder: s.holder, epoch: s.epoch}, ""
	}
	return refused(playtest.CodeNotAllowed)
}

func (s seatModel) gone(request string) playtest.Code {
	if _, known := s.ended[request]; known {
		return playtest.CodeAlreadyDecided
	}
	return playtest.CodeNoSuchRequest
}

// leaves is the state without the request at a place of the queue.
func (s seatModel) leaves(at int, how ending) seatModel {
	ended := maps.Clone(s.ended)
	if ended == nil {
		ended = map[string]ending{}
	}
	ended[s.queue[at].request] = how
	s.ended, s.queue = ended, slices.Delete(slices.Clone(s.queue), at, at+1)
	return s
}
