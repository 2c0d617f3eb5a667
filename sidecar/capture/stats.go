package capture

import (
	"sync"
	"time"
)

// Stats is a snapshot; counters count from Start.
type Stats struct {
	Encoder  string // NameX264 or NameNVENC
	Fallback bool   // the GPU was asked for and x264 does the work

	Frames    uint64 // access units made
	KeyFrames uint64
	Dropped   uint64 // access units that a slow reader did not get
	Bytes     uint64 // of video

	// EncodeTime is a moving mean, over about a second, of the time from the moment a picture
	// was due to be grabbed to its access unit: grabbing, conversion and encoding.
	EncodeTime   time.Duration
	LastKeyFrame time.Time

	AudioPackets uint64
	Audio        bool // sound is flowing

	// PictureAge is the median time from the game's last drawing to the grab behind it, and
	// PhaseShifts how often the capture grid was moved to keep it short. Zero when
	// Config.FreeRunning is set, or the display has no DAMAGE extension.
	PictureAge  time.Duration
	PhaseShifts uint64
}

// meter keeps Stats. The streaming threads write, anybody reads.
type meter struct {
	mu sync.Mutex // protects s
	s  Stats
}

func (m *meter) update(f func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.s)
}

func (m *meter) read() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s
}

// mean moves a mean towards v by one part in n.
func mean(old, v time.Duration, n int) time.Duration {
	if old == 0 {
		return v
	}
	return old + (v-old)/time.Duration(n)
}
