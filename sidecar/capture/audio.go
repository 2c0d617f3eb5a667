package capture

import (
	"time"

	"github.com/go-gst/go-gst/gst"
)

// audioRetry is how long a missing sound server is left alone. It may start after the
// sidecar, or be restarted; asking costs little.
const audioRetry = 3 * time.Second

// serveAudio keeps the sound flowing. No sound server is no error: the broadcast goes on
// without sound, one warning says so, and the search goes on.
func (p *Pipeline) serveAudio() {
	warned := false
	for !p.isClosing() {
		err := p.playAudio(func() { warned = false })
		if p.isClosing() {
			return
		}
		if err != nil && !warned {
			warned = true
			server := p.cfg.PulseServer
			if server == "" {
				server = "$PULSE_SERVER or the default"
			}
			p.cfg.Log.Warn("no sound: only the picture is captured until the sound server answers",
				"server", server, "device", p.cfg.PulseDevice, "reason", err)
		}
		select {
		case <-p.closing:
			return
		case <-time.After(audioRetry):
		}
	}
}

// playAudio runs one audio pipeline until it fails or the capture is closed. flowing is
// called when the first packet came.
func (p *Pipeline) playAudio(flowing func()) error {
	g, err := newGraph(describeAudio(p.cfg),
		[3]string{nameSound, "device", p.cfg.PulseDevice},
		[3]string{nameSound, "server", p.cfg.PulseServer},
		[3]string{nameSound, "client-name", "hotseat"})
	if err != nil {
		return err
	}
	defer g.stop()
	defer p.meter.update(func(s *Stats) { s.Audio = false })

	first := make(chan struct{}, 1)
	if err := g.onSample(nameAudio, func(sample *gst.Sample, buf *gst.Buffer) {
		s := Sample{Data: buf.Bytes(), RunningTime: runningTime(sample, buf), Duration: bufferDuration(buf)}
		if len(s.Data) == 0 {
			return
		}
		offer(p.audio, s)
		p.meter.update(func(st *Stats) { st.AudioPackets++; st.Audio = true })
		select {
		case first <- struct{}{}:
		default:
		}
	}); err != nil {
		return err
	}
	if err := g.ready(); err != nil {
		return err
	}
	if err := g.play(p.clock, gst.ClockTime(p.baseTime())); err != nil {
		return err
	}
	said := false
	for !p.isClosing() {
		if err := g.nextError(busPoll); err != nil {
			return err
		}
		select {
		case <-first:
			if !said {
				said = true
				flowing()
				p.cfg.Log.Info("sound is captured", "device", p.cfg.PulseDevice)
			}
		default:
		}
	}
	return nil
}
