package steward

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"hotseat/backend/aws"
	"hotseat/backend/playtest"
)

// connection brings one person's page to the stream session: in a hand-over, or when a holder's
// page comes back. It runs in a goroutine of its own and touches nothing of the loop but what was
// copied here.
type connection struct {
	l       *loop
	arn     string
	person  playtest.Person
	request string         // "" for a reconnection
	epoch   int64          // of the seat when it began
	state   playtest.State // when it began: reading on from here tells what happened since
	from    string         // name of whoever must let go, "" when the seat is empty
	late    bool           // the log says that the answer was given: only the arrival is left to see
	started time.Time
	cancel  context.CancelFunc
	// answered: the service's answer was given to the page, by now or (late) before.
	answered bool
	err      error // how it ended, once it is back at the loop
}

func (l *loop) newConnection(person playtest.Person, request string, started time.Time) *connection {
	return &connection{
		l: l, arn: l.record.StreamSessionARN, person: person, request: request, epoch: l.state.Seat.Epoch,
		state: l.state.Clone(), started: started,
	}
}

// wanted reports whether the log still calls for the connection. Nobody gets the game by an approval
// that is over, or by a seat that is no longer theirs.
func (c *connection) wanted(state *playtest.State) bool {
	if c.request != "" {
		return state.Handover != nil && state.Handover.Request.ID == c.request
	}
	return state.Handover == nil && state.Seat.HeldBy(c.person.ID) && state.Seat.Epoch == c.epoch
}

// outdated reads the log on: the loop may not have seen yet what ends this connection.
func (c *connection) outdated(ctx context.Context) error {
	state, err := c.l.s.cfg.Store.Fold(ctx, c.l.record.ID, c.state)
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	c.state = state
	if !c.wanted(&state) {
		return errOutdated
	}
	return nil
}

// failure is why a hand-over failed, as people read it. Its text goes into the log of the session;
// errors of the services do not, since they name things that are nobody's business.
type failure string

func (f failure) Error() string { return string(f) }

// why is what the log says about an error.
func why(err error) string {
	var f failure
	if errors.As(err, &f) {
		return string(f)
	}
	return "the service that runs the game had an error"
}

var (
	errNewerOffer = errors.New("the page was loaded again")
	errTimeout    = errors.New("time is up")
	errOutdated   = failure("the seat went another way")
)

// maxOffers is how often a page that is loaded again may send a newer offer in one hand-over.
const maxOffers = 3

// run does the steps of docs/architecture.md, "The seat is a lease": the old client goes, the
// service is asked for a new connection with the offer that was collected before, the new client
// arrives. Every step has its own time-out, and the first that fails ends it; but a page that has lost its
// answer, by a reload or because this backend started anew, may send another offer.
func (c *connection) run(ctx context.Context) error {
	if c.late {
		if err := c.arrive(ctx); !errors.Is(err, errNewerOffer) {
			return err
		}
	} else {
		c.step(ctx, "approved")
	}
	for range maxOffers {
		x, err := c.l.offers.take(ctx, c.person.ID, c.request, c.l.s.cfg.Timing.Offer)
		if errors.Is(err, context.DeadlineExceeded) {
			return failure(fmt.Sprintf("the page of %s did not answer within %s", c.person.Name, seconds(c.l.s.cfg.Timing.Offer)))
		} else if err != nil {
			return err
		}
		err = c.exchange(ctx, x)
		switch {
		case err == nil:
			c.step(ctx, "connected")
			return nil
		case errors.Is(err, errNewerOffer) && c.request != "":
			continue
		case ctx.Err() != nil:
			c.l.offers.fail(x, ErrNoOffer) // if it is wanted still, the next backend takes it
		default:
			c.l.offers.fail(x, failure(why(err)))
		}
		return err
	}
	return failure("the page of " + c.person.Name + " was loaded again and again")
}

