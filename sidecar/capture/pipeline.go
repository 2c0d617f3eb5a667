package capture

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// busPoll is how long one look at a GStreamer bus waits, and so how late Close may be noticed.
const busPoll = 100 * time.Millisecond

// Pipeline captures one display. Open, Start, read the channels, Close.
type Pipeline struct {
	cfg    Config
	clock  *gst.Clock
	video  *graph
	screen *screen
	phase  *phaseLock // nil: free running

	queue  videoQueue
	audio  chan Sample
	thumbs chan []byte
	errs   chan error
	meter  meter

	quality   int            // of thumbnails; owned by their thread
	gone      bool           // the display went away; read by Close when watchScreen has ended
	keyWanted chan struct{}  // a key frame is wanted; capacity 1
	closing   chan struct{}  // closed by Close
	wg        sync.WaitGroup // goroutines started by Start

	mu      sync.Mutex // protects the two below
	base    gst.ClockTime
	started bool
	once    sync.Once
}

// Open checks the display and the plug-ins, builds the pipelines and opens the encoder. With
// EncoderGPU and no usable NVENC it falls back to x264, warns and says so in Stats. Errors
// name what is missing: the display, or the Debian package of a plug-in.
func Open(cfg Config) (*Pipeline, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	screen, err := dialScreen(cfg.Display)
	if err != nil {
		return nil, err
	}
	p, err := open(cfg, screen)
	if err != nil {
		screen.close()
		return nil, err
	}
	return p, nil
}

func open(cfg Config, screen *screen) (*Pipeline, error) {
	initGStreamer()
	p := &Pipeline{
		cfg:       cfg,
		screen:    screen,
		quality:   thumbnailQuality,
		clock:     gst.ObtainSystemClock().Clock,
		queue:     videoQueue{ch: make(chan Sample, cfg.QueueFrames)},
		audio:     make(chan Sample, 10), // 200 ms
		thumbs:    make(chan []byte, 1),
		errs:      make(chan error, 1),
		keyWanted: make(chan struct{}, 1),
		closing:   make(chan struct{}),
	}
	if err := require(videoElements); err != nil {
		return nil, err
	}
	if cfg.ThumbnailInterval > 0 {
		if err := require(thumbnailElements); err != nil {
			return nil, err
		}
	}
	if cfg.Audio {
		if err := require(audioElements); err != nil {
			return nil, err
		}
	}
	if err := p.openVideo(); err != nil {
		return nil, err
	}
	if !cfg.FreeRunning {
		if screen.damage {
			p.phase = newPhaseLock(time.Second / time.Duration(cfg.Framerate))
		} else {
			cfg.Log.Warn("the display has no DAMAGE extension: pictures may be up to one frame older than needed")
		}
	}
	return p, nil
}

// openVideo tries the wanted encoder, then x264.
func (p *Pipeline) openVideo() error {
	if p.cfg.Encoder == EncoderGPU {
		err := p.openVideoWith(nvenc)
		if err == nil {
			return nil
		}
		p.cfg.Log.Warn("no GPU encoder, falling back to x264 on the CPU", "reason", err)
		p.meter.update(func(s *Stats) { s.Fallback = true })
	}
	return p.openVideoWith(x264)
}

func (p *Pipeline) openVideoWith(enc encoder) error {
	if err := require(enc.needs); err != nil {
		return err
	}
	g, err := newGraph(describeVideo(p.cfg, enc))
	if err != nil {
		return err
	}
	if err := g.onSample(nameVideo, p.onVideo); err != nil {
		return err
	}
	if p.cfg.ThumbnailInterval > 0 {
		if err := g.onSample(nameThumbs, p.onThumbnail); err != nil {
			return err
		}
	}
	if err := g.ready(); err != nil {
		g.stop()
		return err
	}
	p.video = g
	p.meter.update(func(s *Stats) { s.Encoder = enc.name })
	return nil
}

// Start lets the pictures flow. Failures after it come through Err.
func (p *Pipeline) Start() error {
	p.mu.Lock()
	if p.started {
		p.mu.Unlock()
		return errors.New("capture: started twice")
	}
	p.started = true
	p.base = p.clock.GetTime()
	base := p.base
	p.mu.Unlock()

	if err := p.video.play(p.clock, base); err != nil {
		return err
	}
	p.wg.Go(p.serveVideo)
	if p.cfg.Audio {
		p.wg.Go(p.serveAudio)
	}
	p.wg.Go(p.watchScreen)
	return nil
}

// Video gives access units. It is never closed; stop reading when Err fires or after Close.
func (p *Pipeline) Video() <-chan Sample { return p.queue.ch }

// Audio gives Opus packets of 20 ms; none while there is no sound server.
func (p *Pipeline) Audio() <-chan Sample { return p.audio }

// Thumbnails gives JPEG pictures.
func (p *Pipeline) Thumbnails() <-chan []byte { return p.thumbs }

