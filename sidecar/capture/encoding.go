package capture

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// encoding is one running pipeline from pictures to access units. Another size or frame rate, or
// another encoder, is another encoding: the first access unit of each is a key frame.
type encoding struct {
	cfg   Config // with the size, rate and bitrate in force
	enc   encoder
	graph *graph
	src   appSource
	sink  *gst.Element
	coder *gst.Element

	caps   string       // last set; belongs to the goroutine that pushes
	pushed atomic.Int64 // when the first picture that has no access unit yet went in, clock; 0: none
	broken chan error   // capacity 1: the bus said so
	quit   chan struct{}
	bus    sync.WaitGroup
}

// newEncoding builds the pipeline and opens the encoder. onVideo and onThumbnail run on streaming
// threads.
func newEncoding(cfg Config, enc encoder, onVideo, onThumbnail func(*encoding, *gst.Sample, *gst.Buffer)) (*encoding, error) {
	if err := require(enc.needs()); err != nil {
		return nil, err
	}
	g, err := newGraph(describeVideo(cfg, x11Source, enc, installedHas))
	if err != nil {
		return nil, err
	}
	e := &encoding{cfg: cfg, enc: enc, graph: g, broken: make(chan error, 1), quit: make(chan struct{})}
	if err := e.build(onVideo, onThumbnail); err != nil {
		g.stopSoon()
		return nil, err
	}
	return e, nil
}

// build finds the elements, attaches the callbacks and opens the encoder.
func (e *encoding) build(onVideo, onThumbnail func(*encoding, *gst.Sample, *gst.Buffer)) (err error) {
	g := e.graph
	for name, at := range map[string]**gst.Element{namePictures: &e.src.element, nameVideo: &e.sink, nameEncoder: &e.coder} {
		if *at, err = g.pipeline.GetElementByName(name); err != nil {
			return fmt.Errorf("capture: element %q of the pipeline: %w", name, err)
		}
	}
	if err := g.onSample(nameVideo, func(s *gst.Sample, b *gst.Buffer) { onVideo(e, s, b) }); err != nil {
		return err
	}
	if e.cfg.ThumbnailInterval > 0 {
		if err := g.onSample(nameThumbs, func(s *gst.Sample, b *gst.Buffer) { onThumbnail(e, s, b) }); err != nil {
			return err
		}
	}
	return g.ready()
}

// push queues a picture.
func (e *encoding) push(s *slot, at, duration, now time.Duration) {
	if caps := fmt.Sprintf("%s,framerate=%d/1", s.caps, e.cfg.Framerate); caps != e.caps {
		e.src.setCaps(caps)
		e.caps = caps
	}
	e.pushed.CompareAndSwap(0, int64(now))
	if flow := e.src.pushSlot(s, at, duration); flow != gst.FlowOK {
		// The bus says why, a moment later or never.
		e.fail(fmt.Errorf("capture: the encoder %s takes no more pictures (%v)", e.enc.name, flow))
	}
}

// busy says that the encoder has not yet taken the last picture.
func (e *encoding) busy() bool { return e.src.level() > 0 }

// heard notes an access unit.
func (e *encoding) heard() { e.pushed.Store(0) }

// stalled says how long pictures have gone in without anything coming out.
func (e *encoding) stalled(now time.Duration) time.Duration {
	if at := e.pushed.Load(); at != 0 {
		return now - time.Duration(at)
	}
	return 0
}

// play starts the flow and listens to the bus until close.
func (e *encoding) play(clock *gst.Clock, base time.Duration) error {
	if err := e.graph.play(clock, gst.ClockTime(base)); err != nil {
		return err
	}
	e.bus.Go(e.listen)
	return nil
}

func (e *encoding) listen() {
	for {
		select {
		case <-e.quit:
			return
		default:
		}
		if err := e.graph.nextError(busPoll); err != nil {
			e.fail(err)
			return
		}
	}
}

func (e *encoding) fail(err error) {
	select {
	case e.broken <- err:
	default:
	}
}

// forceKeyFrame sends an upstream force-key-unit event, as gst_video_event_new_upstream_force_key_unit
// makes it; go-gst has no wrapper. all-headers asks for SPS and PPS too.
func (e *encoding) forceKeyFrame() {
	e.sink.SendEvent(gst.NewCustomEvent(gst.EventTypeCustomUpstream,
		gst.NewStructureFromString("GstForceKeyUnit, all-headers=(boolean)true, count=(uint)0")))
}

// setBitrate changes the rate of the running encoder.
func (e *encoding) setBitrate(kbps int) {
	e.coder.SetArg("bitrate", fmt.Sprint(kbps*1000/e.enc.bitrateUnit))
	e.cfg.BitrateKbps = kbps
}

// close ends the pipeline. It reports false when that does not come to an end.
func (e *encoding) close() bool {
	close(e.quit)
	e.bus.Wait()
	return e.graph.stopSoon()
}

// Why an encoding was given up.
var (
	ErrEncoderStalled = errors.New("capture: the encoder has made nothing for 2 s")
	ErrNoEncoder      = errors.New("capture: no H.264 encoder works on this machine")
	// ErrStalled is what Err gives when the display has given no picture for two seconds and
	// Config.Endure is not set: the X server hangs.
	ErrStalled = errors.New("capture: the X display has given no picture for 2 s")
)

// stallTime is how long nothing may come before it is a failure. A key frame of a large picture on a
// busy machine takes a tenth of it.
const stallTime = 2 * time.Second
