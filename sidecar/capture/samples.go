package capture

import "time"

// Sample is one encoded unit: an H.264 access unit in Annex B form (start codes; key frames
// begin with SPS and PPS), or one Opus packet.
type Sample struct {
	Data []byte
	// RunningTime counts from Pipeline.Start, on the same clock for video and audio. For
	// video it is when the picture was due to be grabbed: the times follow the grid of the frame
	// rate, and move with it when the grid moves (phase.go).
	RunningTime time.Duration
	Duration    time.Duration
	KeyFrame    bool // video only
}

// offer puts a value into a channel that has one writer, dropping the oldest when it is full.
// It reports whether it dropped one.
func offer[T any](ch chan T, v T) (dropped bool) {
	for {
		select {
		case ch <- v:
			return dropped
		default:
		}
		select {
		case <-ch:
			dropped = true
		default: // the reader was quicker
		}
	}
}

// drain empties a channel without waiting and says how many values it held.
func drain[T any](ch chan T) (n int) {
	for {
		select {
		case <-ch:
			n++
		default:
			return n
		}
	}
}

// videoQueue hands access units to the reader by the rule in the package comment. It has one writer
// at a time.
type videoQueue struct {
	ch      chan Sample
	skip    bool   // deltas are worthless until the next key frame
	dropped uint64 // access units that the reader did not get
}

// put reports whether a key frame has to be requested.
func (q *videoQueue) put(s Sample) (needKeyFrame bool) {
	if s.KeyFrame {
		q.skip = false
	}
	if q.skip {
		q.dropped++
		return false
	}
	select {
	case q.ch <- s:
		return false
	default:
	}
	q.dropped += uint64(drain(q.ch))
	if s.KeyFrame {
		q.ch <- s // cannot block: this is the only writer and the channel is empty
		return false
	}
	q.dropped++
	q.skip = true
	return true
}
