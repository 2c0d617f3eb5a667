package capture_test

import (
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"
	"github.com/go-gst/go-gst/gst/app"
)

// decoder is a second, independent H.264 implementation (OpenH264): what it decodes is real.
type decoder struct {
	t        testing.TB
	pipeline *gst.Pipeline
	src      *app.Source
	sink     *app.Sink
}

// picture is the brightness plane.
type picture struct {
	luma          []byte
	width, height int
}

func newDecoder(t testing.TB) *decoder {
	t.Helper()
	gst.Init(nil)
	if gst.Find("openh264dec") == nil {
		t.Fatal("GStreamer has no openh264dec: apt-get install gstreamer1.0-plugins-bad")
	}
	p, err := gst.NewPipelineFromString("appsrc name=in caps=video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! openh264dec" +
		" ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out sync=false max-buffers=1000")
	if err != nil {
		t.Fatalf("build the decoder: %v", err)
	}
	in, _ := p.GetElementByName("in")
	out, _ := p.GetElementByName("out")
	d := &decoder{t: t, pipeline: p, src: app.SrcFromElement(in), sink: app.SinkFromElement(out)}
	if err := p.SetState(gst.StatePlaying); err != nil {
		t.Fatalf("start the decoder: %v", err)
	}
	t.Cleanup(func() { _ = p.SetState(gst.StateNull) })
	return d
}

// decodeAll decodes access units to the end.
func (d *decoder) decodeAll(units [][]byte) []picture {
	d.t.Helper()
	go func() {
		for i, u := range units {
			b := gst.NewBufferFromBytes(u)
			b.SetPresentationTimestamp(gst.ClockTime(time.Duration(i) * time.Second / 30))
			d.src.PushBuffer(b)
		}
		d.src.EndStream()
	}()
	var out []picture
	for {
		s := d.sink.TryPullSample(gst.ClockTime(10 * time.Second))
		if s == nil {
			if !d.sink.IsEOS() {
				d.t.Fatal("the decoder hangs")
			}
			return out
		}
		st := s.GetCaps().GetStructureAt(0)
		w, _ := st.GetValue("width")
		h, _ := st.GetValue("height")
		out = append(out, picture{luma: s.GetBuffer().Bytes(), width: w.(int), height: h.(int)})
	}
}
