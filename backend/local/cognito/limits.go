package cognito

import (
	"hash/maphash"
	"time"

	"golang.org/x/time/rate"
)

const (
	// A wrong password for a name costs an attempt; ten may come at once, then
	// one a second. A right one costs nothing. Guessing at this rate does not
	// get anywhere near a password of 64 random bits.
	attemptsPerSecond = 1
	attemptsBurst     = 10

	// All operations that cost work (signatures, SRP: some milliseconds each)
	// are bounded for each address. Everybody on the machine shares one.
	requestsPerSecond = 50
	requestsBurst     = 200

	// Names and addresses share this many buckets, chosen by a keyed hash. The
	// memory is bounded without forgetting anybody, and names that do not exist
	// are limited like those that do.
	limitBuckets = 1024
)

// limits are the pool's rate limits. A rate.Limiter has its own lock.
type limits struct {
	seed      maphash.Seed
	names     []*rate.Limiter
	addresses []*rate.Limiter
}

func newLimits() *limits {
	l := &limits{seed: maphash.MakeSeed()}
	for range limitBuckets {
		l.names = append(l.names, rate.NewLimiter(attemptsPerSecond, attemptsBurst))
		l.addresses = append(l.addresses, rate.NewLimiter(requestsPerSecond, requestsBurst))
	}
	return l
}

func (l *limits) bucket(of []*rate.Limiter, key string) *rate.Limiter {
	return of[maphash.String(l.seed, key)%limitBuckets]
}

func (l *limits) allowAddress(address string, now time.Time) bool {
	return l.bucket(l.addresses, address).AllowN(now, 1)
}

// attempt takes one attempt for a name before the password is looked at, so
// that attempts in parallel count. It reports false when none is left.
func (l *limits) attempt(name string, now time.Time) (attempt, bool) {
	r := l.bucket(l.names, name).ReserveN(now, 1)
	if !r.OK() || r.DelayFrom(now) > 0 {
		r.CancelAt(now)
		return attempt{}, false
	}
	return attempt{r}, true
}

// attempt is one look at a password.
type attempt struct{ reservation *rate.Reservation }

// succeeded gives the attempt back. now is the time it was taken.
func (a attempt) succeeded(now time.Time) { a.reservation.CancelAt(now) }
