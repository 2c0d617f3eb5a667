package playtest

import (
	"slices"

	"pgregory.net/rapid"
)

// record is what somebody knows who only reads the log, and keeps what the promises are about. It shares
// nothing with State, so that a mistake there is not its own proof.
type record struct {
	policy Policy // with its defaults

	started, over bool
	locked        bool
	slow          int64
	holder        string
	epoch         int64
	until         int64
	running       string           // request of the hand-over
	asked         map[string]Event // requests that were made
	queue         []string         // those that wait, the first first
	outcomes      map[string]Event // how requests ended

	known, muted, banned, removed, away map[string]bool
	spoke, cooling                      map[string]int64
}

func newRecord(policy Policy) *record {
	set := func() map[string]bool { return map[string]bool{} }
	return &record{
		policy: policy.withDefaults(), asked: map[string]Event{}, outcomes: map[string]Event{},
		known: set(), muted: set(), banned: set(), removed: set(), away: set(), spoke: map[string]int64{}, cooling: map[string]int64{},
	}
}

// notes an event of the log.
func (r *record) notes(e Event) {
	about := func() string { return e.Person.ID }
	switch e.Action {
	case ActionSessionStarted:
		r.started = true
	case ActionSessionEnded:
		r.over, r.queue, r.running = true, nil, ""
	case ActionArrived:
		r.known[e.Actor.ID] = true
		r.away[e.Actor.ID], r.removed[e.Actor.ID] = false, false
	case ActionLeft:
		r.away[e.Actor.ID] = true
	case ActionChat:
		r.known[e.Actor.ID] = true
		r.spoke[e.Actor.ID] = e.Timestamp
	case ActionTakeoverRequest:
		r.known[e.Actor.ID] = true
		r.asked[e.RequestID] = e
		r.queue = append(r.queue, e.RequestID)
	case ActionTakeoverApprove, ActionTakeoverDeny, ActionTakeoverCancel:
		r.outcomes[e.RequestID] = e
		r.queue = slices.DeleteFunc(slices.Clone(r.queue), func(id string) bool { return id == e.RequestID })
		if e.Action == ActionTakeoverApprove {
			r.running = e.RequestID
		}
		if e.Action == ActionTakeoverDeny {
			r.cooling[e.Requester.ID] = e.Timestamp
		}
	case ActionSeatTaken, ActionSeatReleased:
		r.cooling[r.holder] = e.Timestamp
		r.holder, r.until, r.epoch = "", 0, e.Epoch
		if e.Action == ActionSeatTaken {
			r.holder, r.running = e.Holder.ID, ""
		}
		if e.Action == ActionSeatTaken && r.policy.TurnSeconds > 0 {
			r.until = e.Timestamp + seconds(r.policy.TurnSeconds)
		}
	case ActionHandoverFailed:
		r.running = ""
	case ActionMute, ActionUnmute:
		r.muted[about()] = e.Action == ActionMute
	case ActionBan, ActionUnban:
		r.banned[about()] = e.Action == ActionBan
		r.away[about()] = true
	case ActionRemove:
		r.removed[about()], r.away[about()] = true, true
	case ActionLock, ActionUnlock:
		r.locked = e.Action == ActionLock
	case ActionSlowMode:
		r.slow = seconds(e.Seconds)
	}
}

