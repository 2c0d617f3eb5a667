package capture

import (
	"fmt"
	"strings"
	"time"
)

// Pipelines are written in the notation of gst-launch(1). Only numbers and words checked by
// Config.validate go into the text; free strings (sound server, device) are set as properties
// afterwards, because the notation has its own quoting. The display cannot be: ximagesrc opens
// it already while the text is parsed, to learn its size, and would open $DISPLAY instead.

// encoder describes one way to make H.264.
type encoder struct {
	name    string   // as Stats.Encoder
	format  string   // raw format that it takes without a further conversion
	needs   []string // elements
	element func(Config) string
}

var (
	// x264: zerolatency turns B-frames and look-ahead off. One thread is the cheapest up to
	// 720p at 60; above, one core is not enough and slices are cut. vbv-buf-capacity in ms
	// bounds the burst of a key frame: 200 ms make it 39 kB instead of 105 to 150 kB at
	// 3 Mbit/s, at the same average.
	x264 = encoder{
		name: NameX264, format: "I420", needs: []string{"x264enc"},
		element: func(c Config) string {
			threads := "threads=1"
			if c.Width*c.Height*c.Framerate > 1280*720*60 {
				threads = "threads=2 sliced-threads=true"
			}
			return fmt.Sprintf("x264enc tune=zerolatency bframes=0 speed-preset=%s bitrate=%d key-int-max=%d vbv-buf-capacity=200 %s"+
				" ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au",
				c.Preset, c.BitrateKbps, c.keyFrameDistance(), threads)
		},
	}
	// nvenc: the element exists only where an NVIDIA driver is loaded. It makes no B-frames
	// unless told to. h264parse repeats SPS and PPS before every key frame, which x264enc
	// does by itself.
	nvenc = encoder{
		name: NameNVENC, format: "NV12", needs: []string{"nvh264enc", "h264parse"},
		element: func(c Config) string {
			return fmt.Sprintf("nvh264enc preset=low-latency-hq rc-mode=cbr zerolatency=true bitrate=%d gop-size=%d"+
				" ! video/x-h264,profile=(string){constrained-baseline,baseline}"+
				" ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au",
				c.BitrateKbps, c.keyFrameDistance())
		},
	}
)

// keyFrameDistance is KeyFrameInterval in frames.
func (c Config) keyFrameDistance() int {
	return max(1, int(c.KeyFrameInterval.Seconds()*float64(c.Framerate)))
}

// Names of the elements that the code looks up again.
const (
	nameScreen = "screen"
	nameVideo  = "video"
	nameThumbs = "thumbs"
	nameJPEG   = "jpeg"
	nameSound  = "sound"
	nameAudio  = "audio"
)

// describeVideo writes the video pipeline.
//
// use-damage=0: following XDamage rectangle by rectangle costs twice the CPU for a game that
// redraws its screen. videoscale passes buffers through when the display already has the
// wanted size. async=false: a sink would otherwise hold its first picture back until every sink
// has one, and the thumbnail's comes later. The thumbnail branch throws away all but one picture per interval before its
// queue, and the queue leaks, so the main branch never waits for it.
func describeVideo(c Config, enc encoder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ximagesrc name=%s", nameScreen)
	if c.Display != "" {
		fmt.Fprintf(&b, " display-name=%s", c.Display)
	}
	fmt.Fprintf(&b, " use-damage=false show-pointer=false ! video/x-raw,framerate=%d/1", c.Framerate)
	fmt.Fprintf(&b, " ! videoconvert ! video/x-raw,format=%s ! videoscale ! video/x-raw,width=%d,height=%d,pixel-aspect-ratio=1/1", enc.format, c.Width, c.Height)
	if c.ThumbnailInterval > 0 {
		b.WriteString(" ! tee name=split split.")
	}
	fmt.Fprintf(&b, " ! %s ! appsink name=%s sync=false async=false max-buffers=4 drop=false", enc.element(c), nameVideo)
	if c.ThumbnailInterval > 0 {
		fmt.Fprintf(&b, " split. ! videorate drop-only=true ! video/x-raw,framerate=1000/%d"+
			" ! queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0"+
			" ! videoscale ! video/x-raw,width=%d,height=%d ! videoconvert ! jpegenc name=%s quality=%d"+
			" ! appsink name=%s sync=false async=false max-buffers=1 drop=true",
			c.ThumbnailInterval/time.Millisecond, c.ThumbnailWidth, c.thumbnailHeight(), nameJPEG, thumbnailQuality, nameThumbs)
	}
	return b.String()
}

// describeAudio writes the audio pipeline: 20 ms packets at 48 kHz, stereo. pulsesrc would
// buffer 200 ms by default; 40 ms with 10 ms periods are heard 16 ms after they were played.
// At these bitrates nobody hears Opus work harder than complexity 5.
func describeAudio(c Config) string {
	return fmt.Sprintf("pulsesrc name=%s latency-time=10000 buffer-time=40000 provide-clock=false do-timestamp=true"+
		" ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=2"+
		" ! queue leaky=downstream max-size-time=100000000 max-size-buffers=0 max-size-bytes=0"+
		" ! opusenc frame-size=20 complexity=5 bitrate=%d audio-type=restricted-lowdelay"+
		" ! appsink name=%s sync=false async=false max-buffers=10 drop=true",
		nameSound, c.AudioBitrate, nameAudio)
}