func (c *connection) exchange(ctx context.Context, x *exchange) error {
	timing := c.l.s.cfg.Timing
	c.step(ctx, "closing")
	err := c.await(ctx, timing.Release, aws.StreamStatus.AcceptsConnection)
	switch {
	case errors.Is(err, errTimeout) && c.from == "":
		return failure(fmt.Sprintf("the game took no new player within %s", seconds(timing.Release)))
	case errors.Is(err, errTimeout):
		return failure(fmt.Sprintf("%s's page did not let go of the game within %s", c.from, seconds(timing.Release)))
	case err != nil:
		return err
	}
	c.step(ctx, "released")
	if err := c.outdated(ctx); err != nil {
		return err
	}
	answer, err := c.connect(ctx, x.offer)
	if err != nil {
		return err
	}
	if err := c.outdated(ctx); err != nil {
		return err // nobody gets the answer, and the next connection replaces it
	}
	if c.request != "" && !c.state.Handover.Connecting {
		// Before the page can use the answer: if this backend ends now, the next one knows whom it sees.
		err := c.l.s.publish(ctx, c.l.record.ID, playtest.Event{Action: playtest.ActionHandoverConnecting, RequestID: c.request})
		if err != nil {
			return fmt.Errorf("noting the answer: %w", err)
		}
	}
	c.answered = true
	c.l.offers.answer(x, answer)
	c.step(ctx, "connecting")
	return c.arrive(ctx)
}

// arrive waits for the new client.
func (c *connection) arrive(ctx context.Context) error {
	connect := c.l.s.cfg.Timing.Connect
	err := c.await(ctx, connect, aws.StreamStatus.Connected)
	if errors.Is(err, errTimeout) {
		return failure(fmt.Sprintf("the page of %s did not connect to the game within %s", c.person.Name, seconds(connect)))
	}
	return err
}

// connect asks for the new connection, again and again while time lasts. A Conflict right after the status
// allowed it is a race with the service's own bookkeeping; a call that was cut off may have worked: the next
// one has the same ClientToken, and gets the answer that was lost.
func (c *connection) connect(ctx context.Context, offer string) (string, error) {
	limit := c.l.s.cfg.Timing.Answer
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := c.l.s.cfg.Timing.FirstPoll
	token := rand.Text() + rand.Text() // 52 characters
	var last error                     // what the service said last: its words count more than its silence
	for {
		answer, err := c.l.s.calls.connect(within, c.arn, token, offer)
		switch {
		case ctx.Err() != nil: // cancelled meanwhile: an answer is for nobody
			return "", ctx.Err()
		case err == nil:
			return answer, nil
		case aws.IsInvalid(err):
			return "", failure("the game did not understand the offer of " + c.person.Name + "'s page")
		case aws.IsNotFound(err):
			return "", err
		}
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		pause = c.l.s.calls.longer(pause, err)
		if sleep(within, pause) == nil {
			continue
		}
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case aws.IsConflict(last):
			return "", failure(fmt.Sprintf("the game took no new player within %s", seconds(limit)))
		case aws.IsThrottled(last):
			return "", failure("the service that runs the game is asked too often; try again in a minute")
		}
		return "", last
	}
}

// await polls the stream session until it is as wanted, or over, or time is up. An error of one
// look is not the end: the holder has let go by now, and the next look may succeed.
func (c *connection) await(ctx context.Context, timeout time.Duration, wanted func(aws.StreamStatus) bool) error {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pause := c.l.s.cfg.Timing.FirstPoll
	for last := false; ; {
		stream, err := c.l.s.calls.look(ctx, c.arn)
		there := err == nil && wanted(stream)
		newer := c.l.offers.has(c.person.ID, c.request)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case newer && !(there && c.request != ""): // a renewal that was overtaken by the approval changes nothing
			return errNewerOffer
		case there:
			return nil
		case err == nil && (stream.Over() || stream.Status == terminating):
			return failure("the game ended")
		case aws.IsNotFound(err):
			return err
		case err != nil && last:
			return failure("the service that runs the game could not be asked: it is busy or does not answer")
		case last:
			return errTimeout
		case aws.IsThrottled(err):
			pause = c.l.s.calls.longer(pause, err)
		case err != nil:
			c.l.log.Warn("looking at the stream session", "error", err)
		}
		last = sleep(within, pause) != nil // time is up: one last look
		if !aws.IsThrottled(err) {
			pause = c.l.s.calls.longer(pause, nil)
		}
	}
}

// step tells everybody how far a hand-over is. It is told on /live: nothing depends on it.
func (c *connection) step(ctx context.Context, name string) {
	if c.request == "" {
		return
	}
	elapsed := c.l.s.cfg.Now().Sub(c.started)
	if err := c.l.s.cfg.Publish(ctx, c.l.liveChannel(), playtest.Live{
		Action: playtest.ActionHandoverStep, RequestID: c.request, Step: name, ElapsedMs: elapsed.Milliseconds(),
	}); err != nil && ctx.Err() == nil {
		c.l.log.Warn("telling a step", "step", name, "error", err)
	}
}

// seconds is a duration as people write it.
func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
