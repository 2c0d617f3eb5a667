package steward

import (
	"context"
	"errors"
	"sync"
	"time"

	"hotseat/backend/playtest"
)

// ErrOfferTaken says that the hand-over is under way with the offer sent before: the page keeps that
// peer connection. A holder's reconnection is not refused so: a page that was reloaded twice has only
// its newest peer connection.
var ErrOfferTaken = errors.New("the hand-over is under way with your page's earlier offer")

// errLateOffer is what a page reads that sent its offer too late, or none.
var errLateOffer = failure("your page did not send its offer in time")

// ErrNoOffer says that no offer is kept for the request. Offers live in the steward's memory, so a page
// whose request is still waiting, or approved, sends its offer again: the steward that it was sent to is gone.
var ErrNoOffer = errors.New("no offer is kept for this request; send one first")

// answeredFor is how long an answer waits to be fetched.
const answeredFor = 30 * time.Second

// offers keeps the WebRTC offers of people who wait for the seat and the answers on their way
// back. They are secrets between a page and the backend and never travel on a channel.
type offers struct {
	now func() time.Time

	mu     sync.Mutex // protects all; never held over I/O
	closed bool
	kept   map[offerKey]*exchange
}

type offerKey struct{ person, request string }

// exchange is one offer and its answer. changed is closed and made anew at every change.
type exchange struct {
	offer   string
	taken   bool
	answer  string
	err     error
	ended   time.Time // of answer or err
	changed chan struct{}
}

func newOffers(now func() time.Time) *offers {
	return &offers{now: now, kept: map[offerKey]*exchange{}}
}

// put keeps a page's offer; a newer one replaces an older one until it was taken.
func (o *offers) put(person, request, offer string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := offerKey{person, request}
	x, ok := o.kept[key]
	switch {
	case o.closed:
		return ErrNoOffer
	case ok && x.taken && x.ended.IsZero() && request != "":
		return ErrOfferTaken
	case !ok || x.taken || !x.ended.IsZero():
		if ok {
			x.touch() // who waits for the old one finds the new one
		}
		x = &exchange{changed: make(chan struct{})}
		o.kept[key] = x
	}
	x.offer = offer
	x.touch()
	return nil
}

// has reports whether an offer waits to be taken: also a newer one than that which was taken.
func (o *offers) has(person, request string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	x, ok := o.kept[offerKey{person, request}]
	return ok && !x.taken && x.offer != ""
}

// take waits for a page's offer, for at most the time given, and takes it. When none comes, whoever
// waits for an answer, or comes to wait, reads errLateOffer.
func (o *offers) take(ctx context.Context, person, request string, wait time.Duration) (*exchange, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	key := offerKey{person, request}
	for {
		o.mu.Lock()
		x, ok := o.kept[key]
		if !ok {
			x = &exchange{changed: make(chan struct{})}
			o.kept[key] = x
		}
		if x.offer != "" && x.ended.IsZero() {
			x.taken = true
			defer o.mu.Unlock()
			return x, nil
		}
		changed := x.changed
		o.mu.Unlock()
		select {
		case <-ctx.Done():
			o.fail(x, errLateOffer)
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// answer hands the service's answer to the page that waits for it.
func (o *offers) answer(x *exchange, answer string) {
	o.end(x, func() { x.answer = answer })
}

// fail tells the page that waits that there will be no answer. An answer already given stays.
func (o *offers) fail(x *exchange, err error) {
	o.end(x, func() { x.err = err })
}

func (o *offers) end(x *exchange, set func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !x.ended.IsZero() {
		return
	}
	set()
	x.ended = o.now()
	x.touch()
}

// wait returns the answer once it is there, ErrNoOffer when no offer was sent for it (send one again: the
// backend may have been started anew since), the reason when the exchange failed, or ctx's error.
func (o *offers) wait(ctx context.Context, person, request string) (string, error) {
	for {
		o.mu.Lock()
		x, ok := o.kept[offerKey{person, request}]
		if ok && !o.closed && !x.ended.IsZero() {
			defer o.mu.Unlock()
			return x.answer, x.err
		}
		if !ok || o.closed || x.offer == "" { // also when the hand-over waits for it: sent to an earlier backend
			o.mu.Unlock()
			return "", ErrNoOffer
		}
		changed := x.changed
		o.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-changed:
		}
	}
}

// prune drops what nobody can use any more: offers of requests that ended, answers not fetched.
// What is left is bounded by the queue, the hand-over and the holder.
func (o *offers) prune(state *playtest.State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, x := range o.kept {
		wanted := state.Position(key.request) > 0 ||
			state.Handover != nil && state.Handover.Request.ID == key.request ||
			key.request == "" && state.Seat.HeldBy(key.person) && state.Handover == nil
		fetchable := !x.ended.IsZero() && o.now().Sub(x.ended) < answeredFor
		if wanted && x.ended.IsZero() || fetchable || x.taken && x.ended.IsZero() {
			continue
		}
		delete(o.kept, key)
		x.touch()
	}
}

// close wakes everybody who waits, for nothing.
func (o *offers) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, x := range o.kept {
		x.touch()
	}
}

func (x *exchange) touch() {
	close(x.changed)
	x.changed = make(chan struct{})
}

// PutOffer keeps the WebRTC offer of a person who waits for the seat, or, with an empty request,
// of the holder whose page came back. State is the session's state as the caller knows it.
func (s *Steward) PutOffer(state *playtest.State, person playtest.Person, request, offer string) error {
	l := s.loop(state.Session)
	if l == nil {
		return s.absent()
	}
	r, waiting := state.RequestOf(person.ID)
	switch {
	case request == "" && state.Seat.HeldBy(person.ID) && state.Handover == nil:
	case request != "" && waiting && r.ID == request:
	case request != "" && state.Handover != nil && state.Handover.Request.ID == request && state.Handover.Request.Person.ID == person.ID:
	default:
		return ErrNoOffer
	}
	if err := l.offers.put(person.ID, request, offer); err != nil {
		return err
	}
	l.wake()
	return nil
}

// Answer waits for the answer to the person's offer.
func (s *Steward) Answer(ctx context.Context, session string, person playtest.Person, request string) (string, error) {
	l := s.loop(session)
	if l == nil {
		return "", s.absent()
	}
	return l.offers.wait(ctx, person.ID, request)
}

// absent is why there is no loop for a session: it is over, or this steward ends, and the page has to send its
// offer to the next one.
func (s *Steward) absent() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil && s.ctx.Err() != nil {
		return ErrNoOffer
	}
	return ErrNotRunning
}
