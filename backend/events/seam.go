package events

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// overlap is how long both connections hear everything before the old one is
	// unsubscribed. The service fans out from many machines: an event that was published
	// just before the new connection's subscription may come to the old one a little after.
	overlap = 500 * time.Millisecond
	// twinsExpected is how long after the first event that only the new connection brought
	// the second copy of an event is still recognised. Where the service keeps the order, no
	// copy comes after that event; where it does not, a copy would be seconds late. And an
	// equal event that is published again must not be taken for one for ever.
	twinsExpected = 5 * time.Second
	// maxTwins bounds what a seam remembers: over a minute of a thousand events a second, in
	// some 10 MB.
	maxTwins = 1 << 16
)

// errSeamFull ends a renewal, not the connection: the next attempt begins anew.
var errSeamFull = errors.New("too many events while two connections were open")

// router decides which events of which connection reach the handlers. Usually there is one
// connection, and all do. While a connection is replaced there are two, and a seam.
type router struct {
	deliveries chan delivery

	mu      sync.Mutex // not held over anything that waits
	current *link      // whose events are delivered; nil: nobody's
	seam    *seam      // open: current is about to be replaced; nil: it is not
	past    *seam      // closed: second copies may still come on current; nil: none
}

// seam joins the events of two connections. Until it is closed the old connection's are
// delivered as they come, and the new one's are held back unless the old one has delivered
// them. Closing it delivers what is still held, which the old connection never brought; from
// then on the new one's are delivered, except second copies that come late.
type seam struct {
	next *link
	// The wire gives events no identity, so two copies are known by the subscription and
	// the bytes, which the service does not change.
	delivered map[twin]int         // by the old connection; the copies are still to come
	held      []*delivery          // from the new connection, in order; nil: came on the old one after all
	places    map[twin][]heldPlace // of held, oldest first

	// When closed:
	forget time.Time                   // no copy comes any more, whatever else
	fresh  map[*Subscription]time.Time // when the first event came that the old one did not bring
}

type (
	twin struct {
		sub *Subscription
		sum [sha256.Size]byte
	}
	heldPlace int
)

// use makes l the connection whose events are delivered; nil: none.
func (r *router) use(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.seam, r.past = l, nil, nil
}

// route takes one event of a connection. An error ends that connection.
func (r *router) route(l *link, sub *Subscription, event json.RawMessage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := delivery{sub: sub, event: event}
	s := r.seam
	switch {
	case s != nil && l == s.next:
		return s.fromNext(d)
	case l != r.current:
		return nil // a connection that was replaced
	case r.past != nil && r.past.isCopy(d, time.Now()):
		return nil
	case s != nil && !s.fromOld(d): // the new connection is given up, this one goes on
		s.next.cancel(errSeamFull)
		r.seam = nil
	}
	return r.put(d)
}

// fromNext takes an event of the new connection while the seam is open.
func (s *seam) fromNext(d delivery) error {
	key := twin{d.sub, sha256.Sum256(d.event)}
	if s.takeCopy(key) {
		return nil
	}
	if len(s.held) >= maxTwins {
		return errSeamFull
	}
	s.places[key] = append(s.places[key], heldPlace(len(s.held)))
	s.held = append(s.held, &d)
	return nil
}

// takeCopy tells whether the old connection delivered the same, and a copy is due.
func (s *seam) takeCopy(key twin) bool {
	n := s.delivered[key]
	if n == 1 {
		delete(s.delivered, key)
	} else if n > 1 {
		s.delivered[key] = n - 1
	}
	return n > 0
}

// isCopy tells whether an event of the new connection is a copy that comes after the seam was
// closed.
func (s *seam) isCopy(d delivery, now time.Time) bool {
	if len(s.delivered) == 0 || now.After(s.forget) {
		return false
	}
	fresh, ok := s.fresh[d.sub]
	if ok && now.Sub(fresh) > twinsExpected {
		return false
	}
	if s.takeCopy(twin{d.sub, sha256.Sum256(d.event)}) {
		return true
	}
	if !ok {
		s.fresh[d.sub] = now
	}
	return false
}

// fromOld notes an event of the old connection while the seam is open; false when there are
// too many.
func (s *seam) fromOld(d delivery) bool {
	key := twin{d.sub, sha256.Sum256(d.event)}
	if places := s.places[key]; len(places) > 0 {
		s.held[places[0]] = nil
		if s.places[key] = places[1:]; len(places) == 1 {
			delete(s.places, key)
		}
		return true
	}
	if len(s.delivered) >= maxTwins {
		return false
	}
	s.delivered[key]++
	return true
}

// put queues a delivery. It never waits, so that answers get through while handlers are busy.
func (r *router) put(d delivery) error {
	select {
	case r.deliveries <- d:
		return nil
	default:
		return fmt.Errorf("%w: %d events wait", ErrSlowHandler, cap(r.deliveries))
	}
}

// open begins a seam between the present connection and next. It comes before the first
// subscription of next is asked for.
func (r *router) open(next *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seam = &seam{next: next, delivered: map[twin]int{}, places: map[twin][]heldPlace{}}
}

// drop ends a seam that is not closed: the present connection stays.
func (r *router) drop(next *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seam != nil && r.seam.next == next {
		r.seam = nil
	}
}

// close makes next the connection whose events are delivered. Again puts the reconnect hook
// before what was held back: the old connection may have missed something.
func (r *router) close(next *link, again bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seam
	if s == nil || s.next != next {
		return errSeamFull // it was given up
	}
	r.current, r.seam, r.past = next, nil, s
	// A connection that stands still for longer than its silence allows is given up.
	s.forget, s.fresh = time.Now().Add(2*next.silence), map[*Subscription]time.Time{}
	held := s.held
	s.held, s.places = nil, nil
	if again {
		if err := r.put(delivery{reconnect: true}); err != nil {
			return err
		}
	}
	for _, d := range held {
		if d == nil {
			continue
		}
		if err := r.put(*d); err != nil {
			return err
		}
	}
	return nil
}

// queueReconnect puts the reconnect hook in turn; unlike events it waits for room.
func (r *router) queueReconnect(ctx context.Context) error {
	select {
	case r.deliveries <- delivery{reconnect: true}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
