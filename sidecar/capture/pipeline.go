package capture

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// busPoll is how long one look at a GStreamer bus waits, and so how late Close may be noticed.
const busPoll = 100 * time.Millisecond

// Pipeline captures one display or window. Open, Start, read the channels, Close.
//
// Its goroutines: one takes pictures at the frame rate and pushes them (pictures.go), one waits for
// the X server on its behalf (camera.go), one owns the encoding and replaces it (supervise.go), one
// keeps the sound flowing (audio.go), one the RTMP connection (rtmp.go).
type Pipeline struct {
	cfg    Config
	clock  *gst.Clock
	camera *camera
	phase  *phaseLock // nil: free running
	rtmp   *rtmpOut   // nil: none

	current    atomic.Pointer[encoding] // replaced by the supervisor only
	candidates []encoder                // that are still to be tried; the supervisor's after Start
	quality    atomic.Int32             // of thumbnails

	videoMu sync.Mutex // held while an access unit is handed over: two encodings may overlap
	queue   videoQueue
	keys    keyWatch

	audio  chan Sample
	thumbs chan []byte
	errs   chan error
	meter  meter

	keyWanted chan struct{}  // a key frame is wanted; capacity 1
	adapted   chan struct{}  // want was changed; capacity 1
	closing   chan struct{}  // closed by Close
	shotsDone chan struct{}  // closed when the camera's goroutine has ended
	pictures  sync.WaitGroup // what pushes to an encoder or replaces it
	wg        sync.WaitGroup // the rest

	mu      sync.Mutex // protects the three below
	base    gst.ClockTime
	started bool
	want    Target
	once    sync.Once
}

// Open checks the display and the plug-ins, tries the encoders until one works and opens it. With
// EncoderGPU and no usable GPU encoder it falls back to the CPU, warns and says so in Stats. Errors
// name what is missing: the display, or the Debian package of a plug-in. A missing window is no
// error: it is waited for.
func Open(cfg Config) (*Pipeline, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	screen, err := dialScreen(cfg.Display)
	if err != nil {
		return nil, err
	}
	if !cfg.Window.set() {
		err = screen.fit()
	}
	var p *Pipeline
	if err == nil {
		p, err = open(cfg, screen)
	}
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
		clock:     gst.ObtainSystemClock().Clock,
		queue:     videoQueue{ch: make(chan Sample, cfg.QueueFrames)},
		audio:     make(chan Sample, 25), // half a second: silence after a sound server hung comes at once
		thumbs:    make(chan []byte, 1),
		errs:      make(chan error, 1),
		keyWanted: make(chan struct{}, 1),
		adapted:   make(chan struct{}, 1),
		closing:   make(chan struct{}),
		shotsDone: make(chan struct{}),
		want:      Target{BitrateKbps: cfg.BitrateKbps, Framerate: cfg.Framerate, Width: cfg.Width, Height: cfg.Height},
	}
	wanted := [][]string{videoElements}
	if cfg.ThumbnailInterval > 0 {
		wanted = append(wanted, thumbnailElements)
	}
	if cfg.Audio {
		wanted = append(wanted, audioElements)
	}
	if err := require(wanted...); err != nil {
		return nil, err
	}
	if cfg.RTMP.URL != "" {
		out, err := newRTMP(cfg)
		if err != nil {
			return nil, err
		}
		p.rtmp = out
	}
	p.candidates = candidates(cfg.Encoder)
	if cfg.encoders != nil {
		p.candidates = cfg.encoders
	}
	e, err := p.firstEncoding(cfg)
	if err != nil {
		return nil, err
	}
	p.adopt(e)
	drawn := func() {}
	if !cfg.FreeRunning {
		if screen.damage {
			p.phase = newPhaseLock(e.period())
			drawn = func() { p.phase.noteDrawing(p.now()) }
		} else if !screen.renamed { // the camera warns of that
			cfg.Log.Warn("the display has no DAMAGE extension: pictures may be up to one frame older than needed")
		}
	}
	p.camera = &camera{display: cfg.Display, window: cfg.Window, cursor: cfg.Cursor, log: cfg.Log, drawn: drawn}
	p.camera.connect(screen)
	return p, nil
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
	p.mu.Unlock()

	if err := p.current.Load().play(p.clock, p.baseTime()); err != nil {
		p.camera.scr.close()
		close(p.shotsDone)
		return err
	}
	p.pictures.Go(p.supervise)
	p.pictures.Go(p.servePictures)
	if p.cfg.Audio {
		p.wg.Go(p.serveAudio)
	}
	if p.rtmp != nil {
		p.wg.Go(func() { p.rtmp.serve(p) })
	}
	return nil
}

