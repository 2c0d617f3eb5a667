package steward

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"hotseat/backend/aws"
	"hotseat/backend/gate"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// loop owns one session. Everything in it is touched by run's goroutine alone, but for the
// channels and the offers, which have a lock of their own.
type loop struct {
	s       *Steward
	log     *slog.Logger
	record  store.Session
	offers  *offers
	nudges  chan struct{}
	endings chan string
	done    chan outcome // of the running connection

	finished chan struct{} // closed when run returns

	state     playtest.State
	stream    aws.StreamStatus
	running   string    // what is being connected: a request id, or "reconnect"
	lostSince time.Time // since when the holder's client is gone
	endReason string    // set once the end was asked for
}

// outcome is how a connection attempt ended.
type outcome struct {
	request string // "" for a holder's reconnection
	err     error
}

const reconnect = "reconnect"

func newLoop(s *Steward, record store.Session) *loop {
	return &loop{
		s: s, log: s.cfg.Log.With("session", record.ID), record: record, offers: newOffers(s.cfg.Now),
		nudges: make(chan struct{}, 1), endings: make(chan string, 1), done: make(chan outcome),
		finished: make(chan struct{}),
	}
}

func (l *loop) wake() {
	select {
	case l.nudges <- struct{}{}:
	default:
	}
}

// run works until the session is over or ctx ends.
func (l *loop) run(ctx context.Context) {
	defer close(l.finished)
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer l.offers.close()
	defer func() { // a connection under way ends with ctx or by its own time-outs
		if l.running != "" {
			<-l.done
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.nudges:
		case reason := <-l.endings:
			if l.endReason == "" {
				l.endReason = reason
				l.poll(ctx)
			}
		case o := <-l.done:
			l.running = ""
			l.connected(ctx, o)
		case <-timer.C:
			l.poll(ctx)
			timer.Reset(l.pause())
		}
		if l.reconcile(ctx) {
			return
		}
	}
}

// pause is the time to the next look at the stream session: short while it is changing.
func (l *loop) pause() time.Duration {
	if l.endReason != "" || l.stream.Status == "" || l.stream.Status == "ACTIVATING" {
		return l.s.cfg.Timing.FirstPoll
	}
	return l.s.cfg.Timing.IdlePoll
}

// reconcile brings the state up to the end of the log and does what it calls for. It reports
// whether the session is over.
func (l *loop) reconcile(ctx context.Context) (over bool) {
	for range 16 { // each round publishes at most one thing; what is left waits for the next wake
		state, err := l.s.cfg.Store.Fold(ctx, l.record.ID, l.state)
		if err != nil {
			l.log.Error("reading the log", "error", err)
			return false
		}
		l.state = state
		if l.state.Ended() {
			return true
		}
		now := l.s.cfg.Now()
		var next *playtest.Event
		if r, ok := l.state.Granted(now); ok {
			next = &playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: r.ID}
		} else if due := l.state.Expired(now); len(due) > 0 {
			next = &playtest.Event{Action: playtest.ActionTakeoverCancel, RequestID: due[0].ID, Reason: "expired"}
		} else if l.holderIsLost(now) {
			next = &playtest.Event{Action: playtest.ActionSeatReleased, Reason: l.state.Seat.Holder.Name + "'s connection was lost"}
		}
		if next == nil {
			break
		}
		if err := l.s.publish(ctx, l.record.ID, *next); err != nil {
			var refusal *playtest.Refusal
			if !errors.As(err, &refusal) { // another backend was faster: its event is in the log
				l.log.Error("publishing", "action", next.Action, "error", err)
				return false
			}
		}
	}
	l.offers.prune(&l.state)
	l.connectNext(ctx)
	return false
}

// connectNext starts what is due to be connected: the approved request, or a holder who is back.
func (l *loop) connectNext(ctx context.Context) {
	if l.running != "" || l.endReason != "" {
		return
	}
	if h := l.state.Handover; h != nil {
		l.running = h.Request.ID
		connection := l.newConnection(h.Request.Person, h.Request.ID, time.UnixMilli(h.Since))
		if h.From != nil {
			connection.from = h.From.Name
		}
		go func() { l.done <- outcome{request: h.Request.ID, err: connection.run(ctx)} }()
		return
	}
	if holder := l.state.Seat.Holder; holder != nil && l.offers.has(holder.ID, "") {
		l.running = reconnect
		connection := l.newConnection(*holder, "", l.s.cfg.Now())
		connection.from = holder.Name
		go func() { l.done <- outcome{err: connection.run(ctx)} }()
	}
}

