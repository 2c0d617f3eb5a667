package events

import (
	"context"
	"encoding/json"
	"fmt"
)

// keeper keeps a link subscribed to everything that its client wants to hear.
type keeper struct {
	quit chan struct{} // closed to end it after the round that it is in
	done chan struct{}
}

// keep starts the keeper of a link. Again is true after every connection but the first: when
// all subscriptions were answered, the reconnect hook is queued.
func (l *link) keep(again bool) *keeper {
	k := &keeper{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		if err := l.keepSubscribed(k.quit, again); err != nil {
			l.cancel(err)
		}
	}()
	return k
}

// stop returns when no subscription will be asked for any more.
func (k *keeper) stop() {
	close(k.quit)
	<-k.done
}

func (l *link) keepSubscribed(quit chan struct{}, again bool) error {
	for {
		if err := l.subscribeMissing(l.ctx, nil); err != nil {
			return err
		}
		if again && l.client.cfg.OnReconnect != nil {
			if err := l.client.router.queueReconnect(l.ctx); err != nil {
				return err
			}
		}
		again = false
		select {
		case <-l.want:
		case <-quit:
			return nil
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		}
	}
}

func (l *link) wantSubscriptions() {
	select {
	case l.want <- struct{}{}:
	default:
	}
}

// missing lists what l has not been asked for. The caller holds c.mu.
func (c *Client) missing(l *link) []*Subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*Subscription
	for _, sub := range c.subs {
		if _, ok := l.asked[sub]; !ok {
			list = append(list, sub)
		}
	}
	return list
}

// hears tells whether a subscription was made on l.
func (l *link) hears(sub *Subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.subs[l.asked[sub]] == sub
}

// refused tells whether a subscription was asked for on l and is not heard on it.
func (l *link) refused(sub *Subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, asked := l.asked[sub]
	return asked && l.subs[id] != sub
}

// subscribeMissing sends all requests before it waits for the first answer. A refusal that is
// a decision ends the subscription, on every connection. A refusal that may pass is tried
// again on the next connection; but where the connection before, which is about to be
// replaced by l, has the subscription, it is an error. Any other error is the link's.
func (l *link) subscribeMissing(ctx context.Context, before *link) error {
	type request struct {
		sub    *Subscription
		id     string
		answer chan ServerFrame
	}
	c := l.client
	c.mu.Lock()
	missing := c.missing(l)
	c.mu.Unlock()
	requests := make([]request, 0, len(missing))
	for _, sub := range missing {
		id, answer, err := l.begin(ctx, ClientFrame{Type: TypeSubscribe, Channel: sub.channel}, func(id string) {
			l.subs[id], l.asked[sub] = sub, id // before sending: events may follow the answer at once
		})
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", sub.channel, err)
		}
		requests = append(requests, request{sub, id, answer})
	}
	for _, r := range requests {
		frame, err := l.await(ctx, r.id, r.answer)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", r.sub.channel, err)
		}
		if frame.Type == TypeSubscribeSuccess {
			l.subscribed(r.sub, r.id)
			continue
		}
		l.deafen(r.id)
		refusal := refused("subscribe", r.sub.channel, 0, frame.Errors)
		c.cfg.Log.Warn("subscription refused", "channel", r.sub.channel, "error", refusal)
		switch {
		case !refusal.passing():
			c.endSubscription(r.sub, refusal)
		case before != nil && before.hears(r.sub):
			return refusal
		default:
			c.noteAnswer(r.sub, refusal)
		}
	}
	return nil
}

// subscribed notes that the service agreed, unless the subscription was closed meanwhile.
func (l *link) subscribed(sub *Subscription, id string) {
	l.client.noteAnswer(sub, nil)
	if sub.closed.Load() {
		l.leave(sub)
	}
}

// deafen lets go of the events of one subscription.
func (l *link) deafen(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.subs, id)
}

// leave forgets a subscription that was closed, and unsubscribes without waiting for the
// answer: events that are still on their way are ignored. Before the server has answered it
// does nothing; subscribed calls it again then.
func (l *link) leave(sub *Subscription) {
	l.mu.Lock()
	id, ok := l.asked[sub]
	if !ok || l.pending[id] != nil {
		l.mu.Unlock()
		return
	}
	active := l.subs[id] == sub
	delete(l.asked, sub)
	delete(l.subs, id)
	l.mu.Unlock()
	if !active {
		return
	}
	data, err := json.Marshal(ClientFrame{Type: TypeUnsubscribe, ID: id})
	if err != nil {
		return
	}
	select {
	case l.out <- data:
	case <-l.ctx.Done():
	}
}

// drain unsubscribes from everything and waits for the answers: what the server sent before
// each of them has been delivered then, and nothing comes after. False if that cannot be
// known, because an answer did not come.
func (l *link) drain(ctx context.Context) bool {
	type request struct {
		id     string
		answer chan ServerFrame
	}
	var requests []request
	l.mu.Lock()
	for id := range l.subs {
		answer := make(chan ServerFrame, 1)
		l.pending[id] = answer
		requests = append(requests, request{id, answer})
	}
	l.mu.Unlock()
	for _, r := range requests {
		data, err := json.Marshal(ClientFrame{Type: TypeUnsubscribe, ID: r.id})
		if err != nil {
			return false
		}
		select {
		case l.out <- data:
		case <-l.ctx.Done():
			return false
		case <-ctx.Done():
			return false
		}
	}
	for _, r := range requests {
		if _, err := l.await(ctx, r.id, r.answer); err != nil {
			return false
		}
	}
	return true
}