// Video gives access units. It is never closed; stop reading when Err fires or after Close.
func (p *Pipeline) Video() <-chan Sample { return p.queue.ch }

// Audio gives Opus packets of 20 ms: silence while there is no sound server, so that running time
// has no gap.
func (p *Pipeline) Audio() <-chan Sample { return p.audio }

// Thumbnails gives JPEG pictures.
func (p *Pipeline) Thumbnails() <-chan []byte { return p.thumbs }

// Err gives the failure that ended the capture, at most one: ErrDisplayGone, ErrStalled, ErrUnfit or
// ErrNoEncoder.
func (p *Pipeline) Err() <-chan error { return p.errs }

// Stats may be called from anywhere.
func (p *Pipeline) Stats() Stats {
	s := p.meter.read()
	if p.phase != nil {
		s.PictureAge, s.PhaseShifts = p.phase.stats()
	}
	if p.rtmp != nil {
		s.RTMP = p.rtmp.stats()
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

// Close stops everything and waits for it, at most about two seconds. It may be called twice and
// before Start. What an X server or a sound server that hangs holds up is left to end with it.
func (p *Pipeline) Close() {
	p.once.Do(func() {
		p.mu.Lock()
		started := p.started
		p.started = true // a Start that comes late is refused
		p.mu.Unlock()
		close(p.closing)
		if !started {
			p.camera.scr.close()
			<-p.camera.gone
			close(p.shotsDone)
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			p.pictures.Wait()
			p.current.Load().close()
			<-p.shotsDone
			p.camera.release()
			p.wg.Wait() // last: a frozen sound server may hold it up
		}()
		select {
		case <-stopped:
		case <-time.After(stopTime + busPoll):
		}
	})
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

// onVideo runs on the streaming thread of an encoding.
func (p *Pipeline) onVideo(e *encoding, sample *gst.Sample, buf *gst.Buffer) {
	s := Sample{
		Data:        buf.Bytes(), // a copy that is ours
		RunningTime: runningTime(sample, buf),
		Duration:    bufferDuration(buf),
		KeyFrame:    !buf.HasFlags(gst.BufferFlagDeltaUnit),
	}
	if len(s.Data) == 0 {
		return
	}
	e.heard()
	took := p.now() - p.baseTime() - s.RunningTime
	p.videoMu.Lock()
	defer p.videoMu.Unlock()
	if p.current.Load() != e {
		return // another encoding has taken over: its first access unit is a key frame
	}
	if p.rtmp != nil {
		p.rtmp.video(s)
	}
	late := p.keys.overdue(s, p.cfg.KeyFrameInterval, e.period())
	if !p.cfg.RTMP.Only && p.queue.put(s) || late {
		p.ForceKeyFrame()
	}
	p.meter.update(func(st *Stats) {
		st.Frames++
		st.Bytes += uint64(len(s.Data))
		st.Dropped = p.queue.dropped
		st.EncodeTime = mean(st.EncodeTime, max(0, took), e.cfg.Framerate)
		if s.KeyFrame {
			st.KeyFrames++
			st.LastKeyFrame = time.Now()
		}
	})
}

// firstEncoding opens the first candidate that works.
func (p *Pipeline) firstEncoding(cfg Config) (*encoding, error) {
	var reasons []error
	for i, enc := range p.candidates {
		err := enc.try(cfg)
		if err == nil {
			var e *encoding
			if e, err = newEncoding(cfg, enc, p.onVideo, p.onThumbnail); err == nil {
				if enc.name != firstName(cfg) {
					p.cfg.Log.Warn("falling back to "+enc.name, "wanted", cfg.Encoder, "reason", errors.Join(reasons...))
				}
				p.candidates = installed(p.candidates[i:])
				return e, nil
			}
		}
		reasons = append(reasons, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoEncoder, errors.Join(reasons...))
}
