package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
)

// Subscription is one channel, or a wildcard, that a client hears. It outlives connections.
type Subscription struct {
	client  *Client
	channel string
	handle  func(Message)
	closed  atomic.Bool   // set under client.mu, read by the handlers' goroutine without it
	done    chan struct{} // closed with closed

	// Protected by client.mu.
	answered bool  // on the present connection
	err      error // the answer, if it was a refusal; why it ended
}

// Subscribe hears a channel, or with "/*" at the end every channel below it. The handler is
// called for each event in order of arrival; all handlers of a client take turns on one
// goroutine. A handler may publish. It should be quick: while it runs, events wait in a
// queue of Config.QueueLength; when that is full the client drops the connection and
// reconnects after the handlers have caught up (see OnReconnect).
//
// The subscription is made now if the client is online, and again on each new connection,
// with the token of that time. Wait tells whether the service agreed. A refusal ends the
// subscription, also one that stood before (somebody was banned meanwhile): see Done and Err.
// Only a refusal that may pass (a limit, a service that is away) is tried again on the next
// connection.
func (c *Client) Subscribe(channel string, handle func(Message)) (*Subscription, error) {
	if _, err := ParseChannel(channel); err != nil {
		return nil, fmt.Errorf("subscribe to %q: %w", channel, err)
	}
	sub := &Subscription{client: c, channel: channel, handle: handle, done: make(chan struct{})}
	c.mu.Lock()
	c.subs = append(c.subs, sub)
	link := c.link
	c.mu.Unlock()
	if link != nil {
		link.wantSubscriptions()
	}
	return sub, nil
}

// Wait returns nil when the subscription is active on the present connection, a
// *RefusedError when the service refused it, or the error of the context. Offline, it waits
// for the next connection.
func (s *Subscription) Wait(ctx context.Context) error {
	return s.client.waitFor(ctx, func() (bool, error) {
		if s.closed.Load() {
			return true, s.err
		}
		if !s.answered {
			return false, nil
		}
		return true, s.err
	})
}

// Done is closed when the subscription has ended: by Close, or because the service refused
// it. The end of the client does not close it.
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Err is why the subscription has ended: ErrClosed, or the service's *RefusedError. It is nil
// before Done is closed.
func (s *Subscription) Err() error {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if !s.closed.Load() {
		return nil
	}
	return s.err
}

// Close ends the subscription. A call of the handler that has begun is not waited for; no
// other begins.
func (s *Subscription) Close() { s.client.endSubscription(s, ErrClosed) }

// endSubscription takes a subscription off every connection. Only the first reason counts.
func (c *Client) endSubscription(s *Subscription, reason error) {
	c.mu.Lock()
	if s.closed.Swap(true) {
		c.mu.Unlock()
		return
	}
	s.err = reason
	close(s.done)
	c.subs = slices.DeleteFunc(c.subs, func(other *Subscription) bool { return other == s })
	present, next := c.link, c.next
	c.notify()
	c.mu.Unlock()
	for _, l := range []*link{present, next} {
		if l != nil {
			l.leave(s)
		}
	}
}

// noteAnswer tells those in Wait what the service said.
func (c *Client) noteAnswer(s *Subscription, refusal error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.closed.Load() {
		return
	}
	s.answered, s.err = true, refusal
	c.notify()
}

// delivery is one turn on the goroutine of the handlers: an event, or the reconnect hook.
type delivery struct {
	sub       *Subscription
	event     json.RawMessage
	reconnect bool
}

// deliver runs handlers until the context ends; what then is in the queue is not delivered.
func (c *Client) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-c.router.deliveries:
			if ctx.Err() != nil {
				return
			}
			switch {
			case next.reconnect:
				c.cfg.OnReconnect(ctx)
			case !next.sub.closed.Load():
				next.sub.handle(Message{Channel: next.sub.channel, Event: next.event})
			}
			if len(c.router.deliveries) <= cap(c.router.deliveries)/2 {
				select {
				case c.drained <- struct{}{}:
				default:
				}
			}
		}
	}
}
