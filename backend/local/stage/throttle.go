package stage

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often who may ask. RFC 9725 section 5 wants POST, PATCH and DELETE limited; it names no numbers. A thousand
// joins a second are fine as long as they are a thousand people.
const (
	// One participant: a page that is reloaded in anger.
	joinsPerSecond, joinBurst = 2, 20
	// One session's PATCH requests: a candidate at a time, and a restart now and then.
	patchesPerSecond, patchBurst = 5, 30
	// One address with tokens that are no good: checking a signature takes a third of a millisecond.
	failuresPerSecond, failureBurst = 20, 200
	// maxThrottled bounds what is remembered. Who is not remembered has done nothing for long.
	maxThrottled = 50_000
	// maxJoining is how many sessions may be between offer and connection: a second's worth of a rush. Those who
	// come then are told to come back.
	maxJoining = 2000
)

// throttle limits each of many.
type throttle struct {
	each  rate.Limit
	burst int

	mu   sync.Mutex
	seen map[string]*rate.Limiter
}

func newThrottle(each rate.Limit, burst int) *throttle {
	return &throttle{each: each, burst: burst, seen: make(map[string]*rate.Limiter)}
}

// allow takes one of what who may still do.
func (t *throttle) allow(who string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.seen[who]
	if l == nil {
		if len(t.seen) >= maxThrottled {
			t.forget(now)
		}
		if len(t.seen) >= maxThrottled {
			return false // fifty thousand within seconds are no people
		}
		l = rate.NewLimiter(t.each, t.burst)
		t.seen[who] = l
	}
	return l.AllowN(now, 1)
}

// exhausted reports whether who has nothing left, and takes nothing.
func (t *throttle) exhausted(who string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.seen[who]
	return l != nil && l.TokensAt(now) < 1
}

// forget drops those who could do everything again. mu is held.
func (t *throttle) forget(now time.Time) {
	for who, l := range t.seen {
		if l.TokensAt(now) >= float64(t.burst) {
			delete(t.seen, who)
		}
	}
}

// from is the address of a request, without its port.
func from(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func tooMany(retryAfter int) *problem {
	p := refusal(http.StatusTooManyRequests, QuotaExceeded, "too many requests; wait a moment")
	p.retryAfter = retryAfter
	return p
}

func overloaded(detail string, retryAfter int) *problem {
	p := refusal(http.StatusServiceUnavailable, InternalServerException, detail)
	p.retryAfter = retryAfter
	return p
}
