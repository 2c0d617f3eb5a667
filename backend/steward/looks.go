package steward

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"hotseat/backend/aws"
)

// calls paces what all sessions of a steward ask of GameLift Streams, which allows an account 20
// GetStreamSession and as many CreateStreamSessionConnection a second in a Region
// (https://docs.aws.amazon.com/gameliftstreams/latest/developerguide/api-rate-limits.html).
// Hand-overs wait for their turn; looks at idle sessions are left out when it is busy.
type calls struct {
	aws      services
	timing   Timing
	looks    *rate.Limiter
	connects *rate.Limiter
}

// services is what a hand-over asks of GameLift Streams. *aws.Clients is one.
type services interface {
	Stream(ctx context.Context, arn string) (aws.StreamStatus, error)
	Connect(ctx context.Context, arn, clientToken, signalRequest string) (string, error)
}

func newCalls(service services, timing Timing) *calls {
	// With a burst as large as the rate, no second has more than twice the rate.
	bucket := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(timing.Calls), timing.Calls) }
	return &calls{aws: service, timing: timing, looks: bucket(), connects: bucket()}
}

// look asks for a stream session as soon as the rate allows it.
func (c *calls) look(ctx context.Context, arn string) (aws.StreamStatus, error) {
	if err := c.looks.Wait(ctx); err != nil {
		return aws.StreamStatus{}, fmt.Errorf("waiting for a turn to ask: %w", err)
	}
	return c.ask(ctx, arn)
}

// glance asks for a stream session unless hand-overs need the rate.
func (c *calls) glance(ctx context.Context, arn string) (stream aws.StreamStatus, asked bool, err error) {
	if !c.looks.Allow() {
		return aws.StreamStatus{}, false, nil
	}
	stream, err = c.ask(ctx, arn)
	return stream, true, err
}

func (c *calls) ask(ctx context.Context, arn string) (aws.StreamStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timing.Look)
	defer cancel()
	return c.aws.Stream(ctx, arn)
}

// connect asks for a connection. One that hangs is given up while there is still time for another.
func (c *calls) connect(ctx context.Context, arn, token, offer string) (string, error) {
	if err := c.connects.Wait(ctx); err != nil {
		return "", fmt.Errorf("waiting for a turn to ask: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timing.Answer/2)
	defer cancel()
	return c.aws.Connect(ctx, arn, token, offer)
}

// idle is the pause between two looks at a session where nothing goes on. All sessions together take at
// most half of the rate that way, and leave the other half to hand-overs.
func (c *calls) idle(sessions int) time.Duration {
	return max(c.timing.IdlePoll, time.Duration(sessions)*2*time.Second/time.Duration(c.timing.Calls))
}

// longer backs off from the first poll's pause towards the idle one; one that the service throttled goes
// on to maxBackOff times that.
func (c *calls) longer(pause time.Duration, err error) time.Duration {
	if aws.IsThrottled(err) {
		return min(pause*3, maxBackOff*c.timing.IdlePoll)
	}
	return max(min(pause+pause/2, c.timing.IdlePoll), c.timing.FirstPoll)
}

// maxBackOff: 8 s with the default timing, less than the 10 s of one step of a hand-over.
const maxBackOff = 8
