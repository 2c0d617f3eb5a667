package capture

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/go-gst/go-gst/gst"
	"github.com/go-gst/go-gst/gst/app"
)

// graph is one GStreamer pipeline. Its field keeps the Go wrapper reachable: go-gst frees the
// pipeline, playing or not, when the wrapper is collected.
type graph struct {
	pipeline *gst.Pipeline
	bus      *gst.Bus
	sinks    []*app.Sink // that call back
}

// newGraph parses a description. props sets string properties: element, property, value.
func newGraph(description string, props ...[3]string) (*graph, error) {
	pipeline, err := gst.NewPipelineFromString(description)
	if err != nil {
		return nil, fmt.Errorf("capture: build the pipeline: %w", err)
	}
	g := &graph{pipeline: pipeline, bus: pipeline.GetPipelineBus()}
	for _, p := range props {
		if p[2] == "" {
			continue
		}
		el, err := pipeline.GetElementByName(p[0])
		if err != nil {
			return nil, fmt.Errorf("capture: element %q of the pipeline: %w", p[0], err)
		}
		if err := el.SetProperty(p[1], p[2]); err != nil {
			return nil, fmt.Errorf("capture: set %s of %s: %w", p[1], p[0], err)
		}
	}
	return g, nil
}

// onSample calls f on the streaming thread for every sample of an appsink. f must not block.
func (g *graph) onSample(sink string, f func(s *gst.Sample, b *gst.Buffer)) error {
	el, err := g.pipeline.GetElementByName(sink)
	if err != nil {
		return fmt.Errorf("capture: element %q of the pipeline: %w", sink, err)
	}
	as := app.SinkFromElement(el)
	if as == nil {
		return fmt.Errorf("capture: element %q is not an appsink", sink)
	}
	as.SetCallbacks(&app.SinkCallbacks{NewSampleFunc: func(s *app.Sink) gst.FlowReturn {
		sample := s.PullSample()
		if sample == nil {
			return gst.FlowEOS
		}
		if buf := sample.GetBuffer(); buf != nil {
			f(sample, buf)
			runtime.KeepAlive(buf)
		}
		runtime.KeepAlive(sample) // what it holds is only borrowed
		return gst.FlowOK
	}})
	g.sinks = append(g.sinks, as)
	return nil
}

// ready opens devices (encoder, sound server), which is where they fail.
func (g *graph) ready() error {
	if err := g.pipeline.SetState(gst.StateReady); err != nil {
		if said := g.nextError(0); said != nil {
			return said
		}
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// play starts the flow; running time zero is when the clock shows base.
func (g *graph) play(clock *gst.Clock, base gst.ClockTime) error {
	g.pipeline.ForceClock(clock)
	g.pipeline.SetStartTime(gst.ClockTimeNone) // the base time is ours
	g.pipeline.SetBaseTime(base)
	if err := g.pipeline.SetState(gst.StatePlaying); err != nil {
		if said := g.nextError(0); said != nil {
			return said
		}
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// stopTime is how long stopping may take; it takes a tenth of a second.
const stopTime = 2 * time.Second

// stopSoon ends the flow and lets go of what the callbacks hold. It reports false when a thread of the
// pipeline does not end in time (a driver that hangs, a sound server that is frozen): then the pipeline
// is left to end when that does.
func (g *graph) stopSoon() bool {
	done := make(chan struct{})
	// Until the state is reached this goroutine keeps the pipeline reachable: go-gst would dispose
	// of it while it runs.
	go func() {
		defer close(done)
		// A device that fails to close (NVENC after a reset of the GPU) leaves what is before it as it was; the second
		// time there is nothing to close.
		if g.pipeline.SetState(gst.StateNull) != nil {
			_ = g.pipeline.SetState(gst.StateNull)
		}
		g.release()
		trimSoon()
	}()
	select {
	case <-done:
		return true
	case <-time.After(stopTime):
		return false
	}
}

// release takes the callbacks off their sinks. go-gst keeps a callback in a table of the process until
// its sink is finalised; a callback that refers to what holds the sink would keep both for ever.
func (g *graph) release() {
	for _, s := range g.sinks {
		s.SetCallbacks(&app.SinkCallbacks{})
	}
	g.sinks = nil
}

var errEndOfStream = errors.New("capture: the stream ended by itself")

// nextError waits for an error or the end of the stream on the bus; nil: neither came.
func (g *graph) nextError(wait time.Duration) error {
	msg := g.bus.TimedPopFiltered(gst.ClockTime(wait), gst.MessageError|gst.MessageEOS)
	if msg == nil {
		return nil
	}
	defer runtime.KeepAlive(msg) // its source's name is only borrowed
	if msg.Type() == gst.MessageEOS {
		return errEndOfStream
	}
	gerr := msg.ParseError()
	if gerr == nil {
		return fmt.Errorf("capture: %s failed without saying why", msg.Source())
	}
	// The debug string is "file(line): function (): path:\nwhat happened": the last line helps.
	detail := gerr.DebugString()
	if i := strings.LastIndexByte(detail, '\n'); i >= 0 {
		detail = strings.TrimSpace(detail[i+1:])
	}
	text := strings.TrimSuffix(gerr.Error(), ".")
	if detail != "" && !strings.Contains(text, detail) {
		text += " (" + detail + ")"
	}
	return fmt.Errorf("capture: %s: %s", msg.Source(), text)
}

// runningTime converts a buffer's time stamp. It is not the bare time stamp: x264enc adds
// 1000 hours, and moves the segment by the same.
func runningTime(s *gst.Sample, b *gst.Buffer) time.Duration {
	pts := b.PresentationTimestamp()
	if pts == gst.ClockTimeNone {
		return 0
	}
	seg := s.GetSegment()
	if seg == nil {
		return 0
	}
	rt := seg.ToRunningTime(gst.FormatTime, uint64(pts))
	if rt == uint64(gst.ClockTimeNone) {
		return 0
	}
	return time.Duration(rt)
}

// bufferDuration is 0 when the buffer does not say.
func bufferDuration(b *gst.Buffer) time.Duration {
	if d := b.Duration(); d != gst.ClockTimeNone {
		return time.Duration(d)
	}
	return 0
}
