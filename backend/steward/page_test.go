package steward_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
)

// page is a person's browser: it asks, sends its offer, waits for the answer, connects, and obeys the log.
// Its flags say what it does not do. But for stubborn they are set before they matter.
type page struct {
	r   *rig
	who auth.Identity

	silent   bool        // sends no offer
	offer    string      // sent in place of a WebRTC offer
	deaf     bool        // makes nothing of its answer
	fickle   bool        // connects and is gone at once
	lost     bool        // a holder who does not come back after a hand-over that failed
	once     bool        // does not send its offer again when the backend that had it is gone
	stubborn atomic.Bool // does not let go of the game

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // protects the fields below
	current *client    // the connection, if there is one
	attempt context.CancelFunc
	left    int // how many offers were taken in
}

func (r *rig) page(who auth.Identity) *page {
	r.t.Helper()
	p := &page{r: r, who: who}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	r.say(who, playtest.Event{Action: playtest.ActionArrived})
	r.set(func(r *rig) { r.pages = append(r.pages, p) })
	return p
}

// ask asks for the seat and leaves the offer with the backend.
func (p *page) ask() string {
	p.r.t.Helper()
	request := p.r.say(p.who, playtest.Event{Action: playtest.ActionTakeoverRequest}).RequestID
	p.play(request)
	return request
}

// play gets the game's stream for a request, or, without one, for the holder who comes back.
func (p *page) play(request string) {
	ctx, cancel := context.WithCancel(p.ctx)
	p.mu.Lock()
	if p.attempt != nil {
		p.attempt()
	}
	p.attempt = cancel
	p.mu.Unlock()
	p.work.Go(func() {
		defer cancel()
		err := p.try(ctx, request)
		for request == "" && err != nil && ctx.Err() == nil { // a holder tries until the log says otherwise
			time.Sleep(10 * time.Millisecond) // between two tries
			err = p.try(ctx, request)
		}
	})
}

// try sends an offer until it is taken in, and waits for the answer: once more from the start when the backend
// says that it has none.
func (p *page) try(ctx context.Context, request string) error {
	for {
		c, err := newClient()
		if err != nil {
			return err
		}
		if p.silent {
			c.close()
			return nil
		}
		answer, err := p.exchange(ctx, c.offer, request)
		switch {
		case err == nil && p.deaf:
			c.close()
			return nil
		case err == nil:
			return p.connect(ctx, c, answer)
		}
		c.close()
		if !errors.Is(err, steward.ErrNoOffer) || p.once {
			return err
		}
	}
}

func (p *page) exchange(ctx context.Context, offer, request string) (string, error) {
	if p.offer != "" {
		offer = p.offer
	}
	session := p.r.session
	for {
		state, err := p.r.gate.State(ctx, session)
		if err != nil {
			return "", err
		}
		err = p.r.serving(ctx).PutOffer(&state, p.who.Person, request, offer)
		if err == nil {
			break
		}
		if !errors.Is(err, steward.ErrNoOffer) {
			return "", err
		}
		select { // between two backends, or before a reconnection is wanted
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.mu.Lock()
	p.left++
	p.mu.Unlock()
	return p.r.serving(ctx).Answer(ctx, session, p.who.Person, request)
}

func (p *page) connect(ctx context.Context, c *client, answer string) error {
	p.mu.Lock()
	if ctx.Err() != nil {
		p.mu.Unlock()
		c.close()
		return ctx.Err()
	}
	before := p.current
	p.current = c
	p.mu.Unlock()
	if before != nil {
		before.close()
	}
	if err := c.accept(answer); err != nil {
		return err
	}
	if !p.fickle {
		return nil
	}
	select {
	case <-c.open:
	case <-ctx.Done():
	}
	p.drop()
	return nil
}

// hear obeys the log, in a goroutine of its own: the channel does not wait for pages.
func (p *page) hear(e playtest.Event) {
	is := func(who *playtest.Person) bool { return who != nil && who.ID == p.who.ID }
	switch e.Action {
	case playtest.ActionTakeoverApprove:
		if is(e.From) && !p.stubborn.Load() {
			p.work.Go(p.drop)
		}
	case playtest.ActionSeatReleased:
		if is(e.Previous) && !p.stubborn.Load() {
			p.work.Go(p.drop)
		}
	case playtest.ActionHandoverFailed:
		switch {
		case is(e.Holder) && !p.lost && !p.stubborn.Load():
			p.play("")
		case is(e.Requester) && !p.stubborn.Load():
			p.work.Go(p.drop)
		}
	}
}

// drop closes the connection.
func (p *page) drop() {
	p.mu.Lock()
	c, stop := p.current, p.attempt
	p.current, p.attempt = nil, nil
	p.mu.Unlock()
	if stop != nil {
		stop()
	}
	if c != nil {
		c.close()
	}
}

// send plays: what arrives is kept by the game. Without a connection it does nothing.
func (p *page) send(text string) {
	p.mu.Lock()
	c := p.current
	p.mu.Unlock()
	if c == nil {
		return
	}
	select {
	case <-c.open:
		_ = c.input.SendText(text)
	default:
	}
}

// waits waits until the page's offer is with the backend.
func (p *page) waits() {
	p.r.t.Helper()
	p.r.eventually("the offer of "+p.who.ID, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.left > 0
	})
}

func (p *page) leave() {
	p.cancel()
	p.drop()
	p.work.Wait()
}
