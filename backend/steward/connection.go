package steward

import (
	"context"
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
	request string // "" for a reconnection
	from    string // name of whoever must let go, "" when the seat is empty
	started time.Time
}

func (l *loop) newConnection(person playtest.Person, request string, started time.Time) *connection {
	return &connection{l: l, arn: l.record.StreamSessionARN, person: person, request: request, started: started}
}

// Why a hand-over fails, as people read it.
var (
	errNoOffer    = errors.New("the page of the person who asked did not answer")
	errNotLetGo   = errors.New("the stream was not let go")
	errNotArrived = errors.New("the new page did not connect to the game")
	errNewerOffer = errors.New("the page was loaded again")
)

// run does the steps of docs/architecture.md, "The seat is a lease": the old client goes, the
// service is asked for a new connection with the offer that was collected before, the new client
// arrives. Every step has its own time-out, and the first that fails ends it.
func (c *connection) run(ctx context.Context) error {
	timing := c.l.s.cfg.Timing
	c.step(ctx, "approved")
	x, err := c.l.offers.take(ctx, c.person.ID, c.request, timing.Offer)
	if err != nil {
		return fmt.Errorf("%w within %s", errNoOffer, seconds(timing.Offer))
	}
	if err := c.exchange(ctx, x); err != nil {
		c.l.offers.fail(x, err)
		return err
	}
	c.step(ctx, "connected")
	return nil
}

func (c *connection) exchange(ctx context.Context, x *exchange) error {
	timing := c.l.s.cfg.Timing
	c.step(ctx, "closing")
	err := c.await(ctx, timing.Release, aws.StreamStatus.AcceptsConnection)
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("%w by %s within %s", errNotLetGo, c.from, seconds(timing.Release))
	} else if err != nil {
		return err
	}
	c.step(ctx, "released")
	answer, err := c.connect(ctx, x.offer)
	if err != nil {
		return err
	}
	c.l.offers.answer(x, answer)
	c.step(ctx, "connecting")
	err = c.await(ctx, timing.Connect, aws.StreamStatus.Connected)
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("%w within %s", errNotArrived, seconds(timing.Connect))
	}
	return err
}

// connect asks for the new connection. A Conflict right after the status allowed it is a race
// with the service's own bookkeeping: asked again for as long as a client may take to let go.
func (c *connection) connect(ctx context.Context, offer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.l.s.cfg.Timing.Release)
	defer cancel()
	pause := c.l.s.cfg.Timing.FirstPoll
	for {
		answer, err := c.l.s.cfg.AWS.Connect(ctx, c.arn, offer)
		if err == nil {
			return answer, nil
		}
		if !aws.IsConflict(err) && !aws.IsThrottled(err) {
			return "", err
		}
		if sleep(ctx, pause) != nil {
			return "", err
		}
		pause = c.l.longer(pause)
	}
}

var errTimeout = errors.New("time is up")

// await polls the stream session until it is as wanted, or over, or time is up.
func (c *connection) await(ctx context.Context, timeout time.Duration, wanted func(aws.StreamStatus) bool) error {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pause := c.l.s.cfg.Timing.FirstPoll
	for {
		stream, err := c.l.s.cfg.AWS.Stream(within, c.arn)
		switch {
		case c.request == "" && c.l.offers.has(c.person.ID, ""):
			return errNewerOffer
		case err == nil && stream.Over():
			return fmt.Errorf("the stream session ended (%s)", stream.Reason)
		case err == nil && wanted(stream):
			return nil
		case err != nil && within.Err() == nil && !aws.IsThrottled(err):
			return err
		case aws.IsThrottled(err):
			pause *= 2
		}
		if sleep(within, pause) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errTimeout
		}
		pause = c.l.longer(pause)
	}
}

// longer backs off from the first poll's pause towards the idle one.
func (l *loop) longer(pause time.Duration) time.Duration {
	return min(pause+pause/2, l.s.cfg.Timing.IdlePoll)
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
