// Package ratelimit keeps a token bucket for each of many keys, such as people, and forgets those that
// are quiet. It knows nothing of what is limited.
package ratelimit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// forgetAfter is how long an unused bucket is kept. Every bucket here is full again by then.
const forgetAfter = time.Minute

// Keyed holds the buckets. It is safe for use by several goroutines.
type Keyed[K comparable] struct {
	now func() time.Time

	mu      sync.Mutex // protects buckets and swept
	buckets map[K]*bucket
	swept   time.Time
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

// New makes an empty set of buckets on a clock.
func New[K comparable](now func() time.Time) *Keyed[K] {
	return &Keyed[K]{now: now, buckets: map[K]*bucket{}}
}

// Allow takes one token of the key's bucket, which holds burst tokens and gets perSecond new ones a
// second, and reports whether there was one.
func (k *Keyed[K]) Allow(key K, perSecond rate.Limit, burst int) bool {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweep(now)
	b, ok := k.buckets[key]
	if !ok {
		b = &bucket{Limiter: rate.NewLimiter(perSecond, burst)}
		k.buckets[key] = b
	}
	b.used = now
	return b.AllowN(now, 1)
}

func (k *Keyed[K]) sweep(now time.Time) {
	if now.Sub(k.swept) < forgetAfter {
		return
	}
	k.swept = now
	for key, b := range k.buckets {
		if now.Sub(b.used) > forgetAfter {
			delete(k.buckets, key)
		}
	}
}
