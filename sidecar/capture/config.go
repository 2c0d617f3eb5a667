package capture

import (
	"fmt"
	"log/slog"
	"regexp"
	"time"
)

// Encoders that Config.Encoder may name.
const (
	EncoderGPU = "gpu" // NVENC or VA-API; the CPU's encoders are used when none of them works
	EncoderCPU = "cpu" // x264, or OpenH264 when that is missing
)

// Config says what to capture and how to encode it. Zero values are replaced by the defaults
// written beside each field.
type Config struct {
	Display string // X display such as ":99"; "" reads $DISPLAY
	Window  Window // zero: the whole display
	Cursor  bool   // draw the pointer into the picture

	// Endure keeps the stream going when the display or the window goes away or hangs: the last
	// picture is repeated, or a dark one while there has been none, until it is back. Without it
	// the capture ends with ErrDisplayGone or ErrStalled on Err. One that is there and whose pictures
	// cannot be used ends it in both cases (ErrUnfit). A window that is closed or
	// minimised is waited for in both cases.
	Endure bool

	Width, Height int // pixels of the encoded picture, even, 160 to 3840; 0: 1280 x 720
	Framerate     int // frames a second, 1 to 120; 0: 30
	BitrateKbps   int // video, kbit/s, 100 to 50000; 0: 4000

	Encoder string // EncoderGPU or EncoderCPU; "": EncoderCPU
	Preset  string // x264 speed preset; "": DefaultPreset

	// KeyFrameInterval is the longest time between two key frames; 0: 2 s, the longest that
	// IVS Real-Time accepts. Where the machine is too slow for the frame rate it takes a few pictures more.
	KeyFrameInterval time.Duration

	Audio        bool
	PulseServer  string // "" reads $PULSE_SERVER
	PulseDevice  string // "": the monitor of the default sink
	AudioBitrate int    // bit/s, 6000 to 510000; 0: 96000

	// RTMP sends the same pictures and sound to an RTMP server too, or only there: Video and
	// Audio may be left unread. The sound goes as AAC. A server that fails never holds up
	// the rest.
	RTMP RTMP

	ThumbnailInterval time.Duration // 0: no thumbnails
	ThumbnailWidth    int           // pixels, even; 0: 320
	ThumbnailMaxBytes int           // larger pictures are dropped, and made smaller; 0: 24 KiB

	// QueueFrames is how many access units may wait for the reader; 0: 8, which is about a
	// quarter of a second at 30 frames a second. More would only be played late.
	QueueFrames int

	// FreeRunning leaves the capture grid where the clock puts it, instead of moving it
	// behind the game's drawing (see phase.go).
	FreeRunning bool

	Log *slog.Logger

	encoders []encoder     // for tests: instead of the candidates
	rest     time.Duration // for tests: instead of restLeast
}

// DefaultPreset is x264's fastest, with the deblocking filter that it leaves out put back. Measured
// at 720p30 and 4 Mbit/s on the bundled game and on Freedoom, against superfast: 0.04 to 0.06 core
// less, and 0.6 to 0.8 dB more luma PSNR (superfast moves bits between blocks for the eye's sake, which
// costs PSNR; without that it is 0.4 dB better than this and the dearest of the three).
const DefaultPreset = "ultrafast"

// x264Presets are the speed presets that keep up with a game on a small machine.
var x264Presets = map[string]bool{
	"ultrafast": true, "superfast": true, "veryfast": true, "faster": true, "fast": true, "medium": true,
}

// displayName is what X(7) calls [hostname]:displaynumber[.screennumber].
var displayName = regexp.MustCompile(`^[A-Za-z0-9._/-]{0,200}:[0-9]{1,5}(\.[0-9]{1,3})?$`)

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Width, 1280)
	def(&c.Height, 720)
	def(&c.Framerate, 30)
	def(&c.BitrateKbps, 4000)
	def(&c.AudioBitrate, 96000)
	def(&c.ThumbnailWidth, 320)
	def(&c.ThumbnailMaxBytes, 24<<10)
	def(&c.QueueFrames, 8)
	if c.Encoder == "" {
		c.Encoder = EncoderCPU
	}
	if c.Preset == "" {
		c.Preset = DefaultPreset
	}
	if c.KeyFrameInterval == 0 {
		c.KeyFrameInterval = 2 * time.Second
	}
	if c.PulseDevice == "" {
		c.PulseDevice = "@DEFAULT_MONITOR@" // PulseAudio's own name for it
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// validate refuses what GStreamer would refuse later and less clearly.
func (c Config) validate() error {
	in := func(name string, v, lo, hi int) error {
		if v < lo || v > hi {
			return fmt.Errorf("capture: %s is %d, want %d to %d", name, v, lo, hi)
		}
		return nil
	}
	for _, err := range []error{
		in("width", c.Width, 160, 3840),
		in("height", c.Height, 160, 3840),
		in("frame rate", c.Framerate, 1, 120),
		in("video bitrate in kbit/s", c.BitrateKbps, 100, 50_000),
		in("audio bitrate in bit/s", c.AudioBitrate, 6_000, 510_000), // RFC 6716 section 2.1.1
		in("thumbnail width", c.ThumbnailWidth, 16, 1280),
		in("thumbnail bytes", c.ThumbnailMaxBytes, 1024, 1<<20),
		in("frames in the queue", c.QueueFrames, 1, 1000),
	} {
		if err != nil {
			return err
		}
	}
	if c.Display != "" && !displayName.MatchString(c.Display) {
		return fmt.Errorf("capture: display %q, want a name such as :0 or host:0.0", c.Display)
	}
	if err := c.RTMP.validate(); err != nil {
		return err
	}
	if len(c.Window.Title) > 4*titleWords || c.Window.PID < 0 {
		return fmt.Errorf("capture: window (%s): want a title of at most %d bytes and a positive process id", c.Window, 4*titleWords)
	}
	if c.Width%2 != 0 || c.Height%2 != 0 {
		return fmt.Errorf("capture: %dx%d: width and height must be even, H.264 halves both for colour", c.Width, c.Height)
	}
	if c.Encoder != EncoderGPU && c.Encoder != EncoderCPU {
		return fmt.Errorf("capture: encoder %q, want %q or %q", c.Encoder, EncoderGPU, EncoderCPU)
	}
	if !x264Presets[c.Preset] {
		return fmt.Errorf("capture: x264 preset %q, want ultrafast, superfast, veryfast, faster, fast or medium", c.Preset)
	}
	if c.KeyFrameInterval < 100*time.Millisecond || c.KeyFrameInterval > time.Minute {
		return fmt.Errorf("capture: key frame interval %v, want 100ms to 1m", c.KeyFrameInterval)
	}
	if c.ThumbnailInterval != 0 && (c.ThumbnailInterval < 100*time.Millisecond || c.ThumbnailInterval > time.Minute) {
		return fmt.Errorf("capture: thumbnail interval %v, want 100ms to 1m, or 0 for none", c.ThumbnailInterval)
	}
	return nil
}
