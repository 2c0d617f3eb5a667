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
	done    chan *connection // the active connection, when it ended

	finished chan struct{} // closed when run returns

	state     playtest.State
	stream    aws.StreamStatus
	active    *connection     // nil: nobody is being connected
	unsettled *playtest.Event // how a hand-over ended, until the log has it
	lostSince time.Time       // since when the holder's client is gone
	lostEpoch int64           // of the holder that lostSince is about
	playing   playtest.Person // who was given an answer last, and so is connected if anybody is; zero: not known
	heldSince time.Time       // since when somebody plays who does not have the seat
	slower    time.Duration   // added to the pause between looks while the service throttles them
	endReason string          // set once the end was asked for
	dismissed map[string]bool // who was put off the stage, until they come back
}

func newLoop(s *Steward, record store.Session) *loop {
	return &loop{
		s: s, log: s.cfg.Log.With("session", record.ID), record: record, offers: newOffers(s.cfg.Now),
		nudges: make(chan struct{}, 1), endings: make(chan string, 1), done: make(chan *connection),
		finished: make(chan struct{}), dismissed: map[string]bool{},
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
	look, clock := time.NewTimer(0), time.NewTimer(time.Hour)
	defer look.Stop()
	defer clock.Stop()
	defer l.offers.close()
	defer func() {
		if l.active != nil {
			l.active.cancel()
			<-l.done
		}
	}()
	l.fold(ctx) // what the first look finds is compared with what the log says
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.nudges:
		case <-clock.C:
		case reason := <-l.endings:
			if l.endReason == "" {
				l.endReason = reason
				l.poll(ctx)
				look.Reset(l.pause())
			}
		case c := <-l.done:
			l.active = nil
			l.connected(c)
			l.poll(ctx)
			look.Reset(l.pause())
		case <-look.C:
			l.poll(ctx)
			look.Reset(l.pause())
		}
		if l.reconcile(ctx) {
			return
		}
		clock.Reset(l.untilDeadline())
	}
}

// pause is the time to the next look at the stream session, short while it is changing.
func (l *loop) pause() time.Duration {
	if l.endReason != "" || l.stream.Status == "" || l.stream.Status == "ACTIVATING" {
		return l.s.cfg.Timing.FirstPoll + l.slower
	}
	return l.s.calls.idle(l.s.running()) + l.slower
}

// untilDeadline is the time until the clock alone may call for something. What is overdue after
// reconcile could not be published, and is tried again.
func (l *loop) untilDeadline() time.Duration {
	next := l.state.NextDeadline()
	if next.IsZero() {
		return time.Hour
	}
	if wait := next.Sub(l.s.cfg.Now()); wait > 0 {
		return wait
	}
	return l.s.cfg.Timing.IdlePoll
}

// reconcile brings the state up to the end of the log and does what it calls for. It reports
// whether the session is over and its books are closed.
func (l *loop) reconcile(ctx context.Context) (over bool) {
	for range 16 { // each round publishes at most one thing; what is left waits for the next wake
		if !l.fold(ctx) {
			return false
		}
		if l.state.Ended() {
			return l.clearAway(ctx)
		}
		if l.unsettled != nil {
			if !l.publish(ctx, *l.unsettled) {
				return false // tried again with the next poll; nobody is connected meanwhile
			}
			l.unsettled = nil
			continue
		}
		next, ok := l.due(l.s.cfg.Now())
		if !ok {
			break
		}
		if !l.publish(ctx, next) {
			return false
		}
	}
	if l.active != nil && !l.active.wanted(&l.state) {
		l.active.cancel()
	}
	l.offers.prune(&l.state)
	l.dismiss(ctx)
	l.connectNext(ctx)
	return false
}

// dismiss puts people off the stage whom a QA lead has removed or banned; new tokens they do not get.
func (l *loop) dismiss(ctx context.Context) {
	for id, p := range l.state.People {
		out := p.Away && (p.Removed || p.Banned)
		if !out {
			delete(l.dismissed, id)
			continue
		}
		if l.dismissed[id] {
			continue
		}
		if err := l.s.cfg.AWS.DisconnectUser(ctx, l.record.StageARN, id, "removed by a QA lead"); err != nil {
			l.log.Warn("putting somebody off the stage", "error", err)
			continue // tried again with the next poll
		}
		l.dismissed[id] = true
	}
}

func (l *loop) fold(ctx context.Context) bool {
	state, err := l.s.cfg.Store.Fold(ctx, l.record.ID, l.state)
	if err != nil {
		if ctx.Err() == nil {
			l.log.Error("reading the log", "error", err)
		}
		return false
	}
	l.state = state
	return true
}

// due is what the rules, the time and the holder's connection call for.
func (l *loop) due(now time.Time) (playtest.Event, bool) {
	if e, ok := l.state.Due(now); ok {
		return e, true
	}
	if l.holderIsLost(now) {
		return playtest.Event{Action: playtest.ActionSeatReleased, Epoch: l.state.Seat.Epoch, Reason: l.state.Seat.Holder.Name + "'s connection was lost"}, true
	}
	return playtest.Event{}, false
}

// publish reports whether the matter is settled: the event is in the log, or the gate refused it,
// because another backend was faster and the log says something else by now.
func (l *loop) publish(ctx context.Context, e playtest.Event) bool {
	err := l.s.publish(ctx, l.record.ID, e)
	var refusal *playtest.Refusal
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		l.log.Debug("the gate refused", "action", e.Action, "reason", refusal)
	default:
		if ctx.Err() == nil {
			l.log.Error("publishing", "action", e.Action, "error", err)
		}
		return false
	}
	return true
}

