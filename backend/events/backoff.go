package events

import (
	"math/rand/v2"
	"time"
)

// Defaults of Backoff. With them nine in ten clients are back within 2 s of a server that
// was away for 1 s.
const (
	defaultBackoffBase = 250 * time.Millisecond
	defaultBackoffMax  = 5 * time.Second
	// stableAfter is how long a connection must have lived for the next failure to count as
	// the first of a new series. A server that accepts and hangs up at once is not a reason
	// to connect in a tight loop.
	stableAfter = 5 * time.Second
)

// Backoff sets the waits between attempts to connect: the first attempt after a stable
// connection is made at once, the n-th waits a random time between 0 and Base*2^(n-1), at
// most Max ("full jitter", so that a thousand clients of a restarted server do not come in
// step).
type Backoff struct {
	Base time.Duration // default 250 ms
	Max  time.Duration // default 5 s
}

// wait returns the time before attempt number n, counted from 0.
func (b Backoff) wait(attempt int) time.Duration {
	if attempt <= 0 {
		return 0
	}
	base, limit := b.Base, b.Max
	if base <= 0 {
		base = defaultBackoffBase
	}
	if limit <= 0 {
		limit = defaultBackoffMax
	}
	// Shifting stops long before a time.Duration overflows.
	span := min(limit, base<<min(attempt-1, 16))
	if span <= 0 {
		span = limit
	}
	return rand.N(span + 1)
}

// slow returns a wait between half of Max and Max.
func (b Backoff) slow() time.Duration {
	if b.Max <= 0 {
		return jittered(defaultBackoffMax)
	}
	return jittered(b.Max)
}
