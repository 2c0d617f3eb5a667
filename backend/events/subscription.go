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
	closed  atomic.Bool // set under client.mu, read by the handlers' goroutine without it

	// Protected by client.mu.
	link     *link  // the connection that it was asked for on; nil: none yet
	id       string // on that connection
	answered bool   // on that connection
	err      error  // the answer, if it was a refusal
}

// Subscribe hears a channel, or with "/*" at the end every channel below it. The handler is
// called for each event in order of arrival; all handlers of a client take turns on one
// goroutine. A handler may publish. It should be quick: while it runs, events wait in a
// queue of Config.QueueLength; when that is full the client drops the connection and
// reconnects after the handlers have caught up (see OnReconnect).
//
// The subscription is made now if the client is online, and again on each new connection.
// Wait tells whether the service agreed. A refused one is tried again on the next connection.
func (c *Client) Subscribe(channel string, handle func(Message)) (*Subscription, error) {
	if _, err := ParseChannel(channel); err != nil {
		return nil, fmt.Errorf("subscribe to %q: %w", channel, err)
	}
	sub := &Subscription{client: c, channel: channel, handle: handle}
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
			return false, ErrClosed
		}
		if !s.answered {
			return false, nil
		}
		return true, s.err
	})
}

// Close ends the subscription. A call of the handler that has begun is not waited for; no
// other begins.
func (s *Subscription) Close() {
	c := s.client
	c.mu.Lock()
	if s.closed.Swap(true) {
		c.mu.Unlock()
		return
	}
	c.subs = slices.DeleteFunc(c.subs, func(other *Subscription) bool { return other == s })
	link, id, active := s.link, s.id, s.answered && s.err == nil
	c.notify()
	c.mu.Unlock()
	if link != nil && active {
		link.unsubscribe(id)
	} // else subscribeMissing does, when the answer is there
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
		case next := <-c.deliveries:
			if ctx.Err() != nil {
				return
			}
			switch {
			case next.reconnect:
				c.cfg.OnReconnect(ctx)
			case !next.sub.closed.Load():
				next.sub.handle(Message{Channel: next.sub.channel, Event: next.event})
			}
			if len(c.deliveries) <= cap(c.deliveries)/2 {
				select {
				case c.drained <- struct{}{}:
				default:
				}
			}
		}
	}
}
