package stage

import (
	"sync"
	"time"
)

const (
	// maxLayers is how many encodings of one picture a publisher may send (simulcast): browsers send up to three.
	maxLayers = 3
	// layerGone is how long the layer that is shown may be silent before another takes its place. A browser with too
	// little bandwidth stops the largest first.
	layerGone = time.Second
)

// layers are the encodings of one picture that a publisher sends at once (simulcast, RFC 9725 section 4.8). All
// subscribers are given the same: the largest that is being sent. A layer takes over with a key frame, so that
// no decoder sees the seam.
type layers struct {
	mu    sync.Mutex
	all   []*layer
	shown *layer
}

// layer is one of them.
type layer struct {
	src    *source
	pixels int       // of its newest parameter set; 0: none yet
	heard  time.Time // its newest packet
	asked  time.Time // for a key frame, to take over
}

// add takes a layer on, and shows it if it is the first. It returns nil when there are too many.
func (l *layers) add(src *source) (n *layer, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) >= maxLayers {
		return nil, false
	}
	n = &layer{src: src}
	l.all = append(l.all, n)
	if first = l.shown == nil; first {
		l.shown = n
	}
	return n, first
}

// hear takes note of a packet of n. If n is to take over with it, hear returns the source that is shown until then. ask
// says that n would take over if it had a key frame.
func (l *layers) hear(n *layer, pixels int, keyFrame bool, now time.Time) (before *source, ask bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.heard = now
	if pixels > 0 {
		n.pixels = pixels
	}
	if l.shown == n {
		return nil, false
	}
	gone := now.Sub(l.shown.heard) > layerGone
	if n.pixels <= l.shown.pixels && !gone {
		return nil, false
	}
	if keyFrame {
		before, l.shown = l.shown.src, n
		return before, false
	}
	if now.Sub(n.asked) < keyFrameInterval {
		return nil, false
	}
	n.asked = now
	return nil, true
}
