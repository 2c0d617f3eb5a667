package report

import "hotseat/backend/playtest"

func (b *builder) request(e playtest.Event) {
	if e.Requester == nil {
		return
	}
	r, at := &b.report, b.since(e.Timestamp)
	b.person(*e.Requester, at)
	if e.Action == playtest.ActionTakeoverRequest {
		b.requests[e.RequestID] = len(r.Requests)
		r.Requests = append(r.Requests, Request{ID: e.RequestID, Person: *e.Requester, At: at, Outcome: Waiting})
		return
	}
	i, known := b.requests[e.RequestID]
	if !known { // given, or its beginning is not in this log
		i = len(r.Requests)
		b.requests[e.RequestID] = i
		r.Requests = append(r.Requests, Request{ID: e.RequestID, Person: *e.Requester, At: at, Outcome: Waiting})
	}
	q := &r.Requests[i]
	if q.Outcome != Waiting {
		return // decided once; the gate lets no second outcome through
	}
	q.Waited, q.Reason = at-q.At, e.Reason
	by := e.Actor
	switch e.Action {
	case playtest.ActionTakeoverApprove:
		q.Outcome, q.By = Approved, &by
		if !known {
			q.Outcome = Given
		}
		b.closeHandover(at, "unfinished", "")
		b.handover = len(r.Handovers)
		r.Handovers = append(r.Handovers, Handover{RequestID: e.RequestID, At: at, From: e.From, To: *e.Requester, By: e.Actor})
	case playtest.ActionTakeoverDeny:
		q.Outcome, q.By = Denied, &by
	default:
		q.Outcome, q.Reason = Cancelled, ""
		for _, known := range []string{Expired, Left, Ended} {
			if e.Reason == known {
				q.Outcome = known
			}
		}
	}
}

func (b *builder) seat(e playtest.Event) {
	r, at := &b.report, b.since(e.Timestamp)
	switch e.Action {
	case playtest.ActionSeatTaken:
		if e.Holder == nil {
			return
		}
		b.person(*e.Holder, at)
		entry := Entry{Kind: KindHandover, Person: e.Holder, Text: "took the seat", Epoch: e.Epoch, Took: Ms(e.TookMs)}
		if b.handover >= 0 {
			r.Handovers[b.handover].Took = Ms(e.TookMs)
		}
		b.closeHandover(at, "taken", "")
		b.closeDrop(at, false)
		b.closeStay(at, "handed over to "+e.Holder.Name)
		b.stay = len(r.Stays)
		r.Stays = append(r.Stays, Stay{Epoch: e.Epoch, Person: *e.Holder, From: at})
		b.entry(e, entry)
	case playtest.ActionSeatReleased:
		ended := "freed"
		if e.Reason != "" {
			ended = e.Reason
		}
		b.closeDrop(at, false)
		b.closeStay(at, ended)
		b.entry(e, Entry{Kind: KindSeat, Person: e.Previous, Text: "left the seat", Reason: e.Reason, Epoch: e.Epoch})
	case playtest.ActionHandoverFailed:
		var took Ms
		if b.handover >= 0 {
			took = at - r.Handovers[b.handover].At
		}
		b.closeHandover(at, "failed", e.Reason)
		if b.stay >= 0 && (e.Holder == nil || e.Holder.ID != r.Stays[b.stay].Person.ID) {
			b.closeStay(at, "lost in a hand-over that failed")
		}
		b.entry(e, Entry{Kind: KindFailure, Person: e.Requester, Text: "did not reach the seat", Reason: e.Reason, Took: took})
	}
}

func (b *builder) closeStay(at Ms, how string) {
	if b.stay < 0 {
		return
	}
	s := &b.report.Stays[b.stay]
	s.To, s.Ended = max(at, s.From), how
	b.stay = -1
}

func (b *builder) closeHandover(at Ms, outcome, reason string) {
	if b.handover < 0 {
		return
	}
	h := &b.report.Handovers[b.handover]
	h.Outcome, h.Reason = outcome, reason
	if h.Took == 0 {
		h.Took = max(at-h.At, 0)
	}
	b.handover = -1
}

// state follows the stream session. The holder has dropped out if the game waits for somebody to come
// back while no hand-over runs.
func (b *builder) state(e playtest.Event) {
	r, at := &b.report, b.since(e.Timestamp)
	r.Stream = append(r.Stream, StreamState{At: at, Status: e.Status, Reason: e.StatusReason})
	switch e.Status {
	case "PENDING_CLIENT_RECONNECTION":
		if b.stay >= 0 && b.handover < 0 && b.drop < 0 {
			b.drop = len(r.Drops)
			who := r.Stays[b.stay].Person
			r.Drops = append(r.Drops, Drop{At: at, Person: who})
			b.entry(e, Entry{Kind: KindDrop, Person: &who, Text: "lost the connection", Reason: e.StatusReason})
			return
		}
	case "CONNECTED":
		if b.drop >= 0 {
			d := r.Drops[b.drop]
			b.closeDrop(at, true)
			b.entry(e, Entry{Kind: KindDrop, Person: &d.Person, Text: "is back", Took: at - d.At})
			return
		}
	}
	if words := streamWords[e.Status]; words != "" {
		b.entry(e, Entry{Kind: KindStream, Text: words, Reason: e.StatusReason})
	}
}

// streamWords are the states that are worth a line of the timeline: the others are part of a hand-over.
var streamWords = map[string]string{
	"ACTIVATING": "the game is starting", "ACTIVE": "the game is ready for a player", "ERROR": "the game failed",
	"TERMINATING": "the game is ending", "TERMINATED": "the game is over",
}

func (b *builder) closeDrop(at Ms, back bool) {
	if b.drop < 0 {
		return
	}
	d := &b.report.Drops[b.drop]
	d.Lasted, d.Back = max(at-d.At, 0), back
	b.drop = -1
}