// connected closes a hand-over in the log.
func (l *loop) connected(ctx context.Context, o outcome) {
	l.lostSince = time.Time{}
	if o.request == "" {
		if o.err != nil && !errors.Is(o.err, errNewerOffer) {
			l.log.Warn("a holder could not reconnect", "error", o.err)
		}
		l.poll(ctx)
		return
	}
	e := playtest.Event{Action: playtest.ActionSeatTaken, RequestID: o.request}
	if o.err != nil {
		e = playtest.Event{Action: playtest.ActionHandoverFailed, RequestID: o.request, Reason: o.err.Error()}
		l.log.Warn("a hand-over failed", "request", o.request, "error", o.err)
	}
	if err := l.s.publish(ctx, l.record.ID, e); err != nil {
		l.log.Error("closing a hand-over", "error", err)
	}
	l.poll(ctx)
}

// poll looks at the stream session and tells the log what changed.
func (l *loop) poll(ctx context.Context) {
	if l.record.StreamSessionARN == "" {
		l.over(ctx, "the game was never started")
		return
	}
	stream, err := l.s.cfg.AWS.Stream(ctx, l.record.StreamSessionARN)
	switch {
	case aws.IsNotFound(err):
		l.over(ctx, "the stream session is gone")
		return
	case err != nil:
		if ctx.Err() == nil {
			l.log.Warn("looking at the stream session", "error", err)
		}
		return
	}
	if l.endReason != "" && !stream.Over() && stream.Status != "TERMINATING" {
		// Refused while ACTIVATING: the next poll asks again.
		if err := l.s.cfg.AWS.Terminate(ctx, l.record.StreamSessionARN); err != nil && ctx.Err() == nil {
			l.log.Warn("terminating the stream session", "error", err)
		}
	}
	l.stream = stream
	if stream.Status != l.state.Status || stream.Reason != l.state.StatusReason {
		if err := l.s.publish(ctx, l.record.ID, playtest.Event{
			Action: playtest.ActionSessionState, Status: stream.Status, StatusReason: stream.Reason,
		}); err != nil && ctx.Err() == nil {
			l.log.Warn("publishing the stream session's state", "error", err)
		}
	}
	if stream.Over() {
		l.over(ctx, l.whyOver(stream))
	}
}

// holderIsLost reports whether the holder's client has been gone for longer than the grace.
func (l *loop) holderIsLost(now time.Time) bool {
	gone := l.state.Seat.Holder != nil && l.running == "" && l.state.Handover == nil && l.stream.AcceptsConnection()
	switch {
	case !gone:
		l.lostSince = time.Time{}
	case l.lostSince.IsZero():
		l.lostSince = now
	}
	return gone && now.Sub(l.lostSince) > l.s.cfg.Timing.Grace
}

// over closes the session's books: everybody waiting is told, the log ends, the stage goes.
func (l *loop) over(ctx context.Context, reason string) {
	for _, r := range l.state.Queue {
		_ = l.s.publish(ctx, l.record.ID, playtest.Event{Action: playtest.ActionTakeoverCancel, RequestID: r.ID, Reason: "ended"})
	}
	if l.state.Handover == nil && l.state.Seat.Holder != nil {
		_ = l.s.publish(ctx, l.record.ID, playtest.Event{Action: playtest.ActionSeatReleased, Reason: "the session ended"})
	}
	if err := l.s.publish(ctx, l.record.ID, playtest.Event{Action: playtest.ActionSessionEnded, Reason: reason}); err != nil {
		l.log.Error("closing the log", "error", err)
		return
	}
	if err := l.s.cfg.AWS.DeleteStage(ctx, l.record.StageARN); err != nil && !aws.IsNotFound(err) {
		l.log.Warn("deleting the stage", "error", err)
	}
	l.record.EndedAt = l.s.cfg.Now()
	if err := l.s.cfg.Store.SaveSession(ctx, l.record); err != nil {
		l.log.Error("saving the end", "error", err)
	}
}

// whyOver says in words why the stream session ended (StatusReason of GetStreamSession).
func (l *loop) whyOver(stream aws.StreamStatus) string {
	if l.endReason != "" {
		return l.endReason
	}
	why, ok := reasons[stream.Reason]
	if !ok {
		why = stream.Reason
	}
	if l.s.cfg.Explain != nil {
		if more := l.s.cfg.Explain(l.record.StreamSessionARN); more != "" {
			why += ": " + more
		}
	}
	return why
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

// liveChannel is where hand-over steps are told.
func (l *loop) liveChannel() string { return "/" + gate.NamespaceLive + "/" + l.record.ID }
