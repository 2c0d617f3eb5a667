package capture

import (
	"fmt"
	"time"
)

// Target is what Adapt asks for. A field that is 0 stays as it is.
type Target struct {
	BitrateKbps int // kbit/s, 100 to Config.BitrateKbps
	Framerate   int // frames a second, 5 to Config.Framerate
	// Width and Height are in pixels, even, 160 to Config's; both or none. With Config.RTMP the size
	// stays: few RTMP servers take a sequence header in mid-stream, and mediamtx hands its viewers only
	// the first, so that what they have set up meets pictures of another size. What a frame rate
	// changes in that header, they do without.
	Width, Height int
}

// leastFramerate is where a game is no longer followed.
const leastFramerate = 5

// Adapt changes bitrate, frame rate and size of the running stream, never above what Config says:
// values outside the ranges are moved to their ends. It does not block. The bitrate changes in place;
// another frame rate or size begins with a key frame and costs at most one picture. Of several calls
// that come before the first is done only the last counts, but what it leaves at 0 is kept from
// those before it.
func (p *Pipeline) Adapt(t Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.BitrateKbps != 0 {
		p.want.BitrateKbps = min(max(t.BitrateKbps, 100), p.cfg.BitrateKbps)
	}
	if t.Framerate != 0 {
		p.want.Framerate = min(max(t.Framerate, min(leastFramerate, p.cfg.Framerate)), p.cfg.Framerate)
	}
	if t.Width != 0 && t.Height != 0 && p.rtmp == nil {
		p.want.Width = min(max(t.Width, 160), p.cfg.Width) &^ 1
		p.want.Height = min(max(t.Height, 160), p.cfg.Height) &^ 1
	}
	select {
	case p.adapted <- struct{}{}:
	default: // somebody will look at want already
	}
}

// wanted is the configuration with the target applied.
func (p *Pipeline) wanted() Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cfg
	c.BitrateKbps, c.Framerate, c.Width, c.Height = p.want.BitrateKbps, p.want.Framerate, p.want.Width, p.want.Height
	return c
}

// retarget does what Adapt asked for. It belongs to the supervisor.
func (p *Pipeline) retarget() {
	cur, want := p.current.Load(), p.wanted()
	if want.Width == cur.cfg.Width && want.Height == cur.cfg.Height && want.Framerate == cur.cfg.Framerate {
		if want.BitrateKbps != cur.cfg.BitrateKbps {
			cur.setBitrate(want.BitrateKbps)
			p.meter.update(func(s *Stats) { s.BitrateKbps = want.BitrateKbps; s.Adaptations++ })
		}
		return
	}
	if err := p.use(cur.enc, want); err != nil {
		// What runs goes on, with the wanted bitrate; the next wish may succeed.
		p.cfg.Log.Warn("the stream keeps its size and frame rate: the encoder did not take others",
			"wanted", fmt.Sprintf("%dx%d, %d a second", want.Width, want.Height, want.Framerate), "reason", err)
		p.keepSize(cur.cfg, want)
		if want.BitrateKbps == cur.cfg.BitrateKbps {
			return
		}
		cur.setBitrate(want.BitrateKbps)
		p.meter.update(func(s *Stats) { s.BitrateKbps = want.BitrateKbps })
	}
	p.meter.update(func(s *Stats) { s.Adaptations++ })
}

// keepSize gives up the wish for a size and frame rate that the encoder did not take, unless another
// wish has come since.
func (p *Pipeline) keepSize(is, refused Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.want.Width == refused.Width && p.want.Height == refused.Height && p.want.Framerate == refused.Framerate {
		p.want.Width, p.want.Height, p.want.Framerate = is.Width, is.Height, is.Framerate
	}
}

// period is the time between two pictures.
func (e *encoding) period() time.Duration { return time.Second / time.Duration(e.cfg.Framerate) }
