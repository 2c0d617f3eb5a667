package capture

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/go-gst/go-gst/gst"
	"github.com/go-gst/go-gst/gst/app"
)

// Picture is the brightness plane of a decoded frame: Width*Height bytes, no padding.
type Picture struct {
	Luma          []byte
	Width, Height int // pixels
}

// Decoder turns access units back into pictures, with another H.264 implementation than the one
// that encodes (OpenH264). It exists to prove what arrives: checks and tests use it, the sidecar
// does not.
type Decoder struct {
	pipeline *gst.Pipeline
	src      *app.Source
	sink     *app.Sink
	fed      int
}

// NewDecoder starts a decoder. The error names the Debian package when GStreamer has none.
func NewDecoder() (*Decoder, error) {
	initGStreamer()
	for _, element := range []string{"h264parse", "openh264dec"} {
		if gst.Find(element) == nil {
			return nil, fmt.Errorf("GStreamer has no %s: apt-get install gstreamer1.0-plugins-bad", element)
		}
	}
	p, err := gst.NewPipelineFromString("appsrc name=in is-live=true caps=video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! openh264dec" +
		" ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out sync=false max-buffers=256")
	if err != nil {
		return nil, fmt.Errorf("building the decoder: %w", err)
	}
	in, err := p.GetElementByName("in")
	if err != nil {
		return nil, fmt.Errorf("building the decoder: %w", err)
	}
	out, err := p.GetElementByName("out")
	if err != nil {
		return nil, fmt.Errorf("building the decoder: %w", err)
	}
	d := &Decoder{pipeline: p, src: app.SrcFromElement(in), sink: app.SinkFromElement(out)}
	if err := p.SetState(gst.StatePlaying); err != nil {
		d.Close()
		return nil, fmt.Errorf("starting the decoder: %w", err)
	}
	return d, nil
}

// decoderStep is a made-up frame time: the decoder wants stamps that rise, and uses them for
// nothing else.
const decoderStep = time.Second / 30

// Feed gives the decoder one access unit in Annex B form, parameter sets and an IDR frame first.
func (d *Decoder) Feed(unit []byte) error {
	b := gst.NewBufferFromBytes(unit)
	b.SetPresentationTimestamp(gst.ClockTime(time.Duration(d.fed) * decoderStep))
	d.fed++
	defer runtime.KeepAlive(b) // until GStreamer has a reference of its own
	if flow := d.src.PushBuffer(b); flow != gst.FlowOK {
		return fmt.Errorf("decoding: the pipeline answered %v", flow)
	}
	return nil
}

// End says that no more access units come.
func (d *Decoder) End() { d.src.EndStream() }

// ErrNoPicture says that no picture came in time, or that all have come after End.
var ErrNoPicture = errors.New("no picture")

// Next returns the next picture, waiting at most timeout for it, or ErrNoPicture.
func (d *Decoder) Next(timeout time.Duration) (Picture, error) {
	sample := d.sink.TryPullSample(gst.ClockTime(timeout))
	if sample == nil {
		return Picture{}, ErrNoPicture
	}
	defer runtime.KeepAlive(sample) // what it holds is only borrowed
	structure := sample.GetCaps().GetStructureAt(0)
	width, err := structure.GetValue("width")
	if err != nil {
		return Picture{}, fmt.Errorf("reading a picture's size: %w", err)
	}
	height, err := structure.GetValue("height")
	if err != nil {
		return Picture{}, fmt.Errorf("reading a picture's size: %w", err)
	}
	p := Picture{Luma: sample.GetBuffer().Bytes()}
	p.Width, _ = width.(int)
	p.Height, _ = height.(int)
	// GStreamer pads rows of raw video to four bytes (gst_video_format_info, GRAY8).
	if stride := (p.Width + 3) &^ 3; stride != p.Width && len(p.Luma) >= stride*p.Height {
		tight := make([]byte, 0, p.Width*p.Height)
		for y := range p.Height {
			tight = append(tight, p.Luma[y*stride:y*stride+p.Width]...)
		}
		p.Luma = tight
	}
	return p, nil
}

// Close stops the decoder.
func (d *Decoder) Close() {
	_ = d.pipeline.SetState(gst.StateNull)
	runtime.KeepAlive(d) // go-gst's finalizer would dispose of the pipeline while it stops
}
