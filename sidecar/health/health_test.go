package health_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotseat/sidecar/health"
)

// channel is a publisher that remembers, and can fail.
type channel struct {
	mu     sync.Mutex
	events []map[string]any
	names  []string
	fail   error
}

func (c *channel) Publish(_ context.Context, name string, events ...json.RawMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	for _, e := range events {
		var m map[string]any
		if err := json.Unmarshal(e, &m); err != nil {
			return err
		}
		c.events, c.names = append(c.events, m), append(c.names, name)
	}
	return nil
}

func (c *channel) setFail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHeartbeatComesEverySecondWithRatesOfThatSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := &channel{}
		r := health.New(health.Config{
			Session: "s-1", Width: 1280, Height: 720, Framerate: 30, BitrateKbps: 4000, Publisher: c,
			Read: func() health.Reading {
				s := uint64(time.Since(start) / time.Second)
				return health.Reading{State: "live", Frames: 30 * s, Bytes: 375_000 * s, Encode: 9_140 * time.Microsecond,
					RTTMs: 0.44, Loss: 1.17, KeyFrame: start, Encoder: "x264", Fallback: true, Restarts: 2,
					Dropped: 3, EstimateKbps: 1234, Limit: "network", Target: health.Target{BitrateKbps: 900, Framerate: 20, Width: 960, Height: 540}}
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		time.Sleep(3500 * time.Millisecond)
		cancel()
		synctest.Wait()

		if len(c.events) != 3 {
			t.Fatalf("%d heartbeats in 3.5 s, want 3: and none for a good end", len(c.events))
		}
		if c.names[0] != "/live/s-1" {
			t.Errorf("published on %s", c.names[0])
		}
		want := map[string]any{"action": "SIDECAR_HEALTH", "state": "live", "error": "", "fps": 30.0, "bitrateKbps": 3000.0,
			"encodeMs": 9.1, "rttMs": 0.4, "lossPercent": 1.2, "keyFrameAgeMs": 3000.0, "encoder": "x264", "fallback": true,
			"uptimeSeconds": 3.0, "restarts": 2.0, "width": 960.0, "height": 540.0, "framerate": 20.0,
			"targetKbps": 900.0, "estimateKbps": 1234.0, "limit": "network", "dropped": 3.0}
		got := c.events[2]
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s is %v, want %v", k, got[k], v)
			}
		}
		if len(got) != len(want) {
			t.Errorf("heartbeat has %d fields, docs/protocol.md has %d: %v", len(got), len(want), got)
		}
	})
}

func TestLastHeartbeatTellsWhyTheSidecarLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channel{}
		r := health.New(health.Config{Session: "s-1", Publisher: c, Read: func() health.Reading {
			return health.Reading{State: "failing", Error: "no display " + strings.Repeat("é", 400)}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.Run(ctx)
		if len(c.events) != 1 || c.events[0]["state"] != "failing" || !strings.HasPrefix(c.events[0]["error"].(string), "no display é") {
			t.Errorf("heartbeats %v", c.events)
		}
		if n := len(c.events[0]["error"].(string)); n > 310 {
			t.Errorf("the error has %d bytes", n)
		}
	})
}

func TestThumbnailsArePublishedWithTheirSizeAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channel{}
		pictures := make(chan []byte, 3)
		r := health.New(health.Config{Session: "s-1", Publisher: c, Thumbnails: pictures, Read: func() health.Reading { return health.Reading{} }})
		ctx, cancel := context.WithCancel(t.Context())
		pictures <- []byte("no JPEG")
		pictures <- append(picture(t, 320, 180), make([]byte, 30<<10)...) // too large
		good := picture(t, 320, 180)
		pictures <- good
		go r.Run(ctx)
		time.Sleep(10 * time.Millisecond)
		cancel()
		synctest.Wait()
		if len(c.events) != 1 {
			t.Fatalf("%d events, want the one good thumbnail", len(c.events))
		}
		e := c.events[0]
		raw, _ := json.Marshal(e["jpeg"])
		var back []byte
		if err := json.Unmarshal(raw, &back); err != nil || !bytes.Equal(back, good) {
			t.Errorf("the picture does not come back from base64: %v", err)
		}
		if e["action"] != "THUMBNAIL" || e["width"] != 320.0 || e["height"] != 180.0 {
			t.Errorf("thumbnail %v %vx%v", e["action"], e["width"], e["height"])
		}
	})
}

func TestOutageIsLoggedWhenItBeginsAndEndsNotEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := &channel{fail: errors.New("offline")}
		r := health.New(health.Config{Session: "s-1", Publisher: c, Read: func() health.Reading { return health.Reading{} },
			Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		time.Sleep(5500 * time.Millisecond)
		c.setFail(nil)
		time.Sleep(3 * time.Second)
		cancel()
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines in the log, want 2:\n%s", n, log.String())
		}
		if len(c.events) != 3 {
			t.Errorf("%d heartbeats after the outage, want 3: none is made up for", len(c.events))
		}
	})
}
