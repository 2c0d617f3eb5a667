package capture

import (
	"sync"
	"time"
)

// States of the source in Stats.
const (
	SourceLive    = "live"
	SourceHeld    = "held"    // the display or window is missing or hangs: the last picture is repeated
	SourceWaiting = "waiting" // it has not been there yet: the picture is dark
)

// Stats is a snapshot; counters count from Start.
type Stats struct {
	Encoder     string // NameX264, NameOpenH264, NameNVENC or NameVA
	Fallback    bool   // the wanted encoder was not to be had, or failed, and another does the work
	EncoderErrs uint64 // encoders that failed or stalled while running
	EncoderErr  string // what the last of them said

	Width, Height int // pixels, as encoded at the moment
	Framerate     int
	BitrateKbps   int
	Adaptations   uint64 // changes by Adapt

	Source      string        // SourceLive, SourceHeld or SourceWaiting
	SourceErr   string        // why it is not live
	SourceGone  bool          // the X server itself cannot be reached; a window that is missing or minimised is not that
	SourceLost  uint64        // times that it was lost
	SourceAway  time.Duration // how long it was away the last time
	Held        uint64        // pictures that were repeated because no other was to be had in time
	SkippedBusy uint64        // pictures not taken because the encoder was still at work: the machine is short of CPU
	SkippedLate uint64        // pictures not taken because it was not their turn in time: the machine stood still, or others had it

	Frames    uint64 // access units made
	KeyFrames uint64
	Dropped   uint64 // access units that a slow reader did not get
	Bytes     uint64 // of video

	// EncodeTime is a moving mean, over about a second, of the time from the moment a picture
	// was due to be grabbed to its access unit: grabbing, conversion and encoding.
	EncodeTime   time.Duration
	LastKeyFrame time.Time

	AudioPackets  uint64 // with sound
	SilentPackets uint64 // made up while there was none
	Audio         bool   // sound is flowing
	AudioLost     uint64 // times that a flowing sound stopped

	RTMP RTMPStats

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
