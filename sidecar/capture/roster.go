package capture

import "time"

const (
	// reopenings is how often within reopenWithin encoders are opened again after each of them has
	// failed, before the capture ends.
	reopenings   = 4
	reopenWithin = time.Minute
	// reopenPause is the wait before the second of those, doubled each time; the first does not wait.
	reopenPause = 500 * time.Millisecond

	// An encoder that was given up while another works is tried again after a while: it may have
	// been the machine that stood still. Each failure doubles the while.
	restLeast = 5 * time.Minute
	restMost  = time.Hour
)

// roster chooses among the encoders of a capture. It belongs to the supervisor.
type roster struct {
	encoders []encoder // best first
	bench    []rest    // one for each
	least    time.Duration
	recent   []time.Time // when an encoder was opened again though all had failed
}

// rest is what an encoder has to show for its failures.
type rest struct {
	until time.Time // not to be chosen before, while others are left
	last  time.Duration
}

// newRoster begins with no failures; least is instead of restLeast unless 0.
func newRoster(encoders []encoder, least time.Duration) *roster {
	if least == 0 {
		least = restLeast
	}
	return &roster{encoders: encoders, bench: make([]rest, len(encoders)), least: least}
}

// failed notes that an encoder failed, in flight or when it was opened.
func (r *roster) failed(e encoder, now time.Time) {
	for i := range r.encoders {
		if r.encoders[i].same(e) {
			b := &r.bench[i]
			b.last = min(max(r.least, 2*b.last), restMost)
			b.until = now.Add(b.last)
		}
	}
}

// next is the best encoder that is not at rest. When all are it is the one whose rest ends first, again
// says so, and wait is how long to wait before it is opened; ok is false when that has been done too
// often.
func (r *roster) next(now time.Time) (e encoder, again bool, wait time.Duration, ok bool) {
	soonest := 0
	for i, b := range r.bench {
		if !now.Before(b.until) {
			return r.encoders[i], false, 0, true
		}
		if b.until.Before(r.bench[soonest].until) {
			soonest = i
		}
	}
	for len(r.recent) > 0 && now.Sub(r.recent[0]) > reopenWithin {
		r.recent = r.recent[1:]
	}
	n := len(r.recent)
	if n >= reopenings {
		return encoder{}, true, 0, false
	}
	r.recent = append(r.recent, now)
	if n > 0 {
		wait = reopenPause << (n - 1)
	}
	return r.encoders[soonest], true, wait, true
}

// better is the best encoder that is rested and preferred to the one in use.
func (r *roster) better(inUse encoder, now time.Time) (encoder, bool) {
	for i, e := range r.encoders {
		if e.same(inUse) {
			break
		}
		if !now.Before(r.bench[i].until) {
			return e, true
		}
	}
	return encoder{}, false
}

// stallWatch tells somebody else who hangs (an encoder, a display) from a machine that stood still: a
// virtual machine that was paused, a process that was stopped. It knows by its own steps, which were late,
// too.
type stallWatch struct {
	last    time.Duration // when it looked last, clock
	excused time.Duration // until then nothing is a stall, clock
}

// look is called much more often than stallTime.
func (w *stallWatch) look(now time.Duration) {
	if w.last != 0 && now-w.last > stallTime/2 {
		w.excused = now + stallTime
	}
	w.last = now
}

// stalled looks; silent is how long nothing has come.
func (w *stallWatch) stalled(now, silent time.Duration) bool {
	w.look(now)
	return silent > stallTime && now >= w.excused
}
