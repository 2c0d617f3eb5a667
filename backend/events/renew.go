package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// The service checks a token when a connection is opened and at each operation, and cuts no
// open socket when it expires. A client that stayed on such a socket would hear what somebody
// who was banned must not hear, and could not come back after a cut; so it moves to a new
// connection while the token is good.
const (
	// renewAhead is how long before its expiry a token is replaced at the earliest; half of
	// it at the latest. 45 s are enough for a sign-in and a handshake that both run into their
	// timeouts (15 s each) and are tried again. It is less than the two minutes before expiry
	// from which the console's credentials give another token, and the spread of 45 s takes a
	// thousand clients that signed in together apart, to some twenty a second.
	renewAhead = 90 * time.Second
	// renewShare bounds renewAhead for short lives: at most this part of what is left.
	renewShare = 3
	// endOfLifeAhead is the same for MaxConnectionLife: early, because what the service does
	// at the end is not written anywhere, and wide, because there is nothing to hurry for.
	endOfLifeAhead = 30 * time.Minute
	// renewAtLeast is the time between two renewals, whatever the tokens say.
	renewAtLeast = 5 * time.Second
	// renewRetry and renewRetryMax bound the waits after a renewal that failed. The present
	// connection goes on, so there is less hurry than after a loss.
	renewRetry, renewRetryMax = renewAtLeast, 30 * time.Second
	// maxDenials is how many times in a row the service may refuse to connect before the
	// client gives up, each time with the newest token there is. More than once, because a
	// token may run out on its way, and keys of a user pool change.
	maxDenials = 3
)

var (
	errReplaced = errors.New("the connection was replaced")
	// errNotFresh says that the credentials gave no token that lives longer than the present.
	errNotFresh = errors.New("the credentials gave no newer token yet")
)

// renewIn returns the time until l should be replaced.
func (l *link) renewIn() time.Duration {
	wait := MaxConnectionLife - time.Since(l.opened) - jittered(endOfLifeAhead)
	if !l.expires.IsZero() {
		left := l.expires.Sub(l.client.cfg.Now())
		wait = min(wait, left-jittered(min(renewAhead, left/renewShare)))
	}
	return max(wait, renewAtLeast)
}

// jittered returns a time between half of d and d.
func jittered(d time.Duration) time.Duration {
	if d <= 1 {
		return 0
	}
	return d/2 + rand.N(d/2)
}

// retryIn returns the wait after the n-th renewal in a row that failed, from 1.
func (l *link) retryIn(n int, err error) time.Duration {
	if errors.Is(err, errNotFresh) { // the credentials wait longer than we do: meet them half-way
		return min(max(l.expires.Sub(l.client.cfg.Now())/2, renewAtLeast), renewRetryMax)
	}
	return jittered(min(renewRetryMax, renewRetry<<min(n, 8)))
}

// serve keeps a connection and its successors until the last of them is lost, and says why.
// Again is true after every connection but the first.
func (c *Client) serve(ctx context.Context, l *link, again bool) error {
	c.mu.Lock()
	c.link = l
	c.mu.Unlock()
	c.router.use(l)
	c.setState(State{Phase: Online})
	keeper := l.keep(again)
	failed := 0
	renewal := time.NewTimer(l.renewIn())
	defer renewal.Stop()
	for {
		select {
		case <-l.ctx.Done():
			c.lost(l, keeper)
			return context.Cause(l.ctx)
		case <-renewal.C:
		}
		next, again, err := c.renew(ctx, l, keeper)
		switch {
		case err == nil:
			c.cfg.Log.Info("event channels: moved to a new connection", "complete", !again)
			c.retiring.Go(l.retire)
			l, keeper, failed, c.denials = next, next.keep(false), 0, 0
			renewal.Reset(l.renewIn())
		case c.final(err):
			l.cancel(err)
		case l.ctx.Err() == nil:
			failed++
			wait := l.retryIn(failed, err)
			c.cfg.Log.Warn("event channels: cannot move to a new connection yet", "error", err, "next", wait)
			renewal.Reset(wait)
		}
	}
}

// lost cleans up after a connection.
func (c *Client) lost(l *link, keeper *keeper) {
	<-l.gone
	<-keeper.done
	c.router.use(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
	for _, sub := range c.subs {
		sub.answered, sub.err = false, nil
	}
}

// renew opens a connection with a fresh token, subscribes to everything on it, and lets it
// take the place of the old one. Again tells that the old one was lost on the way, so that
// something may be missing; then the reconnect hook is in its place. On an error the old
// connection goes on, if it is not lost.
func (c *Client) renew(ctx context.Context, old *link, keeper *keeper) (next *link, again bool, err error) {
	next, err = c.open(old.ctx, ctx, c.mustOutlive(old))
	if err != nil {
		return nil, false, fmt.Errorf("renew the connection: %w", err)
	}
	c.setNext(next)
	c.router.open(next)
	again, err = c.move(ctx, old, next, keeper)
	c.setNext(nil)
	if err != nil {
		c.router.drop(next)
		next.end(err)
		return nil, false, fmt.Errorf("renew the connection: %w", err)
	}
	return next, again, nil
}

// move subscribes to everything on next, empties old, and makes next the present connection.
func (c *Client) move(ctx context.Context, old, next *link, keeper *keeper) (again bool, err error) {
	if err := next.subscribeMissing(old.ctx, old); err != nil {
		return false, err
	}
	if err := next.pause(old.ctx, overlap); err != nil {
		return false, err
	}
	// From here on there is no way back: the old connection loses its subscriptions.
	keeper.stop()
	if err := next.subscribeMissing(ctx, old); err != nil {
		old.cancel(err)
		return false, err
	}
	again = c.regained(old, next)
	again = !old.drain(ctx) || again
	if errors.Is(context.Cause(old.ctx), ErrSlowHandler) {
		return false, ErrSlowHandler // a new connection would not help the handlers
	}
	if err := c.takeOver(ctx, next, again); err != nil {
		old.cancel(err)
		return false, err
	}
	return again, nil
}

// regained tells whether next hears a subscription that old asked for and was refused for the time being: what came
// meanwhile has been heard on neither.
func (c *Client) regained(old, next *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sub := range c.subs {
		if old.refused(sub) && next.hears(sub) {
			return true
		}
	}
	return false
}

// mustOutlive is the expiry that the next connection's token must exceed; zero: any will do.
func (c *Client) mustOutlive(l *link) time.Time {
	if time.Since(l.opened) >= MaxConnectionLife-endOfLifeAhead {
		return time.Time{} // it is about its age, not about the token
	}
	return l.expires
}

func (c *Client) setNext(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = l
}

// takeOver makes next the present connection, when it has every subscription.
func (c *Client) takeOver(ctx context.Context, next *link, again bool) error {
	for {
		c.mu.Lock()
		if len(c.missing(next)) == 0 {
			break
		}
		c.mu.Unlock()
		if err := next.subscribeMissing(ctx, nil); err != nil {
			return err
		}
	}
	defer c.mu.Unlock()
	if err := c.router.close(next, again && c.cfg.OnReconnect != nil); err != nil {
		return err
	}
	c.link = next
	return nil
}

// pause waits, unless the link or the context ends.
func (l *link) pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// final tells whether an error leaves no hope: the person is signed out, or was refused again
// and again. It is called on the goroutine of Run, once for each failure.
func (c *Client) final(err error) bool {
	var refusal *RefusedError
	switch {
	case errors.Is(err, ErrSignedOut):
		return true
	case errors.As(err, &refusal) && refusal.denied():
		c.denials++
		return c.denials >= maxDenials
	}
	return false
}
