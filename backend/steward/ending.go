package steward

import (
	"context"

	"hotseat/backend/aws"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// over ends the log: what was under way failed, everybody waiting is told, the seat is free.
func (l *loop) over(ctx context.Context, reason string) {
	if !l.fold(ctx) || l.state.Ended() {
		return
	}
	if l.state.Seq == 0 { // killed between the record and the first event: there is no log to end
		l.clearAway(ctx)
		return
	}
	if l.active != nil {
		l.active.cancel()
	}
	const ended = "the session ended"
	var last []playtest.Event
	if h := l.state.Handover; h != nil {
		last = append(last, playtest.Event{Action: playtest.ActionHandoverFailed, RequestID: h.Request.ID, Reason: ended})
	}
	for _, r := range l.state.Queue {
		last = append(last, playtest.Event{Action: playtest.ActionTakeoverCancel, RequestID: r.ID, Reason: "ended"})
	}
	if l.state.Seat.Holder != nil {
		last = append(last, playtest.Event{Action: playtest.ActionSeatReleased, Reason: ended})
	}
	last = append(last, playtest.Event{Action: playtest.ActionSessionEnded, Reason: reason})
	for _, e := range last {
		if !l.publish(ctx, e) {
			return // the next poll goes on from what the log has by then
		}
	}
	l.unsettled = nil
}

// clearAway ends what a session that is over still has: its stream session, its stage. Each step can
// be done twice; it reports whether all are done.
func (l *loop) clearAway(ctx context.Context) bool {
	if l.record.StreamSessionARN != "" && !l.stream.Over() {
		err := l.s.cfg.AWS.Terminate(ctx, l.record.StreamSessionARN)
		if err != nil && !aws.IsNotFound(err) && !aws.IsConflict(err) {
			l.log.Warn("terminating the stream session", "error", err)
		}
	}
	if l.record.StageARN != "" {
		if err := l.s.cfg.AWS.DeleteStage(ctx, l.record.StageARN); err != nil && !aws.IsNotFound(err) {
			l.log.Warn("deleting the stage", "error", err)
			return false
		}
	}
	ended, err := l.s.cfg.Store.UpdateSession(ctx, l.record.ID, func(r *store.Session) { r.EndedAt = l.s.cfg.Now() })
	if err != nil {
		l.log.Error("saving the end", "error", err)
		return false
	}
	l.record = ended
	return true
}

// whyOver says in words why the stream session ended (StatusReason of GetStreamSession).
func (l *loop) whyOver(stream aws.StreamStatus) string {
	if l.endReason != "" {
		return l.endReason
	}
	text, ok := reasons[stream.Reason]
	if !ok {
		text = stream.Reason
	}
	if l.s.cfg.Explain != nil {
		if more := l.s.cfg.Explain(l.record.StreamSessionARN); more != "" {
			text += ": " + more
		}
	}
	return text
}

var reasons = map[string]string{
	"internalError":           "the service had an error of its own (internalError)",
	"invalidSignalRequest":    "the first client's offer was not understood (invalidSignalRequest)",
	"placementTimeout":        "the game did not start in time (placementTimeout)",
	"apiTerminated":           "the session was ended by the service's API (apiTerminated)",
	"applicationExit":         "the game exited (applicationExit)",
	"connectionTimeout":       "nobody took the seat in time (connectionTimeout)",
	"reconnectionTimeout":     "nobody took the free seat in time (reconnectionTimeout)",
	"maxSessionLengthTimeout": "the session's time is up (maxSessionLengthTimeout)",
	"idleTimeout":             "there was no input for an hour (idleTimeout)",
}
