package stage

import (
	"sync"
	"sync/atomic"
	"time"
)

// keyFrameGate turns any number of wishes for a key frame into requests to the publisher at least
// keyFrameInterval apart. A wish inside the interval is not lost: it is served at its end, unless a key
// frame has come by then.
type keyFrameGate struct {
	send     func() // on a goroutine of its own, without locks
	requests atomic.Uint64

	mu      sync.Mutex
	last    time.Time // of the newest request; the zero time: never
	pending *time.Timer
}

// ask wishes for a key frame. It never blocks.
func (g *keyFrameGate) ask() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pending != nil {
		return
	}
	g.pending = time.AfterFunc(max(0, time.Until(g.last.Add(keyFrameInterval))), g.fire)
}

// wanted reports whether a wish waits to be served.
func (g *keyFrameGate) wanted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pending != nil
}

func (g *keyFrameGate) fire() {
	g.mu.Lock()
	wanted := g.pending != nil
	if wanted {
		g.pending = nil
		g.last = time.Now()
	}
	g.mu.Unlock()
	if wanted {
		g.requests.Add(1)
		g.send()
	}
}

// served says that a key frame has arrived, or that nobody is left to wait for one.
func (g *keyFrameGate) served() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pending != nil {
		g.pending.Stop()
		g.pending = nil
	}
}
