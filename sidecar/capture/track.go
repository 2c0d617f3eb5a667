package capture

import (
	"sync"
	"time"
)

// How late a packet may be before silence takes its place. While sound flows, that is a busy machine,
// and a late packet is better than a hole; while there is none, silence must keep up with the
// picture, because players hold the picture back for it.
const (
	flowingAllowance = 200 * time.Millisecond
	silentAllowance  = 40 * time.Millisecond
)

// track makes one unbroken row of packets out of a sound that comes and goes: gaps in running time are
// filled with silence, and what overlaps is dropped. So sound and picture stay together however
// often the sound server is restarted.
type track struct {
	frame  time.Duration // what one packet lasts
	delay  time.Duration // by which the encoder makes the sound come out later
	silent []byte        // a packet of silence
	out    func(s Sample, silent bool)

	mu      sync.Mutex    // protects the two below, and the order of out
	next    time.Duration // running time at which the next packet is due
	flowing bool
}

// opusSilence is 20 ms of silence in stereo: a TOC byte for CELT, full band, 20 ms, two channels, one
// frame (RFC 6716 section 3.1: configuration 31, s=1, c=0), and a frame of two bytes that decodes to
// zeros.
var opusSilence = []byte{0xfc, 0xff, 0xfe}

const (
	opusFrame = 20 * time.Millisecond
	opusDelay = 2500 * time.Microsecond // look-ahead of restricted low delay (RFC 6716 section 2.1.7 allows 2.5 ms)
)

// put takes a packet with sound. It reports false when its time has already been filled.
func (t *track) put(s Sample) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.RunningTime < t.next-t.frame/2 {
		return false
	}
	t.fillUntil(s.RunningTime)
	t.flowing = true
	t.next = s.RunningTime + t.frame
	t.out(s, false)
	return true
}

// stop says that no more sound is to be expected for now.
func (t *track) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flowing = false
}

// fill makes silence for what is overdue at running time now.
func (t *track) fill(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	allowed := silentAllowance
	if t.flowing {
		allowed = flowingAllowance
	}
	t.fillUntil(now - allowed)
}

func (t *track) fillUntil(until time.Duration) {
	for t.next+t.frame <= until {
		t.out(Sample{Data: t.silent, RunningTime: t.next, Duration: t.frame}, true)
		t.next += t.frame
	}
}
