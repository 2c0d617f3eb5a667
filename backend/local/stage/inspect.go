package stage

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// violation is a limit of the stage that a publisher broke while publishing.
type violation struct {
	code   ErrorCode
	detail string
}

// inspector holds a publisher's video against what IVS accepts. One goroutine uses it.
type inspector struct {
	seen          []byte // the newest parameter set that passed; encoders repeat it with each key frame
	width, height int    // of it
	blind         int    // key frames before the first parameter set
	blindest      uint32 // timestamp of the newest of them
}

// maxBlind is how many key frames may come before the parameter set that says how to read them: the packet
// that holds it may be lost, a few times. A publisher that sends none at all (because it is in the offer, as
// sprop-parameter-sets) shows nobody anything, and tells no size to hold against the limits.
const maxBlind = 5

// check looks at a packet with this timestamp.
func (i *inspector) check(g glance, timestamp uint32) *violation {
	if g.bSlice {
		return &violation{BFramePresent, "the video has B-frames; turn them off in the encoder"}
	}
	if g.keyFrame && g.sps == nil && i.seen == nil && (i.blind == 0 || i.blindest != timestamp) {
		i.blindest = timestamp
		if i.blind++; i.blind > maxBlind {
			return &violation{InvalidVideoCodec, "the video has no parameter sets; send SPS and PPS with each key frame"}
		}
	}
	if g.sps == nil || bytes.Equal(g.sps, i.seen) {
		return nil
	}
	set, err := parseSPS(g.sps)
	switch {
	case err != nil:
		return &violation{InvalidVideoCodec, err.Error()}
	case set.profile != profileBP:
		return &violation{InvalidVideoCodec, fmt.Sprintf("H.264 profile %d; a stage takes Baseline (66) only", set.profile)}
	case set.width*set.height > MaxPixels:
		return &violation{ResolutionExceeded, fmt.Sprintf("%dx%d is more than 1280x720", set.width, set.height)}
	}
	i.seen, i.width, i.height = bytes.Clone(g.sps), set.width, set.height
	return nil
}

// meter measures the bitrate of a publisher, audio and video together, over the last full seconds: long
// enough that a key frame alone does not look like too much.
type meter struct {
	mu     sync.Mutex
	begun  time.Time
	second int64
	bytes  [meterSeconds + 1]int // [0] is the running second
}

const meterSeconds = 3

// add counts one packet and reports whether the mean is above MaxBitsPerSecond.
func (m *meter) add(size int, now time.Time) *violation {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun.IsZero() {
		m.begun = now
	}
	// Seconds since the first packet, by the monotonic clock: a wall clock that is set back must not make
	// many seconds one.
	for second := int64(now.Sub(m.begun) / time.Second); m.second < second; m.second++ {
		if second-m.second > int64(len(m.bytes)) {
			m.second, m.bytes = second-1, [meterSeconds + 1]int{}
		}
		copy(m.bytes[1:], m.bytes[:])
		m.bytes[0] = 0
	}
	m.bytes[0] += size
	sum := 0
	for _, n := range m.bytes[1:] {
		sum += n
	}
	if rate := sum * 8 / meterSeconds; rate > MaxBitsPerSecond {
		return &violation{BitrateExceeded, fmt.Sprintf("%.1f Mbit/s is more than %.1f", float64(rate)/1e6, MaxBitsPerSecond/1e6)}
	}
	return nil
}