// holds: the event that an ask made keeps the promises.
func (r *record) holds(rt *rapid.T, who Person, ask, e Event) {
	never := func(broken bool, promise string) {
		if broken {
			rt.Fatalf("%s: %s by %s made %+v", promise, ask.Action, who.Name, e)
		}
	}
	lead, machine := who.Role == RoleLead, who.Role == RoleBackend
	never(r.over, "nothing happens after the end")
	never(e.Actor != who && (e.Actor != Rules || !machine), "nobody speaks as another")
	never(!machine && !who.Role.IsPerson() && e.Action != ActionSessionMark, "a sidecar has no say in the log but its game's marks")
	never(r.banned[who.ID], "the banned do nothing")
	never(r.removed[who.ID] && r.away[who.ID] && e.Action != ActionArrived, "the removed do nothing but come back")
	switch e.Action {
	case ActionSessionStarted:
		never(r.started || !machine, "a session starts once")
	case ActionSessionState, ActionSessionEnded, ActionHandoverConnecting:
		never(!machine, "only the backend tells what the services did")
	case ActionSessionMark:
		never(!lead && who.Role != RoleSidecar || e.At > e.Timestamp || e.At < e.Timestamp-maxMarkAge.Milliseconds(), "marks are a lead's or the game's, and of the last minutes")
	case ActionChat:
		never(r.muted[who.ID], "nobody muted is heard")
		never(!lead && r.slow > 0 && r.spoke[who.ID] > 0 && e.Timestamp < r.spoke[who.ID]+r.slow, "slow mode is kept")
	case ActionMute, ActionUnmute, ActionRemove, ActionBan, ActionUnban:
		never(!lead || !r.known[e.Person.ID] || e.Person.Role == RoleLead, "leads moderate people who were here, and not each other")
		never(e.Action == ActionMute && r.muted[e.Person.ID] || e.Action == ActionBan && r.banned[e.Person.ID], "what is so is not made so")
	case ActionLock, ActionUnlock:
		never(!lead || r.locked == (e.Action == ActionLock), "leads lock what is open")
	case ActionSlowMode:
		never(!lead || e.Seconds < 0 || e.Seconds > MaxSlow, "slow mode is a lead's, and bounded")
	case ActionTakeoverRequest:
		r.asks(never, who, e)
	case ActionTakeoverApprove, ActionTakeoverDeny, ActionTakeoverCancel:
		r.decides(never, who, ask, e)
	case ActionSeatTaken:
		way := r.outcomes[r.running]
		never(!machine || r.running == "" || e.RequestID != r.running || *e.Holder != *way.Requester, "the seat goes to whom it was on its way to")
		never(personID(e.Previous) != r.holder || e.Epoch != r.epoch+1, "one holder follows another, in a higher epoch")
	case ActionSeatReleased:
		never(r.running != "" || r.holder == "" || r.holder != who.ID && !lead && !machine, "holder, leads and backend free a seat that is held")
		never(personID(e.Previous) != r.holder || e.Epoch != r.epoch+1, "nobody follows the holder, in a higher epoch")
	case ActionHandoverFailed:
		never(!machine || r.running == "" || e.RequestID != r.running, "what fails was running")
		never(personID(e.Holder) != r.holder || e.Epoch != r.epoch, "the holder stays when a hand-over fails")
	}
}

func personID(p *Person) string {
	if p == nil {
		return ""
	}
	return p.ID
}

// asks: a request that was made could be made.
func (r *record) asks(never func(bool, string), who Person, e Event) {
	_, twice := r.asked[e.RequestID]
	never(twice, "a request is made once")
	never(slices.ContainsFunc(r.queue, func(id string) bool { return r.asked[id].Actor.ID == who.ID }), "nobody waits twice")
	never(r.holder == who.ID, "the holder does not ask")
	never(r.running != "" && r.outcomes[r.running].Requester.ID == who.ID, "who is on the way does not ask")
	never(len(r.queue) >= MaxQueue, "the queue is bounded")
	never(e.Deadline != e.Timestamp+seconds(r.policy.RequestSeconds), "a request waits as long as the policy says")
	if who.Role == RoleLead {
		return
	}
	never(r.locked, "locked requests are not made")
	last, cools := r.cooling[who.ID]
	never(cools && e.Timestamp < last+seconds(r.policy.CooldownSeconds), "after a turn or a denial there is a pause")
}

