package capture

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// A missing sound server may start after the sidecar, or be restarted.
const (
	// audioRetry is the pause between two probes of a socket that is not there, which cost next to
	// nothing, and the first between two pipelines.
	audioRetry = 250 * time.Millisecond
	// audioRetryMax is the longest pause between two pipelines that fail, each of which starts
	// threads and opens files: where a probe cannot tell, or the server accepts and then refuses.
	audioRetryMax = 30 * time.Second
)

// firstSound is how long the first packet may take: the monitor of a null sink gives nothing for its
// first 2 s.
const firstSound = 2 * stallTime

var errSoundStalled = errors.New("capture: the sound server gives nothing")

// serveAudio keeps the sound flowing. No sound server is no error: there is silence instead, one
// warning says so, and the search goes on.
func (p *Pipeline) serveAudio() {
	tracks := []*track{{frame: opusFrame, delay: opusDelay, silent: opusSilence, out: func(s Sample, silent bool) {
		if !p.cfg.RTMP.Only {
			offer(p.audio, s)
		}
		p.meter.update(func(st *Stats) {
			if silent {
				st.SilentPackets++
			} else {
				st.AudioPackets++
				st.Audio = true
			}
		})
	}}}
	aac := ""
	if p.rtmp != nil {
		aac = p.rtmp.aac.element
		tracks = append(tracks, &track{frame: aacFrame, delay: aacDelay, silent: p.rtmp.aac.silent, out: func(s Sample, _ bool) { p.rtmp.audio(s) }})
	}
	// Silence is made apart from the sound, because a sound server that hangs holds its thread up.
	p.wg.Go(func() {
		tick := time.NewTicker(2 * opusFrame) // as often as silence may be late
		defer tick.Stop()
		for {
			select {
			case <-p.closing:
				return
			case <-tick.C:
				for _, t := range tracks {
					t.fill(p.now() - p.baseTime())
				}
			}
		}
	})

	warned, pause := false, audioRetry
	var blind time.Time // not before: the next pipeline without a probe that succeeded
	for !p.isClosing() {
		wait := audioRetry
		certain, err := probeSound(p.cfg.PulseServer)
		if err == nil || !certain && time.Now().After(blind) {
			var flowed bool
			if flowed, err = p.playAudio(tracks, aac); flowed {
				warned, pause = false, audioRetry
			}
			blind = time.Now().Add(pause)
			if certain { // it accepts connections, and the pipeline failed all the same
				wait = pause
			}
			pause = min(2*pause, audioRetryMax)
		}
		if p.isClosing() {
			return
		}
		if err != nil && !warned {
			warned = true
			server := p.cfg.PulseServer
			if server == "" {
				server = "$PULSE_SERVER or the default"
			}
			p.cfg.Log.Warn("no sound: there is silence until the sound server answers",
				"server", server, "device", p.cfg.PulseDevice, "reason", err)
		}
		select {
		case <-p.closing:
			return
		case <-time.After(wait):
		}
	}
}

// playAudio runs one audio pipeline until it fails or the capture is closed, and says whether any
// sound came.
func (p *Pipeline) playAudio(tracks []*track, aac string) (flowed bool, err error) {
	g, err := newGraph(describeAudio(p.cfg, pulseSource, aac),
		[3]string{nameSound, "device", p.cfg.PulseDevice},
		[3]string{nameSound, "server", p.cfg.PulseServer},
		[3]string{nameSound, "client-name", "hotseat"})
	if err != nil {
		return false, err
	}
	defer g.stopSoon()
	var packets atomic.Uint64
	var mu sync.Mutex // protects over, and keeps a packet under way from coming after it
	over := false
	defer func() { // before the stop, which a sound server that hangs holds up
		mu.Lock()
		defer mu.Unlock()
		over = true
		for _, t := range tracks {
			t.stop()
		}
		flowed = packets.Load() > 0
		p.meter.update(func(s *Stats) {
			s.Audio = false
			if flowed && !p.isClosing() {
				s.AudioLost++
			}
		})
	}()

	for i, sink := range []string{nameAudio, nameAAC}[:len(tracks)] {
		clock := &soundClock{frame: tracks[i].frame, delay: tracks[i].delay}
		if err := g.onSample(sink, func(_ *gst.Sample, buf *gst.Buffer) {
			data := buf.Bytes()
			if len(data) == 0 || p.isClosing() {
				return
			}
			at, ok := clock.stamp(p.now() - p.baseTime())
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if over {
				return
			}
			tracks[i].put(Sample{Data: data, RunningTime: at, Duration: tracks[i].frame})
			packets.Add(1)
		}); err != nil {
			return false, err
		}
	}
	if err := g.ready(); err != nil {
		if el, missing := g.pipeline.GetElementByName(nameSound); missing == nil {
			undoOpen(el)
		}
		return false, err
	}
	if err := g.play(p.clock, gst.ClockTime(p.baseTime())); err != nil {
		return false, err
	}
	seen, last, watch := uint64(0), p.now(), stallWatch{}
	for !p.isClosing() {
		if err := g.nextError(busPoll); err != nil {
			return false, err
		}
		now := p.now()
		watch.look(now)
		switch n, silence := packets.Load(), now-last; {
		case n != seen:
			if seen == 0 {
				p.cfg.Log.Info("sound is captured", "device", p.cfg.PulseDevice)
			}
			seen, last = n, now
		case watch.stalled(now, silence) && (seen > 0 || silence > firstSound):
			return false, errSoundStalled
		}
	}
	return false, nil
}
