package capture

import (
	"fmt"
	"strings"
	"time"
)

// Pipelines are written in the notation of gst-launch(1). Only numbers and words checked by
// Config.validate go into the text; free strings (sound server, device, addresses) are set as
// properties afterwards, because the notation has its own quoting.

// keyFrameDistance is KeyFrameInterval in frames.
func (c Config) keyFrameDistance() int {
	return max(1, int(c.KeyFrameInterval.Seconds()*float64(c.Framerate)))
}

// Names of the elements that the code looks up again.
const (
	namePictures = "pictures"
	nameVideo    = "video"
	nameThumbs   = "thumbs"
	nameJPEG     = "jpeg"
	nameSound    = "sound"
	nameAudio    = "audio"
	nameAAC      = "aac"
	nameUnits    = "units"
	nameServer   = "server"
)

// x11Source is where pictures of the camera go in. block=false: it must never hold the camera up.
const x11Source = "appsrc name=" + namePictures + " is-live=true format=time block=false max-bytes=0"

// describeVideo writes the video pipeline behind a source. videoconvert and videoscale pass buffers
// through when there is nothing to do; black borders keep the shape of a picture that has another
// one. async=false: a sink would otherwise hold its first picture back until every sink has one, and
// the thumbnail's comes later. The thumbnail branch throws away all but one picture per interval
// before its queue, and the queue leaks, so the main branch never waits for it.
func describeVideo(c Config, source string, enc encoder, has func(element, property string) bool) string {
	var b strings.Builder
	b.WriteString(source)
	fmt.Fprintf(&b, " ! videoconvert ! video/x-raw,format=%s ! videoscale add-borders=true ! video/x-raw,width=%d,height=%d,pixel-aspect-ratio=1/1",
		enc.format, c.Width, c.Height)
	if c.ThumbnailInterval > 0 {
		b.WriteString(" ! tee name=split split.")
	}
	fmt.Fprintf(&b, " ! %s ! appsink name=%s sync=false async=false max-buffers=4 drop=false", enc.describe(c, has), nameVideo)
	if c.ThumbnailInterval > 0 {
		fmt.Fprintf(&b, " split. ! videorate drop-only=true ! video/x-raw,framerate=1000/%d"+
			" ! queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0"+
			" ! videoscale ! video/x-raw,width=%d,height=%d ! videoconvert ! jpegenc name=%s quality=%d"+
			" ! appsink name=%s sync=false async=false max-buffers=1 drop=true",
			c.ThumbnailInterval/time.Millisecond, c.ThumbnailWidth, c.thumbnailHeight(), nameJPEG, thumbnailQuality, nameThumbs)
	}
	return b.String()
}

// pulseSource gives 20 ms at a time, which is what a packet holds: shorter periods only wake both
// processes more often. buffer-time is no delay. It is what the sound server and the source may hold for
// a thread that gets no processor: with 60 ms, a machine that was short of it lost sound by the tenth of a
// second, silently, and what came after was out of step with the picture until the count was tied anew.
// slave-method=none: it counts samples, and soundClock ties the count to the clock. PipeWire answers here
// too, by the PulseAudio socket that it opens (pipewire-pulse).
const pulseSource = "pulsesrc name=" + nameSound + " latency-time=20000 buffer-time=1000000 provide-clock=false slave-method=none"

// describeAudio writes the audio pipeline: Opus packets of 20 ms at 48 kHz, stereo, and with aac,
// the name of an encoder, AAC packets beside them. At these bitrates nobody hears Opus work harder
// than complexity 5.
func describeAudio(c Config, source, aac string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=2", source)
	if aac != "" {
		b.WriteString(" ! tee name=heard heard.")
	}
	fmt.Fprintf(&b, " ! queue leaky=downstream max-size-time=1000000000 max-size-buffers=0 max-size-bytes=0"+
		" ! opusenc frame-size=20 complexity=5 bitrate=%d audio-type=restricted-lowdelay"+
		" ! appsink name=%s sync=false async=false max-buffers=10 drop=true", c.AudioBitrate, nameAudio)
	if aac != "" {
		fmt.Fprintf(&b, " heard. ! queue leaky=downstream max-size-time=1000000000 max-size-buffers=0 max-size-bytes=0 ! audioconvert ! %s bitrate=%d"+
			" ! audio/mpeg,mpegversion=4,stream-format=raw ! appsink name=%s sync=false async=false max-buffers=20 drop=true", aac, c.aacBitrate(), nameAAC)
	}
	return b.String()
}

// aacBitrate keeps to what AAC-LC in stereo is good for and IVS takes, at most 160 kbit/s.
func (c Config) aacBitrate() int { return min(160_000, max(64_000, c.AudioBitrate)) }

// describeRTMP writes the pipeline that sends access units, and AAC packets when sound is true. The
// time stamps of a connection begin at zero. The sink's location is a secret and set afterwards.
func describeRTMP(sound bool) string {
	text := "flvmux name=mux streamable=true start-time-selection=first latency=100000000 ! rtmp2sink name=" + nameServer + " sync=false async=false" +
		" appsrc name=" + nameUnits + " is-live=true format=time block=false max-bytes=0 caps=video/x-h264,stream-format=byte-stream,alignment=au" +
		" ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! mux.video"
	if sound {
		text += " appsrc name=" + nameAAC + " is-live=true format=time block=false max-bytes=0 ! aacparse ! mux.audio"
	}
	return text
}
