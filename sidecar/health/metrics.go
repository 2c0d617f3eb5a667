package health

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// metricsType is the text format of Prometheus ("Exposition formats").
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// metric is a number of one Reading, without labels: a sidecar has one broadcast.
type metric struct {
	name, kind, help string
	read             func(Config, Reading) float64
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// all are the metrics, in base units (Prometheus, "Metric and label naming").
var all = []metric{
	{"hotseat_sidecar_live", "gauge", "1 while the stage has the broadcast.", func(_ Config, r Reading) float64 { return truth(r.State == "live") }},
	{"hotseat_sidecar_frames_total", "counter", "Pictures encoded.", func(_ Config, r Reading) float64 { return float64(r.Frames) }},
	{"hotseat_sidecar_frames_dropped_total", "counter", "Pictures encoded and not sent.", func(_ Config, r Reading) float64 { return float64(r.Dropped) }},
	{"hotseat_sidecar_video_bytes_total", "counter", "Bytes of video encoded.", func(_ Config, r Reading) float64 { return float64(r.Bytes) }},
	{"hotseat_sidecar_restarts_total", "counter", "Times that the broadcast was on the air again.", func(_ Config, r Reading) float64 { return float64(r.Restarts) }},
	{"hotseat_sidecar_encode_seconds", "gauge", "Mean time from picture to access unit.", func(_ Config, r Reading) float64 { return r.Encode.Seconds() }},
	{"hotseat_sidecar_rtt_seconds", "gauge", "Round trip to the stage.", func(_ Config, r Reading) float64 { return r.RTTMs / 1000 }},
	{"hotseat_sidecar_loss_ratio", "gauge", "Packets lost on the way to the stage.", func(_ Config, r Reading) float64 { return r.Loss / 100 }},
	{"hotseat_sidecar_estimate_bits_per_second", "gauge", "What the network carries; 0: not known.", func(_ Config, r Reading) float64 { return float64(r.EstimateKbps) * 1000 }},
	{"hotseat_sidecar_target_bits_per_second", "gauge", "What the encoder is asked for.", func(c Config, r Reading) float64 { return float64(c.target(r).BitrateKbps) * 1000 }},
	{"hotseat_sidecar_target_framerate", "gauge", "Pictures a second that the encoder is asked for.", func(c Config, r Reading) float64 { return float64(c.target(r).Framerate) }},
	{"hotseat_sidecar_target_pixels", "gauge", "Pixels of a picture.", func(c Config, r Reading) float64 { t := c.target(r); return float64(t.Width * t.Height) }},
	{"hotseat_sidecar_fallback", "gauge", "1 when the wanted encoder is missing and another one works.", func(_ Config, r Reading) float64 { return truth(r.Fallback) }},
	{"go_goroutines", "gauge", "Goroutines.", func(Config, Reading) float64 { return float64(runtime.NumGoroutine()) }},
	{"process_resident_memory_bytes", "gauge", "Resident memory.", func(Config, Reading) float64 { return residentBytes() }},
}

// metrics writes all of them, of one reading.
func (r *Reporter) metrics() []byte {
	now := r.cfg.Read()
	var b bytes.Buffer
	for _, m := range all {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", m.name, m.help, m.name, m.kind,
			m.name, strconv.FormatFloat(m.read(r.cfg, now), 'g', -1, 64))
	}
	return b.Bytes()
}

// residentBytes is the second number of /proc/self/statm (proc(5)), 0 where there is none.
func residentBytes() float64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(raw)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(string(fields[1]), 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize())
}
