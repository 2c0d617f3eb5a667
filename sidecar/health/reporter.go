package health

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"log/slog"
	"sync"
	"time"
)

const (
	// Every is the heartbeat of docs/protocol.md.
	Every = time.Second
	// publishWait: a heartbeat that is not out long before the next is due is worthless, and
	// the last one may not hold up the end of the program.
	publishWait = 400 * time.Millisecond
	// maxThumbnail is what docs/protocol.md allows, before base64.
	maxThumbnail = 24 << 10
)

// Publisher is the part of an events client that is needed here.
type Publisher interface {
	Publish(ctx context.Context, channel string, events ...json.RawMessage) error
}

// Config of a Reporter.
type Config struct {
	Session                  string
	Width, Height, Framerate int            // of the settings
	BitrateKbps              int            // of the settings
	Read                     func() Reading // must not block
	Thumbnails               <-chan []byte  // JPEG; nil: none
	Publisher                Publisher      // nil: nobody in a session hears
	LogEvery                 time.Duration  // of a line of the log; 0: none
	Log                      *slog.Logger
}

// Reporter publishes heartbeats.
type Reporter struct {
	cfg     Config
	channel string
	failing bool

	mu   sync.Mutex // protects last
	last Report
}

// New makes a Reporter.
func New(cfg Config) *Reporter {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Reporter{cfg: cfg, channel: "/live/" + cfg.Session}
}

// Run reports until ctx is done. The first report comes after Every. When Read says "failing"
// at the end, a last one goes out, so that the session learns why the sidecar left.
func (r *Reporter) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	start := time.Now()
	before, beforeAt := r.cfg.Read(), start
	r.keep(r.cfg.report(before, before, 0, 0, start))
	logged := start
	for {
		select {
		case at := <-tick.C:
			now := r.cfg.Read()
			report := r.cfg.report(before, now, at.Sub(beforeAt), at.Sub(start), at)
			r.keep(report)
			if r.cfg.LogEvery > 0 && at.Sub(logged) >= r.cfg.LogEvery {
				logged = at
				r.cfg.Log.Info("health", "report", report)
			}
			r.publish(ctx, report)
			before, beforeAt = now, at
		case picture := <-r.cfg.Thumbnails:
			if t, err := thumbnail(picture); err != nil {
				r.cfg.Log.Debug("thumbnail dropped", "reason", err)
			} else {
				r.publish(ctx, t)
			}
		case <-ctx.Done():
			if now := r.cfg.Read(); now.State == "failing" {
				at := time.Now()
				r.publish(context.WithoutCancel(ctx), r.cfg.report(before, now, at.Sub(beforeAt), at.Sub(start), at))
			}
			return
		}
	}
}

func (r *Reporter) keep(report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = report
}

// Last is the newest report.
func (r *Reporter) Last() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// publish is called by Run only.
func (r *Reporter) publish(ctx context.Context, event any) {
	if r.cfg.Publisher == nil {
		return
	}
	raw, err := json.Marshal(event)
	if err != nil {
		r.cfg.Log.Error("heartbeat not made", "reason", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	err = r.cfg.Publisher.Publish(ctx, r.channel, raw)
	switch {
	case err != nil && !r.failing:
		r.failing = true
		r.cfg.Log.Warn("the session does not hear the sidecar", "reason", err)
	case err == nil && r.failing:
		r.failing = false
		r.cfg.Log.Info("the session hears the sidecar again")
	}
}

// thumbnail makes the event; the size is read from the picture itself.
func thumbnail(picture []byte) (Thumbnail, error) {
	if len(picture) > maxThumbnail {
		return Thumbnail{}, fmt.Errorf("health: thumbnail of %d bytes, at most %d", len(picture), maxThumbnail)
	}
	size, err := jpeg.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return Thumbnail{}, fmt.Errorf("health: thumbnail: %w", err)
	}
	return Thumbnail{Action: "THUMBNAIL", JPEG: picture, Width: size.Width, Height: size.Height}, nil
}
