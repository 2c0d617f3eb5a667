package capture

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// Names that Stats.Encoder reports.
const (
	NameX264     = "x264"
	NameOpenH264 = "openh264"
	NameNVENC    = "nvenc"
	NameVA       = "va"
)

// encoder describes one way to make H.264: constrained baseline, no B-frames, access units in
// Annex B form with SPS and PPS before each key frame.
type encoder struct {
	name    string // as Stats.Encoder
	element string // GStreamer's name of it
	format  string // raw format that it takes without a further conversion
	gpu     bool

	// properties of the element. Those that the installed version does not have are left out:
	// names changed between GStreamer 1.20 and 1.24, and the trial shows what comes of it.
	properties func(Config) []property
	profiles   string // that the caps behind it allow
	parse      bool   // h264parse has to repeat SPS and PPS
	// bitrate is the property that changes the rate of a running encoder, in units of
	// bitrateUnit bit/s.
	bitrateUnit int
}

type property struct{ name, value string }

const nameEncoder = "encoder"

var (
	// x264: zerolatency turns B-frames and look-ahead off. One thread is the cheapest up to
	// 720p at 60; above, one core is not enough and slices are cut. vbv-buf-capacity in ms
	// bounds the burst of a key frame: 200 ms make it 39 kB instead of 105 to 150 kB at
	// 3 Mbit/s, at the same average.
	x264 = encoder{
		name: NameX264, element: "x264enc", format: "I420", bitrateUnit: 1000,
		profiles: "constrained-baseline",
		properties: func(c Config) []property {
			p := []property{
				{"tune", "zerolatency"}, {"bframes", "0"}, {"speed-preset", c.Preset},
				{"bitrate", strconv.Itoa(c.BitrateKbps)}, {"key-int-max", strconv.Itoa(c.keyFrameDistance())},
				{"vbv-buf-capacity", "200"},
			}
			if c.Width*c.Height*c.Framerate > 1280*720*60 {
				p = append(p, property{"threads", "2"}, property{"sliced-threads", "true"})
			} else {
				p = append(p, property{"threads", "1"})
			}
			if c.Preset == "ultrafast" {
				p = append(p, property{"option-string", "deblock=0,0"}) // see DefaultPreset
			}
			return p
		},
	}
	// OpenH264 puts key frames where scenes change unless told not to.
	openh264 = encoder{
		name: NameOpenH264, element: "openh264enc", format: "I420", bitrateUnit: 1, parse: true,
		profiles: "(string){constrained-baseline,baseline}",
		properties: func(c Config) []property {
			return []property{
				{"usage-type", "camera"}, {"complexity", "low"}, {"rate-control", "bitrate"}, {"scene-change-detection", "false"},
				{"bitrate", strconv.Itoa(c.BitrateKbps * 1000)}, {"gop-size", strconv.Itoa(c.keyFrameDistance())},
			}
		},
	}
	// The NVIDIA elements exist only where the driver is loaded. nvcudah264enc is the newer one.
	nvcuda = encoder{
		name: NameNVENC, element: "nvcudah264enc", format: "NV12", gpu: true, bitrateUnit: 1000, parse: true,
		profiles: "(string){constrained-baseline,baseline}",
		properties: func(c Config) []property {
			return []property{
				{"preset", "p3"}, {"tune", "ultra-low-latency"}, {"rate-control", "cbr"}, {"zero-reorder-delay", "true"}, {"bframes", "0"}, {"b-frames", "0"},
				{"bitrate", strconv.Itoa(c.BitrateKbps)}, {"gop-size", strconv.Itoa(c.keyFrameDistance())},
			}
		},
	}
	nvenc = encoder{
		name: NameNVENC, element: "nvh264enc", format: "NV12", gpu: true, bitrateUnit: 1000, parse: true,
		profiles: "(string){constrained-baseline,baseline}",
		properties: func(c Config) []property {
			return []property{
				{"preset", "low-latency-hq"}, {"rc-mode", "cbr"}, {"zerolatency", "true"}, {"bframes", "0"},
				{"bitrate", strconv.Itoa(c.BitrateKbps)}, {"gop-size", strconv.Itoa(c.keyFrameDistance())},
			}
		},
	}
	// VA-API: Intel and AMD on Linux.
	vaapi = encoder{
		name: NameVA, element: "vah264enc", format: "NV12", gpu: true, bitrateUnit: 1000, parse: true,
		profiles: "constrained-baseline",
		properties: func(c Config) []property {
			return []property{
				{"rate-control", "cbr"}, {"b-frames", "0"}, {"ref-frames", "1"}, {"target-usage", "6"},
				{"bitrate", strconv.Itoa(c.BitrateKbps)}, {"key-int-max", strconv.Itoa(c.keyFrameDistance())},
			}
		},
	}
)

// candidates are the encoders for a wish, best first.
func candidates(wish string) []encoder {
	cpu := []encoder{x264, openh264}
	if wish == EncoderGPU {
		return append([]encoder{nvcuda, nvenc, vaapi}, cpu...)
	}
	return cpu
}