// decides: a request's end could be its end.
func (r *record) decides(never func(bool, string), who Person, ask, e Event) {
	_, already := r.outcomes[e.RequestID]
	never(already, "a request has one outcome")
	request, made := r.asked[e.RequestID]
	waits := slices.Contains(r.queue, e.RequestID)
	lead, holder := who.Role == RoleLead, r.holder == who.ID
	approves := e.Action == ActionTakeoverApprove
	never(approves && r.running != "", "one hand-over runs at a time")
	never(approves && personID(e.From) != r.holder, "who gives the seat up is who has it")
	if ask.Action == ActionGive {
		never(!lead || e.Requester.ID != ask.Person.ID || r.away[e.Requester.ID] || r.holder == e.Requester.ID, "leads give the seat to somebody who is here")
		never(made && request.Actor.ID != e.Requester.ID, "a request is its requester's")
		return
	}
	never(!made || !waits || *e.Requester != request.Actor || e.RequesterUsername != request.Actor.Name, "what is decided is a request that waits")
	never(ask.RequestID != "" && ask.RequestID != e.RequestID, "what is decided is what was named")
	late := e.Timestamp >= request.Deadline
	if e.Action == ActionTakeoverCancel {
		own := who.ID == request.Actor.ID && e.Reason == "cancelled"
		over := e.Reason == "expired" && late || e.Reason == "left" && r.away[request.Actor.ID]
		never(!own && (who.Role != RoleBackend || !over), "a request is cancelled by its requester or by time")
		return
	}
	never(late, "an expired request is not decided")
	if e.Actor == Rules {
		r.grants(never, request, e)
		return
	}
	may := map[Approvers]bool{
		ApproversBoth: lead || holder, ApproversLead: lead, ApproversHolder: holder || lead && r.holder == "",
	}[r.policy.Approvers]
	never(!may, "those decide whom the policy names")
	if ask.RequestID == "" { // the first that has not expired
		for _, id := range r.queue[:slices.Index(r.queue, e.RequestID)] {
			never(e.Timestamp < r.asked[id].Deadline, "who came first is first")
		}
	}
}

// grants: the rules approve by themselves only what the policy lets them.
func (r *record) grants(never func(bool, string), request, e Event) {
	never(e.Action != ActionTakeoverApprove, "the rules deny nobody")
	never(r.queue[0] != e.RequestID, "the rules pass nobody over")
	never(r.away[request.Actor.ID], "the rules give the seat to somebody who is here")
	empty := r.holder == "" && request.Actor.Role != RoleViewer
	turnOver := r.holder != "" && r.until != 0 && e.Timestamp >= r.until
	silence := r.policy.SilenceSeconds > 0 && e.Timestamp >= request.Timestamp+seconds(r.policy.SilenceSeconds)
	never(!empty && !turnOver && !silence, "the rules wait for an empty seat, the end of a turn or of the patience")
}

// hears: reactions and subscriptions of those who may not be heard or watch are refused, those of others
// are not.
func (r *record) hears(rt *rapid.T, s *State, who Person) {
	if r.over || !who.Role.IsPerson() {
		return
	}
	out := r.banned[who.ID] || r.removed[who.ID] && r.away[who.ID]
	if heard := s.MaySpeak(who) == nil; heard == (out || r.muted[who.ID]) {
		rt.Fatalf("%s is heard: %v; muted %v, banned or removed %v", who.Name, heard, r.muted[who.ID], out)
	}
	if watches := s.MayWatch(who) == nil; watches == r.banned[who.ID] {
		rt.Fatalf("%s watches: %v; banned %v", who.Name, watches, r.banned[who.ID])
	}
}

// legal: a state, of whatever prefix of the log, is one that the record knows too.
func (r *record) legal(rt *rapid.T, s *State) {
	never := func(broken bool, promise string) {
		if broken {
			rt.Fatalf("%s: %+v", promise, s)
		}
	}
	never(s.Ended() != r.over || s.Locked != r.locked || seconds(s.SlowSeconds) != r.slow, "what leads and backend set is set")
	never(personID(s.Seat.Holder) != r.holder || s.Seat.Epoch != r.epoch || s.Seat.Until != r.until, "the seat is whose the log says")
	never((s.Handover != nil) != (r.running != ""), "a hand-over runs from its approval to its end")
	never(s.Handover != nil && (s.Handover.Request.ID != r.running || personID(s.Handover.From) != r.holder), "a hand-over is from the holder")
	ids, people := []string{}, map[string]bool{r.holder: true}
	if s.Handover != nil {
		never(people[s.Handover.Request.Person.ID], "nobody is on the way to their own seat")
		people[s.Handover.Request.Person.ID] = true
	}
	for i, w := range s.Queue {
		never(people[w.Person.ID], "nobody waits twice, or for what they have")
		never(i > 0 && w.Since < s.Queue[i-1].Since, "the queue is in order")
		people[w.Person.ID] = true
		ids = append(ids, w.ID)
	}
	never(!slices.Equal(ids, r.queue), "those wait who asked and were not decided, in order")
	never(len(ids) > MaxQueue, "the queue is bounded")
}
