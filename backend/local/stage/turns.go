package stage

import "time"

const (
	// turnPackets is what one subscriber is sent in one go, and turnTime how long it is before the next. A key frame
	// of 150 kB that leaves at the speed of the network card overruns the queue where the line gets narrow; 32
	// packets (38 kB, less than a key frame of usual settings) fit, and 77 Mbit/s is more than the lines of most. Frames
	// that fit one turn, all but large key frames, are not delayed at all.
	turnPackets = 32
	turnTime    = 4 * time.Millisecond
	// maxBacklog bounds what waits for its turn: the largest frame, what a newcomer is sent, and a second of the
	// bitrate limit. Nothing within a stage's limits reaches it.
	maxBacklog = maxBurst + maxKept + 1024
)

// turns is what a subscriber may be sent now. It belongs to the lane's goroutine.
type turns struct {
	since time.Time // of this turn
	left  int       // packets of it
}

// take returns how many of want packets may leave now.
func (t *turns) take(want int, now time.Time) int {
	if now.Sub(t.since) >= turnTime {
		t.since, t.left = now, turnPackets
	}
	n := min(want, t.left)
	t.left -= n
	return n
}

// backlog is what waits for its turn, oldest first. It belongs to the lane's goroutine.
type backlog struct {
	bursts  []burst
	packets int
}

// add reports false, and forgets everything, when it would be too much.
func (q *backlog) add(b burst) bool {
	if q.packets+len(b.packets) > maxBacklog {
		q.clear()
		return false
	}
	q.bursts = append(q.bursts, b)
	q.packets += len(b.packets)
	return true
}

func (q *backlog) empty() bool { return len(q.bursts) == 0 }

func (q *backlog) clear() { *q = backlog{} }

// pop takes at most n packets of the oldest burst. rest says that more of the same burst follows.
func (q *backlog) pop(n int) (packets []*packet, rest bool) {
	b := &q.bursts[0]
	n = min(n, len(b.packets))
	packets, b.packets = b.packets[:n], b.packets[n:]
	q.packets -= n
	if rest = len(b.packets) > 0; !rest {
		q.bursts[0] = burst{} // holds no packets back
		if q.bursts = q.bursts[1:]; len(q.bursts) == 0 {
			q.bursts = nil
		}
	}
	return packets, rest
}
