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

// promise is a frame, or the rest of one, and what its numbers are to an output.
type promise struct {
	packets []*packet
	by      shift
}

// backlog is what waits for its turn, oldest first. It belongs to the lane's goroutine.
type backlog struct {
	promises []promise
	packets  int
}

// add reports false, and forgets everything, when it would be too much.
func (q *backlog) add(p promise) bool {
	if q.packets+len(p.packets) > maxBacklog {
		q.clear()
		return false
	}
	q.promises = append(q.promises, p)
	q.packets += len(p.packets)
	return true
}

func (q *backlog) empty() bool { return len(q.promises) == 0 }

func (q *backlog) clear() { *q = backlog{} }

// pop takes at most n packets of the oldest promise. rest says that more of the same follows.
func (q *backlog) pop(n int) (packets []*packet, by shift, rest bool) {
	p := &q.promises[0]
	n = min(n, len(p.packets))
	packets, p.packets, by = p.packets[:n], p.packets[n:], p.by
	q.packets -= n
	if rest = len(p.packets) > 0; !rest {
		q.promises[0] = promise{} // holds no packets back
		if q.promises = q.promises[1:]; len(q.promises) == 0 {
			q.promises = nil
		}
	}
	return packets, by, rest
}