// Err gives the failure that ended the capture, at most one.
func (p *Pipeline) Err() <-chan error { return p.errs }

// Stats may be called from anywhere.
func (p *Pipeline) Stats() Stats {
	s := p.meter.read()
	if p.phase != nil {
		s.PictureAge, s.PhaseShifts = p.phase.stats()
	}
	return s
}

// ForceKeyFrame asks the encoder to make the next picture a key frame. It does not block, and
// requests that come before the encoder hears of the first are one. Callers that hear from
// strangers throttle.
func (p *Pipeline) ForceKeyFrame() {
	select {
	case p.keyWanted <- struct{}{}:
	default:
	}
}

// Close stops everything and waits for it. It may be called twice and before Start.
func (p *Pipeline) Close() {
	p.once.Do(func() {
		close(p.closing)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			p.screen.close()
			p.wg.Wait()
			if !p.gone {
				p.video.stop()
			}
		}()
		select {
		case <-stopped:
			if p.gone {
				abandon(p.video) // stopping it would wait for a thread that never ends
			}
		case <-time.After(stopTime):
			// The X server died or froze while this was closing, and a thread waits for it for ever.
			// Everything that it holds is left to the end of the process.
			runtime.KeepAlive(p.video)
		}
	})
}

// stopTime is how long stopping may take; it takes a tenth of a second.
const stopTime = 2 * time.Second

// serveVideo hears the bus and passes requests for key frames on. It is a goroutine of its
// own because neither may happen on a streaming thread.
func (p *Pipeline) serveVideo() {
	sink, err := p.video.pipeline.GetElementByName(nameVideo)
	if err != nil {
		p.fail(fmt.Errorf("capture: %w", err))
		return
	}
	bus := make(chan error, 1)
	p.wg.Go(func() {
		for !p.isClosing() {
			if err := p.video.nextError(busPoll); err != nil {
				bus <- err
				return
			}
		}
	})
	for {
		select {
		case <-p.keyWanted:
			// An upstream force-key-unit event, as gst_video_event_new_upstream_force_key_unit
			// makes it; go-gst has no wrapper. all-headers asks for SPS and PPS too.
			sink.SendEvent(gst.NewCustomEvent(gst.EventTypeCustomUpstream,
				gst.NewStructureFromString("GstForceKeyUnit, all-headers=(boolean)true, count=(uint)0")))
		case err := <-bus:
			p.fail(err)
			return
		case <-p.closing:
			return
		}
	}
}

// watchScreen notes when the display is drawn on, and notices when it goes away.
func (p *Pipeline) watchScreen() {
	var drawn func()
	if p.phase != nil {
		drawn = func() { p.phase.noteDrawing(p.now()) }
	}
	p.screen.watch(drawn)
	if !p.isClosing() {
		p.gone = true
		p.fail(ErrDisplayGone)
	}
}

func (p *Pipeline) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

func (p *Pipeline) fail(err error) {
	select {
	case p.errs <- err:
	default:
	}
}

// now is the clock's absolute time; samples carry it minus the base time.
func (p *Pipeline) now() time.Duration { return time.Duration(p.clock.GetTime()) }

func (p *Pipeline) baseTime() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.base)
}

// onVideo runs on the streaming thread of the video pipeline.
func (p *Pipeline) onVideo(sample *gst.Sample, buf *gst.Buffer) {
	s := Sample{
		Data:        buf.Bytes(), // a copy that is ours
		RunningTime: runningTime(sample, buf),
		Duration:    bufferDuration(buf),
		KeyFrame:    !buf.HasFlags(gst.BufferFlagDeltaUnit),
	}
	if len(s.Data) == 0 {
		return
	}
	grabbed := p.baseTime() + s.RunningTime
	if p.phase != nil {
		grabbed += p.phase.offset()
		if shift := p.phase.picture(grabbed); shift != 0 {
			p.moveGrid(p.phase.move(shift))
		}
	}
	took := p.now() - grabbed
	if p.queue.put(s) {
		p.ForceKeyFrame()
	}
	p.meter.update(func(st *Stats) {
		st.Frames++
		st.Bytes += uint64(len(s.Data))
		st.Dropped = p.queue.dropped
		st.EncodeTime = mean(st.EncodeTime, max(0, took), p.cfg.Framerate)
		if s.KeyFrame {
			st.KeyFrames++
			st.LastKeyFrame = time.Now()
		}
	})
}

// moveGrid makes ximagesrc grab at base + offset + n/framerate from the next picture on. Its
// grid hangs on the base time of the element, which it reads before every picture. Time
// stamps stay on the grid of the frame rate, so what moves is only, by at most half a frame,
// what they stand for.
func (p *Pipeline) moveGrid(offset time.Duration) {
	src, err := p.video.pipeline.GetElementByName(nameScreen)
	if err != nil {
		return // cannot happen: the pipeline was built with it
	}
	src.SetBaseTime(gst.ClockTime(p.baseTime() + offset))
}
