package gate

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hotseat/backend/playtest"
)

// class groups actions that share a rate.
type class struct {
	perSecond rate.Limit
	burst     int
	message   string
}

// The rates per person. A person's fingers are slower than all of these; a script is not.
var (
	chatClass     = &class{2, 5, "you are writing faster than others can read; wait a moment"}
	reactClass    = &class{8, 12, "that is a lot of reactions; wait a moment"}
	presenceClass = &class{1, 4, "presence is told too often; every 5 s is enough"}
	seatClass     = &class{1, 8, "too many requests and decisions; wait a moment"}
	machineClass  = &class{20, 40, "the sidecar publishes too often"}
)

// forgetAfter is how long a silent person's buckets are kept; by then they are full again.
const forgetAfter = time.Minute

// limits are the token buckets per person and class. The backend itself is not limited.
type limits struct {
	now func() time.Time

	mu      sync.Mutex // protects buckets and swept
	buckets map[bucketKey]*bucket
	swept   time.Time
}

type bucketKey struct {
	person string
	class  *class
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, buckets: map[bucketKey]*bucket{}}
}

func (l *limits) allow(who playtest.Person, action playtest.Action) *playtest.Refusal {
	if who.Role == playtest.RoleBackend {
		return nil
	}
	c := classOf(who.Role, action)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	key := bucketKey{who.ID, c}
	b, ok := l.buckets[key]
	if !ok {
		b = &bucket{Limiter: rate.NewLimiter(c.perSecond, c.burst)}
		l.buckets[key] = b
	}
	b.used = now
	if b.AllowN(now, 1) {
		return nil
	}
	return refusal(playtest.CodeTooFast, "%s", c.message)
}

func (l *limits) sweep(now time.Time) {
	if now.Sub(l.swept) < forgetAfter {
		return
	}
	l.swept = now
	for key, b := range l.buckets {
		if now.Sub(b.used) > forgetAfter {
			delete(l.buckets, key)
		}
	}
}

func classOf(role playtest.Role, action playtest.Action) *class {
	switch {
	case !role.IsPerson():
		return machineClass
	case action == playtest.ActionReact:
		return reactClass
	case action == playtest.ActionPresence:
		return presenceClass
	case action == playtest.ActionChat:
		return chatClass
	}
	return seatClass
}
