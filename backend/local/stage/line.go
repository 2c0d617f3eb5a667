package stage

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// line is what is known of the way to one viewer, and who decides by it.
type line struct {
	mu    sync.Mutex
	climb climb
}

// mostBits is as good as any more.
const mostBits = 1e9

// remb takes a receiver's estimate (draft-alvestrand-rmcat-remb-03). Chromium measures it by the send times that
// packets carry, and sends it without being asked.
func (l *line) remb(p *rtcp.ReceiverEstimatedMaximumBitrate, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.climb.estimated(min(float64(p.Bitrate), mostBits), now)
}

func (l *line) lost(fraction float64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.climb.lost(fraction, now)
}

func (l *line) overflowed(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.climb.overflowed(now)
}

func (l *line) settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.climb.settled()
}

func (l *line) choose(now time.Time, steps []step, at int) move {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.climb.choose(now, steps, at)
}

// estimated is the newest estimate in bits a second; 0: none, or too old.
func (l *line) estimated(now time.Time) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.climb.known(now) {
		return 0
	}
	return l.climb.estimate
}