// installed leaves out the encoders that cannot be opened at all.
func installed(of []encoder) (there []encoder) {
	for _, e := range of {
		if require(e.needs()) == nil {
			there = append(there, e)
		}
	}
	return there
}

// describe writes the encoder's part of a pipeline. has says which properties the installed
// element has.
func (e encoder) describe(c Config, has func(element, name string) bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s name=%s", e.element, nameEncoder)
	for _, p := range e.properties(c) {
		if has(e.element, p.name) {
			fmt.Fprintf(&b, " %s=%s", p.name, p.value)
		}
	}
	fmt.Fprintf(&b, " ! video/x-h264,profile=%s", e.profiles)
	if e.parse {
		b.WriteString(" ! h264parse config-interval=-1 ! video/x-h264")
	}
	b.WriteString(",stream-format=byte-stream,alignment=au")
	return b.String()
}

// needs are the elements of the encoder's part.
func (e encoder) needs() []string {
	if e.parse {
		return []string{e.element, "h264parse"}
	}
	return []string{e.element}
}

// installedHas looks a property up in the installed element.
func installedHas(element, name string) bool {
	el, err := gst.NewElement(element)
	if err != nil {
		return false
	}
	_, err = el.GetPropertyType(name)
	return err == nil
}

// trialTime bounds a trial. A cold GPU takes some hundred milliseconds, an encoder that needs
// longer for five small pictures is of no use.
const trialTime = 3 * time.Second

// trialMemory is how long a failed trial is believed. Forgetting it at once would make an instance,
// which opens a capture for each player, wait for a broken encoder each time; a machine that was only
// busy must not lose an encoder or a size for good.
const trialMemory = time.Minute

// trials remembers what came of them. What worked is remembered for good: drivers do not change while a
// process runs.
var trials = struct {
	mu   sync.Mutex
	seen map[string]verdict // by element and size
}{seen: map[string]verdict{}}

type verdict struct {
	err error // nil: it works
	at  time.Time
}

var errTrial = errors.New("capture: the encoder made nothing in a trial")

// try lets the encoder encode five pictures of the wanted size and looks at the first: whether an
// encoder is installed says little about whether it works.
func (e encoder) try(c Config) error {
	trials.mu.Lock()
	defer trials.mu.Unlock()
	if v, ok := trials.seen[e.trialKey(c)]; ok && (v.err == nil || time.Since(v.at) < trialMemory) {
		return v.err
	}
	err := e.trial(c)
	trials.seen[e.trialKey(c)] = verdict{err, time.Now()}
	return err
}

// forgive forgets a failed trial.
func (e encoder) forgive(c Config) {
	trials.mu.Lock()
	defer trials.mu.Unlock()
	if trials.seen[e.trialKey(c)].err != nil {
		delete(trials.seen, e.trialKey(c))
	}
}

func (e encoder) same(as encoder) bool { return e.name == as.name && e.element == as.element }

func (e encoder) trialKey(c Config) string {
	return fmt.Sprintf("%s %s %dx%d", e.name, e.element, c.Width, c.Height)
}

func (e encoder) trial(c Config) error {
	if err := require(e.needs()); err != nil {
		return err
	}
	g, err := newGraph(fmt.Sprintf("videotestsrc num-buffers=5 ! video/x-raw,format=%s,width=%d,height=%d,framerate=%d/1 ! %s ! appsink name=%s sync=false async=false",
		e.format, c.Width, c.Height, c.Framerate, e.describe(c, installedHas), nameVideo))
	if err != nil {
		return err
	}
	first := make(chan []byte, 1)
	if err := g.onSample(nameVideo, func(_ *gst.Sample, b *gst.Buffer) {
		select {
		case first <- b.Bytes():
		default:
		}
	}); err != nil {
		return err
	}
	defer g.stopSoon()
	if err := g.pipeline.SetState(gst.StatePlaying); err != nil {
		if said := g.nextError(0); said != nil {
			return said
		}
		return fmt.Errorf("capture: %w", err)
	}
	for end := time.Now().Add(trialTime); time.Now().Before(end); {
		err := g.nextError(10 * time.Millisecond)
		select {
		case unit := <-first:
			if !startsWithKeyFrame(unit) {
				return fmt.Errorf("%w: its first picture is no key frame with parameter sets", errTrial)
			}
			return nil
		default:
		}
		if err != nil && !errors.Is(err, errEndOfStream) {
			return err
		}
	}
	return fmt.Errorf("%w of %v", errTrial, trialTime)
}

// startsWithKeyFrame looks for SPS (7), PPS (8) and an IDR slice (5) in an access unit in Annex B form
// (ITU-T H.264, table 7-1).
func startsWithKeyFrame(unit []byte) bool {
	var seen [32]bool
	for i := 0; i+3 < len(unit); i++ {
		if unit[i] == 0 && unit[i+1] == 0 && unit[i+2] == 1 {
			seen[unit[i+3]&31] = true
			i += 3
		}
	}
	return seen[7] && seen[8] && seen[5]
}
