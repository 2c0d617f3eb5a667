package capture

import (
	"slices"
	"sync"
	"time"
)

// A game draws at its frame rate, we grab at ours, and where one falls between two of the
// other is chance: at 30 frames a second a finished picture waits 0 to 33 ms, 16 on average,
// before it is even looked at. That is more than everything that follows. Grabbing at 60 and
// throwing half away does not help: the ones that are kept are 33 ms apart all the same.
//
// So the capture grid is moved to stand a little behind the drawing. XDamage tells when the
// game drew; the lock compares that with the moment of each grab and moves the grid when the
// median age of the pictures is outside a small window. A game without a steady rhythm, or
// one slower or faster by an odd ratio, has no phase to lock to: its ages scatter, and the
// grid is left alone.

const (
	// ageTarget: the room for the rest of the drawing of a picture after its first rectangle,
	// and for the jitter of the game. Less would grab some pictures half drawn.
	ageTarget = 4 * time.Millisecond
	// The grid moves only when the median is outside, so that it does not wander.
	ageMin, ageMax = 2 * time.Millisecond, 7 * time.Millisecond
	// A rhythm is steady when the middle half of the ages lies within ageSpread.
	ageSpread = 4 * time.Millisecond
	// ageWindow pictures are looked at between two moves: half a second at 30.
	ageWindow = 15
)

// phaseLock is written by the goroutine that hears the display's events (drawn) and by the one that
// takes the pictures (the rest).
type phaseLock struct {
	mu     sync.Mutex // protects everything below
	period time.Duration
	drawn  [8]time.Duration
	next   int // where drawn is written
	ages   []time.Duration
	off    time.Duration // of the grid against the base time, ±period/2
	median time.Duration
	moves  uint64
}

// setPeriod says that the frame rate changed: what was learned is void.
func (l *phaseLock) setPeriod(period time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.period, l.off, l.ages = period, 0, l.ages[:0]
}

func newPhaseLock(period time.Duration) *phaseLock {
	return &phaseLock{period: period, ages: make([]time.Duration, 0, ageWindow)}
}

// noteDrawing hears from the screen, in the time of the pipeline's clock.
func (l *phaseLock) noteDrawing(at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drawn[l.next] = at
	l.next = (l.next + 1) % len(l.drawn)
}

// picture hears when a picture was grabbed and answers by how much the grid should move:
// negative is earlier, 0 is not at all.
func (l *phaseLock) picture(grabbed time.Duration) (shift time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last time.Duration
	for _, d := range l.drawn {
		if d <= grabbed && d > last {
			last = d
		}
	}
	age := grabbed - last
	if last == 0 || age > 2*l.period {
		return 0 // nothing was drawn lately: there is nothing to be late for
	}
	l.ages = append(l.ages, age)
	if len(l.ages) < ageWindow {
		return 0
	}
	slices.Sort(l.ages)
	median, spread := l.ages[ageWindow/2], l.ages[ageWindow*3/4]-l.ages[ageWindow/4]
	l.ages = l.ages[:0]
	l.median = median
	if spread > ageSpread || (median >= ageMin && median <= ageMax) {
		return 0
	}
	return ageTarget - median
}

// move adds to the offset of the grid and returns the new one. A whole period more or less is
// the same grid, so the offset stays within half a period.
func (l *phaseLock) move(shift time.Duration) (offset time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off = (l.off + shift) % l.period
	switch {
	case l.off > l.period/2:
		l.off -= l.period
	case l.off < -l.period/2:
		l.off += l.period
	}
	l.moves++
	return l.off
}

func (l *phaseLock) offset() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off
}

func (l *phaseLock) stats() (age time.Duration, moves uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.median, l.moves
}
