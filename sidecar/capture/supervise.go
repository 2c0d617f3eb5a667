package capture

import (
	"fmt"
	"time"
)

// The last candidate is opened again when it fails, but not more often than this.
const (
	reopenings   = 3
	reopenWithin = time.Minute
)

// supervise owns the encoding: it passes requests for key frames on, does what Adapt wants, and
// replaces an encoder that fails or stalls by the next candidate.
func (p *Pipeline) supervise() {
	watchdog := time.NewTicker(busPoll)
	defer watchdog.Stop()
	var failures []time.Time // of the last candidate
	for {
		e := p.current.Load()
		var broken error
		select {
		case <-p.closing:
			return
		case <-p.keyWanted:
			e.forceKeyFrame()
		case <-p.adapted:
			p.retarget()
		case broken = <-e.broken:
		case <-watchdog.C:
			if e.stalled(p.now()) > stallTime {
				broken = ErrEncoderStalled
			}
		}
		if broken == nil {
			continue
		}
		p.meter.update(func(s *Stats) { s.EncoderErrs++; s.EncoderErr = broken.Error(); s.Fallback = true })
		for p.current.Load() == e {
			if len(p.candidates) > 1 {
				p.candidates = p.candidates[1:]
			} else {
				now := time.Now()
				failures = append(failures, now)
				for now.Sub(failures[0]) > reopenWithin {
					failures = failures[1:]
				}
				if len(failures) > reopenings {
					p.fail(fmt.Errorf("%w: %w", ErrNoEncoder, broken))
					return
				}
			}
			next := p.candidates[0]
			p.cfg.Log.Warn("the encoder failed, the stream goes on with another", "failed", e.enc.name, "next", next.name, "reason", broken)
			if err := p.use(next, p.wanted()); err != nil {
				broken = err
			}
		}
	}
}

// use replaces the encoding. The old one goes on until the other is running.
func (p *Pipeline) use(enc encoder, cfg Config) error {
	if err := enc.try(cfg); err != nil {
		return err
	}
	e, err := newEncoding(cfg, enc, p.onVideo, p.onThumbnail)
	if err != nil {
		return err
	}
	if err := e.play(p.clock, p.baseTime()); err != nil {
		e.close()
		return err
	}
	old := p.adopt(e)
	p.wg.Go(func() { old.close() })
	return nil
}

// adopt makes e the one that pictures go to and access units come from.
func (p *Pipeline) adopt(e *encoding) (old *encoding) {
	p.videoMu.Lock()
	defer p.videoMu.Unlock()
	old = p.current.Swap(e)
	p.meter.update(func(s *Stats) {
		s.Encoder, s.Width, s.Height, s.Framerate, s.BitrateKbps = e.enc.name, e.cfg.Width, e.cfg.Height, e.cfg.Framerate, e.cfg.BitrateKbps
	})
	return old
}

// firstName is the encoder that is no fallback for a wish.
func firstName(c Config) string {
	if c.encoders != nil {
		return c.encoders[0].name
	}
	return candidates(c.Encoder)[0].name
}
