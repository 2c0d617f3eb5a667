package health

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metric is a number of one Reading, without labels: a sidecar has one broadcast.
type metric struct {
	name string
	kind prometheus.ValueType
	help string
	read func(Config, Reading) float64
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// all are the metrics, in base units (Prometheus, "Metric and label naming").
var all = []metric{
	{"hotseat_sidecar_live", prometheus.GaugeValue, "1 while the stage has the broadcast.", func(_ Config, r Reading) float64 { return truth(r.State == "live") }},
	{"hotseat_sidecar_frames_total", prometheus.CounterValue, "Pictures encoded.", func(_ Config, r Reading) float64 { return float64(r.Frames) }},
	{"hotseat_sidecar_frames_dropped_total", prometheus.CounterValue, "Pictures encoded and not sent.", func(_ Config, r Reading) float64 { return float64(r.Dropped) }},
	{"hotseat_sidecar_video_bytes_total", prometheus.CounterValue, "Bytes of video encoded.", func(_ Config, r Reading) float64 { return float64(r.Bytes) }},
	{"hotseat_sidecar_restarts_total", prometheus.CounterValue, "Times that the broadcast was on the air again.", func(_ Config, r Reading) float64 { return float64(r.Restarts) }},
	{"hotseat_sidecar_encode_seconds", prometheus.GaugeValue, "Mean time from picture to access unit.", func(_ Config, r Reading) float64 { return r.Encode.Seconds() }},
	{"hotseat_sidecar_rtt_seconds", prometheus.GaugeValue, "Round trip to the stage.", func(_ Config, r Reading) float64 { return r.RTTMs / 1000 }},
	{"hotseat_sidecar_loss_ratio", prometheus.GaugeValue, "Packets lost on the way to the stage.", func(_ Config, r Reading) float64 { return r.Loss / 100 }},
	{"hotseat_sidecar_estimate_bits_per_second", prometheus.GaugeValue, "What the network carries; 0: not known.", func(_ Config, r Reading) float64 { return float64(r.EstimateKbps) * 1000 }},
	{"hotseat_sidecar_target_bits_per_second", prometheus.GaugeValue, "What the encoder is asked for.", func(c Config, r Reading) float64 { return float64(c.target(r).BitrateKbps) * 1000 }},
	{"hotseat_sidecar_target_framerate", prometheus.GaugeValue, "Pictures a second that the encoder is asked for.", func(c Config, r Reading) float64 { return float64(c.target(r).Framerate) }},
	{"hotseat_sidecar_target_pixels", prometheus.GaugeValue, "Pixels of a picture.", func(c Config, r Reading) float64 { t := c.target(r); return float64(t.Width * t.Height) }},
	{"hotseat_sidecar_fallback", prometheus.GaugeValue, "1 when the wanted encoder is missing and another one works.", func(_ Config, r Reading) float64 { return truth(r.Fallback) }},
}

// collector makes all metrics of one Reading each time that somebody asks.
type collector struct {
	cfg   Config
	descs []*prometheus.Desc // as all
}

func newCollector(cfg Config) *collector {
	c := &collector{cfg: cfg}
	for _, m := range all {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, nil, nil))
	}
	return c
}

// Describe is of prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	now := c.cfg.Read()
	for i, m := range all {
		to <- prometheus.MustNewConstMetric(c.descs[i], m.kind, m.read(c.cfg, now))
	}
}

// metrics serves the broadcast's numbers, and those of Go and of the process: goroutines, memory, open
// files, processor time.
func (r *Reporter) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(r.cfg), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(r.cfg.Log.Handler(), slog.LevelWarn)})
}
