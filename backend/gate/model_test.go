package gate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/anishathalye/porcupine"

	"hotseat/backend/playtest"
)

// seatModel is one session as docs/protocol.md tells of it, for one caller at a time: who has the
// seat, who waits, how requests ended, who may not speak. It is written from that page and not from
// playtest.State, so that a mistake there is not its own proof.
//
// Its values are never changed: a step makes a new one.
type seatModel struct {
	policy  playtest.Policy // every field set
	seq     int64
	newest  int64 // stamp of the newest event
	over    bool
	locked  bool
	slow    int // seconds
	epoch   int64
	holder  string  // person, "" for an empty seat
	until   int64   // of the holder's turn; 0: no limit
	running waiting // the hand-over; zero: none
	queue   []waiting
	ended   map[string]ending // by request
	people  map[string]guest  // by id
}

type waiting struct {
	request, person string
	role            playtest.Role
	since, deadline int64
}

type ending struct {
	by, verb, person string
	expired          bool
}

type guest struct {
	role                         playtest.Role
	away, removed, muted, banned bool
	spoke, cooling               int64
}

// fact is what an event says, but for its number and time.
type fact struct {
	action                                            playtest.Action
	actor, request, requester, from, holder, previous string
	person, message, reason                           string
	epoch, deadline                                   int64
	seconds                                           int
}

func factOf(e playtest.Event) fact {
	id := func(p *playtest.Person) string {
		if p == nil {
			return ""
		}
		return p.ID
	}
	f := fact{
		action: e.Action, actor: e.Actor.ID, request: e.RequestID, requester: id(e.Requester), from: id(e.From), holder: id(e.Holder),
		previous: id(e.Previous), person: id(e.Person), message: e.Message, epoch: e.Epoch, deadline: e.Deadline, seconds: e.Seconds,
	}
	if e.Action == playtest.ActionTakeoverCancel { // elsewhere it is words for people
		f.reason = e.Reason
	}
	return f
}

// linearizable is the model for the checker: an order of all calls, each somewhere between its
// invocation and its response, in which every reply is the one that the model gives.
//
// A call is lost when its process died before it replied: it took effect, or never will. What settles
// it is the log, which is read when all is over. An event in the log that nobody was told of is an
// orphan, and a lost call is the cause of at most one. So a lost call leaves the state alone, or it
// makes true exactly what the orphan with the next number says; the checker follows both. That is sound:
// a call that took effect has its event in the log, since taking effect is nothing else, and one that
// did not has no effect that anybody could see. It is also strict: an orphan that no lost call can
// have caused, or not at that place, leaves a number that no step reaches. The response of a lost call
// is the end of its process (see process.receive), since nothing of it runs afterwards.
func linearizable(policy playtest.Policy, orphans map[int64]playtest.Event) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { // SESSION_STARTED is in the log
			return []any{seatModel{policy: policy, seq: 1, newest: clockZero.UnixMilli()}}
		},
		Step: func(state, input, output any) []any {
			s, c, r := state.(seatModel), input.(call), output.(reply)
			var next []any
			if r.Lost {
				next = append(next, s)
				orphan, ok := orphans[s.seq+1]
				if !ok {
					return next
				}
				r.Event = &orphan
			}
			if ok, after := s.step(c, r); ok {
				next = append(next, after)
			}
			return next
		},
		Equal:             func(a, b any) bool { return a.(seatModel).equal(b.(seatModel)) },
		Hash:              func(state any) uint64 { return uint64(state.(seatModel).seq) },
		DescribeOperation: func(input, output any) string { return describe(input.(call), output.(reply)) },
	}
	return model.ToModel()
}

func (s seatModel) equal(o seatModel) bool {
	return s.seq == o.seq && s.newest == o.newest && s.over == o.over && s.locked == o.locked && s.slow == o.slow &&
		s.epoch == o.epoch && s.holder == o.holder && s.until == o.until && s.running == o.running &&
		slices.Equal(s.queue, o.queue) && maps.Equal(s.ended, o.ended) && maps.Equal(s.people, o.people)
}