// connectNext starts what is due to be connected: the approved request, or a holder who is back.
func (l *loop) connectNext(ctx context.Context) {
	if l.active != nil || l.unsettled != nil || l.endReason != "" {
		return
	}
	if h := l.state.Handover; h != nil {
		l.active = l.newConnection(h.Request.Person, h.Request.ID, time.UnixMilli(h.Since))
		if h.From != nil {
			l.active.from = h.From.Name
		} else if l.stream.Connected() {
			l.active.from = l.player() // the seat was free, the game was not
		}
		l.active.late, l.active.answered = h.Connecting, h.Connecting
	} else if holder := l.state.Seat.Holder; holder != nil && l.offers.has(holder.ID, "") {
		l.active = l.newConnection(*holder, "", l.s.cfg.Now())
		l.active.from = holder.Name
	} else {
		return
	}
	c := l.active
	var connecting context.Context
	connecting, c.cancel = context.WithCancel(ctx)
	go func() {
		c.err = c.run(connecting)
		c.cancel()
		l.done <- c
	}()
}

// connected notes how a hand-over ended, for the log.
func (l *loop) connected(c *connection) {
	if c.answered {
		l.playing = c.person
	}
	if c.request == "" {
		if c.err != nil && !errors.Is(c.err, context.Canceled) && !errors.Is(c.err, errNewerOffer) && !errors.Is(c.err, errOutdated) {
			l.log.Warn("a holder could not reconnect", "error", c.err)
		}
		return
	}
	if c.err == nil {
		l.unsettled = &playtest.Event{Action: playtest.ActionSeatTaken, RequestID: c.request}
		return
	}
	if errors.Is(c.err, context.Canceled) || errors.Is(c.err, errOutdated) {
		return // the log has moved on, or this backend ends
	}
	l.log.Warn("a hand-over failed", "request", c.request, "error", c.err)
	l.unsettled = &playtest.Event{Action: playtest.ActionHandoverFailed, RequestID: c.request, Reason: why(c.err)}
}

// placementLimit is longer than GameLift Streams takes to place a session on Linux (90 s): a record
// without a stream session is in the middle of its start before, and abandoned after.
const placementLimit = 2 * time.Minute

// poll looks at the stream session and tells the log what changed.
func (l *loop) poll(ctx context.Context) {
	if l.record.StreamSessionARN == "" {
		l.unstarted(ctx)
		return
	}
	stream, asked, err := l.s.calls.glance(ctx, l.record.StreamSessionARN)
	l.slower = l.backOff(err)
	switch {
	case !asked:
		return
	case aws.IsNotFound(err):
		l.stream.Status = "TERMINATED"
		l.over(ctx, "the stream session is gone")
		return
	case err != nil:
		if ctx.Err() == nil {
			l.log.Warn("looking at the stream session", "error", err)
		}
		return
	}
	if l.endReason != "" && !stream.Over() && stream.Status != terminating {
		// Refused while ACTIVATING: the next poll asks again.
		if err := l.s.cfg.AWS.Terminate(ctx, l.record.StreamSessionARN); err != nil && ctx.Err() == nil {
			l.log.Warn("terminating the stream session", "error", err)
		}
	}
	l.stream = stream
	reason := stream.Reason
	if reason == "" {
		reason = l.intruder(l.s.cfg.Now())
	}
	if stream.Status != l.state.Status || reason != l.state.StatusReason {
		l.publish(ctx, playtest.Event{Action: playtest.ActionSessionState, Status: stream.Status, StatusReason: reason})
	}
	if stream.Over() {
		l.over(ctx, l.whyOver(stream))
	}
}

// terminating is GameLift Streams' word for a session on its way to TERMINATED.
const terminating = "TERMINATING"

// backOff is how much slower to look after this answer of the service.
func (l *loop) backOff(err error) time.Duration {
	if !aws.IsThrottled(err) {
		return 0
	}
	return l.s.calls.longer(max(l.slower, l.s.cfg.Timing.IdlePoll), err)
}

// unstarted: the record was saved before its stream session was started, and either that is going on,
// here or in another backend, or whoever did it was killed.
func (l *loop) unstarted(ctx context.Context) {
	record, err := l.s.cfg.Store.Session(ctx, l.record.ID)
	if err != nil {
		l.log.Error("reading the session's record", "error", err)
		return
	}
	l.record = record
	if record.StreamSessionARN == "" && l.s.cfg.Now().Sub(record.CreatedAt) > placementLimit {
		l.over(ctx, "the game was never started")
	}
}

// holderIsLost reports whether the holder's client has been gone for longer than the grace. A page
// that tries to come back may finish, but trying again and again does not hold the seat.
func (l *loop) holderIsLost(now time.Time) bool {
	playing := l.stream.Connected() && !l.othersPlay()
	if l.state.Seat.Holder == nil || l.state.Handover != nil || playing || l.lostEpoch != l.state.Seat.Epoch {
		l.lostSince, l.lostEpoch = time.Time{}, l.state.Seat.Epoch
		return false
	}
	if !l.stream.AcceptsConnection() && !l.stream.Connected() {
		return false // on its way to a client, or to its end
	}
	if l.lostSince.IsZero() {
		l.lostSince = now
	}
	grace := l.s.cfg.Timing.Grace
	if grace == 0 {
		grace = l.state.Policy.Grace()
	}
	if l.active != nil {
		grace += l.s.cfg.Timing.Connect
	}
	return now.Sub(l.lostSince) > grace
}

// liveChannel is where hand-over steps are told.
func (l *loop) liveChannel() string { return "/" + gate.NamespaceLive + "/" + l.record.ID }
