package health

import (
	"math"
	"time"
)

// Reading is what the program knows now. Counters only rise.
type Reading struct {
	State    string // "connecting", "live", "failing"
	Error    string // one sentence, "" when all is well
	Frames   uint64
	Bytes    uint64        // of video
	Encode   time.Duration // from picture to access unit
	RTTMs    float64
	Loss     float64 // percent
	KeyFrame time.Time
	Encoder  string // "x264", "openh264", "nvenc", "va"
	Fallback bool
	Restarts int // of the program that broadcasts, and of its way to the stage

	Dropped      uint64 // pictures that were encoded and not sent
	EstimateKbps int    // what the network carries; 0: not known
	// Target is what the encoder is asked for; zero: what the settings say.
	Target Target
	// Limit is why the target is below the settings: "", "network", "processor", "recovering".
	Limit string
}

// Target is what an encoder is asked for.
type Target struct{ BitrateKbps, Framerate, Width, Height int }

// Report is the SIDECAR_HEALTH event of docs/protocol.md. Width, height and frame rate are those
// that are sent, which may be less than the settings (Limit).
type Report struct {
	Action        string  `json:"action"`
	State         string  `json:"state"`
	Error         string  `json:"error"`
	FPS           float64 `json:"fps"`
	BitrateKbps   int     `json:"bitrateKbps"`
	EncodeMs      float64 `json:"encodeMs"`
	RTTMs         float64 `json:"rttMs"`
	LossPercent   float64 `json:"lossPercent"`
	KeyFrameAgeMs int64   `json:"keyFrameAgeMs"` // 0: none yet
	Encoder       string  `json:"encoder"`
	Fallback      bool    `json:"fallback"`
	UptimeSeconds int64   `json:"uptimeSeconds"`
	Restarts      int     `json:"restarts"`
	Width         int     `json:"width"`
	Height        int     `json:"height"`
	Framerate     int     `json:"framerate"`
	TargetKbps    int     `json:"targetKbps"`
	EstimateKbps  int     `json:"estimateKbps"` // 0: not known
	Limit         string  `json:"limit"`
	Dropped       uint64  `json:"dropped"`
}

// Thumbnail is the THUMBNAIL event.
type Thumbnail struct {
	Action string `json:"action"`
	JPEG   []byte `json:"jpeg"` // base64 on the wire
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// maxError keeps a heartbeat small whatever a server said.
const maxError = 300

// report compares two readings that are passed apart.
func (c Config) report(before, now Reading, passed, uptime time.Duration, at time.Time) Report {
	r := Report{
		Action:        "SIDECAR_HEALTH",
		State:         now.State,
		Error:         shorten(now.Error, maxError),
		EncodeMs:      round1(float64(now.Encode) / float64(time.Millisecond)),
		RTTMs:         round1(now.RTTMs),
		LossPercent:   round1(now.Loss),
		Encoder:       now.Encoder,
		Fallback:      now.Fallback,
		UptimeSeconds: int64(uptime / time.Second),
		Restarts:      now.Restarts,
		EstimateKbps:  now.EstimateKbps,
		Limit:         now.Limit,
		Dropped:       now.Dropped,
	}
	t := c.target(now)
	r.Width, r.Height, r.Framerate, r.TargetKbps = t.Width, t.Height, t.Framerate, t.BitrateKbps
	if s := passed.Seconds(); s > 0 {
		r.FPS = round1(float64(now.Frames-before.Frames) / s)
		r.BitrateKbps = int(math.Round(float64(now.Bytes-before.Bytes) * 8 / 1000 / s))
	}
	if !now.KeyFrame.IsZero() {
		r.KeyFrameAgeMs = max(0, at.Sub(now.KeyFrame).Milliseconds())
	}
	return r
}

// target is what the encoder is asked for.
func (c Config) target(now Reading) Target {
	if now.Target != (Target{}) {
		return now.Target
	}
	return Target{c.BitrateKbps, c.Framerate, c.Width, c.Height}
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

// shorten cuts after at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := 0
	for i := range s {
		if i > n {
			break
		}
		cut = i
	}
	return s[:cut] + "…"
}