// step says whether the reply is right in this state, and which state is next.
//
// A call reads the clock once, at some moment between its invocation and its response. An event tells
// when that was: its stamp. A refusal does not, so that it is right if it is right at any moment of the
// call. Calls that change nothing need not read the clock in the order of the log: a lead can be told that
// a request has expired while another's approval, decided a moment before the deadline, is on its way
// into the log.
func (s seatModel) step(c call, r reply) (bool, seatModel) {
	switch {
	case r.Overtaken || r.limited():
		return true, s // it did nothing, and says so
	case c.Ask == nil:
		return r.View != nil && s.looksLike(*r.View), s
	case r.Event != nil:
		e := *r.Event
		next, said, no := s.decide(e.Timestamp, c.Who.Person, *c.Ask, e.RequestID)
		if no != nil || e.Timestamp < max(c.At, s.newest) || e.Timestamp > r.At {
			return false, s
		}
		next.seq, next.newest = s.seq+1, e.Timestamp
		return e.Seq == next.seq && e.Session == c.Session && factOf(e) == said, next
	}
	return slices.ContainsFunc(s.moments(c.At, r.At), func(now int64) bool {
		_, _, no := s.decide(now, c.Who.Person, *c.Ask, "")
		return no != nil && no.code == r.Code && (no.says == "" || no.says == r.Message)
	}), s
}

// moments are those between two stamps at which a decision can begin to be another.
func (s seatModel) moments(from, to int64) []int64 {
	moments := []int64{from}
	note := func(at int64) {
		if from < at && at <= to {
			moments = append(moments, at)
		}
	}
	note(s.until)
	for _, w := range s.queue {
		note(w.deadline)
		note(w.since + ms(s.policy.SilenceSeconds))
	}
	for _, p := range s.people {
		note(p.cooling + ms(s.policy.CooldownSeconds))
		note(p.spoke + ms(s.slow))
	}
	return moments
}

func ms(seconds int) int64 { return int64(seconds) * 1000 }

func (s seatModel) looksLike(v view) bool {
	return s.seq == v.Seq && s.epoch == v.Epoch && s.holder == v.Holder && s.running.request == v.Running &&
		slices.EqualFunc(s.queue, v.Queue, func(w waiting, request string) bool { return w.request == request })
}

// no is why an ask makes no event. Its code is "" where it is so already.
type no struct {
	code playtest.Code
	says string // "" leaves the words free
}

// gone: who comes too late reads who decided what.
func (s seatModel) gone(request string) *no {
	e, known := s.ended[request]
	switch {
	case !known:
		return &no{code: playtest.CodeNoSuchRequest}
	case e.expired:
		return expired(e.person)
	}
	return &no{playtest.CodeAlreadyDecided, fmt.Sprintf("%s already %s the request of %s", e.by, e.verb, e.person)}
}

func expired(person string) *no {
	return &no{playtest.CodeAlreadyDecided, fmt.Sprintf("the request of %s has expired", person)}
}

// ends is the state without the request at a place of the queue.
func (s seatModel) ends(at int, how ending) seatModel {
	s.ended = with(s.ended, s.queue[at].request, how)
	s.queue = slices.Delete(slices.Clone(s.queue), at, at+1)
	return s
}

// seats is the state in which somebody else has the seat, or nobody.
func (s seatModel) seats(now int64, holder string) seatModel {
	if g, known := s.people[s.holder]; known {
		g.cooling = now
		s.people = with(s.people, s.holder, g)
	}
	s.holder, s.until, s.epoch = holder, 0, s.epoch+1
	if holder != "" && s.policy.TurnSeconds > 0 {
		s.until = now + ms(s.policy.TurnSeconds)
	}
	return s
}

// meets is the state that knows a person.
func (s seatModel) meets(id string, role playtest.Role) seatModel {
	if _, known := s.people[id]; !known {
		s.people = with(s.people, id, guest{role: role})
	}
	return s
}

// about is the state with a changed guest.
func (s seatModel) about(id string, g guest) seatModel {
	s.people = with(s.people, id, g)
	return s
}

// with is a copy of a map with one more entry, or another.
func with[V any](m map[string]V, key string, value V) map[string]V {
	more := make(map[string]V, len(m)+1)
	maps.Copy(more, m)
	more[key] = value
	return more
}
