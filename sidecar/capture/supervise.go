package capture

import (
	"fmt"
	"time"
)

// supervise owns the encoding: it passes requests for key frames on, does what Adapt wants, replaces an
// encoder that fails or stalls by another, and goes back to a better one when that has rested.
func (p *Pipeline) supervise() {
	watchdog := time.NewTicker(busPoll)
	defer watchdog.Stop()
	encoders, watch := newRoster(p.candidates, p.cfg.rest), stallWatch{}
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
			if now := p.now(); watch.stalled(now, e.stalled(now)) {
				broken = ErrEncoderStalled
			} else if better, ok := encoders.better(e.enc, time.Now()); ok {
				p.promote(encoders, better)
			}
		}
		if broken != nil && !p.replace(encoders, e, broken) {
			return
		}
	}
}

// replace opens encoders until one works in the place of e, which broke. It reports false when the capture
// is over.
func (p *Pipeline) replace(encoders *roster, e *encoding, broken error) bool {
	p.meter.update(func(s *Stats) { s.EncoderErrs++; s.EncoderErr = broken.Error(); s.Fallback = true })
	for failed := e.enc; ; {
		encoders.failed(failed, time.Now())
		next, again, wait, ok := encoders.next(time.Now())
		if !ok {
			p.fail(fmt.Errorf("%w: %w", ErrNoEncoder, broken))
			return false
		}
		p.cfg.Log.Warn("the encoder failed, the stream goes on with another", "failed", failed.name, "next", next.name, "in", wait, "reason", broken)
		select {
		case <-p.closing:
			return false
		case <-time.After(wait):
		}
		if again {
			next.forgive(p.wanted())
		}
		err := p.use(next, p.wanted())
		if err == nil {
			return true
		}
		failed, broken = next, err
	}
}

// promote goes back to a better encoder. What runs goes on if that does not work.
func (p *Pipeline) promote(encoders *roster, better encoder) {
	better.forgive(p.wanted())
	if err := p.use(better, p.wanted()); err != nil {
		encoders.failed(better, time.Now())
		p.cfg.Log.Info("a better encoder still does not work", "encoder", better.name, "reason", err)
		return
	}
	p.cfg.Log.Info("the stream goes back to a better encoder", "encoder", better.name)
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
	p.pictures.Go(func() { old.close() })
	return nil
}

// adopt makes e the one that pictures go to and access units come from.
func (p *Pipeline) adopt(e *encoding) (old *encoding) {
	p.videoMu.Lock()
	defer p.videoMu.Unlock()
	old = p.current.Swap(e)
	p.quality.Store(thumbnailQuality) // which its JPEG encoder starts with
	p.meter.update(func(s *Stats) {
		s.Fallback = e.enc.name != firstName(p.cfg)
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
