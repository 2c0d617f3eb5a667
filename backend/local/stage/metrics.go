package stage

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// StatsHandler answers GET with Stats as JSON. It names participants: mount it where only operators come.
func (s *Server) StatsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(s.Stats()) // the client is gone: nobody left to tell
	})
}

// MetricsHandler answers GET with metrics for Prometheus, from a registry of its own. Mount it where only
// operators come.
func (s *Server) MetricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Collector())
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Collector gives a Server's metrics to a registry. There is one row per stream, not per viewer: viewers are
// counted, because a label for each of thousands would outgrow any store.
func (s *Server) Collector() prometheus.Collector { return collector{s} }

type collector struct{ server *Server }

// measure is a metric and how to read it from an S.
type measure[S any] struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	read        func(S) float64
}

func gauge[S any](name, help string, labels []string, read func(S) float64) measure[S] {
	return measure[S]{prometheus.NewDesc("hotseat_stage_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

func counter[S any](name, help string, labels []string, read func(S) float64) measure[S] {
	return measure[S]{prometheus.NewDesc("hotseat_stage_"+name+"_total", help, labels, nil), prometheus.CounterValue, read}
}

var (
	ofLane   = []string{"lane"}
	ofFeed   = []string{"stage", "participant"}
	ofStream = []string{"stage", "participant", "kind"}

	serverMeasures = []measure[Stats]{
		gauge("joining", "Sessions between offer and connection.", nil, func(s Stats) float64 { return float64(s.Joining) }),
	}
	laneMeasures = []measure[LaneStats]{
		gauge("lane_subscribers", "Subscriber connections on the lane.", ofLane, func(l LaneStats) float64 { return float64(l.Subscribers) }),
		gauge("lane_queued_frames", "Frames that wait to be sent.", ofLane, func(l LaneStats) float64 { return float64(l.QueuedFrames) }),
		counter("lane_dropped_frames", "Frames dropped because the machine was too slow.", ofLane, func(l LaneStats) float64 { return float64(l.DroppedFrames) }),
		counter("lane_packets", "RTP packets sent over UDP.", ofLane, func(l LaneStats) float64 { return float64(l.Packets) }),
		counter("lane_datagrams", "Datagrams that the kernel took them as.", ofLane, func(l LaneStats) float64 { return float64(l.Datagrams) }),
		counter("lane_system_calls", "System calls for them.", ofLane, func(l LaneStats) float64 { return float64(l.SystemCalls) }),
		counter("lane_refused_packets", "Packets that the kernel refused.", ofLane, func(l LaneStats) float64 { return float64(l.Refused) }),
	}
	feedMeasures = []measure[FeedStats]{
		gauge("publishing", "1 while the participant publishes.", ofFeed, func(f FeedStats) float64 { return oneIf(f.Publishing) }),
		gauge("viewers", "Subscribers that are connected.", ofFeed, viewersThat(func(v ViewerStats) bool { return v.Connected })),
		gauge("viewers_waiting", "Subscribers that wait for a key frame.", ofFeed, viewersThat(func(v ViewerStats) bool { return v.Video.Waiting })),
		gauge("viewers_tcp", "Subscribers that receive over TCP.", ofFeed, viewersThat(func(v ViewerStats) bool { return v.Transport == "tcp" })),
	}
	streamMeasures = []measure[StreamStats]{
		counter("packets", "Packets from the publisher.", ofStream, func(s StreamStats) float64 { return float64(s.Packets) }),
		counter("bytes", "Payload from the publisher.", ofStream, func(s StreamStats) float64 { return float64(s.Bytes) }),
		counter("frames", "Frames from the publisher.", ofStream, func(s StreamStats) float64 { return float64(s.Frames) }),
		gauge("lost_packets", "Packets lost on the way from the publisher that there is.", ofStream, func(s StreamStats) float64 { return float64(s.Lost) }),
		counter("nacks", "Packets that subscribers reported missing.", ofStream, func(s StreamStats) float64 { return float64(s.NACKs) }),
		counter("resent_packets", "Packets sent again.", ofStream, func(s StreamStats) float64 { return float64(s.Resent) }),
		counter("key_frames", "Key frames from the publisher.", ofStream, func(s StreamStats) float64 { return float64(s.KeyFrames) }),
		counter("key_frame_requests", "Key frames asked of the publisher.", ofStream, func(s StreamStats) float64 { return float64(s.KeyFrameRequests) }),
		gauge("key_frame_age_seconds", "Since the newest key frame began.", ofStream, func(s StreamStats) float64 { return s.KeyFrameAge.Seconds() }),
		gauge("silent", "1 when it is published and nothing has come for a second: muted, or in trouble.", ofStream, func(s StreamStats) float64 { return oneIf(s.Silent) }),
		counter("viewer_drops", "Times that a subscriber was dropped to the next key frame.", ofStream, func(s StreamStats) float64 { return float64(s.ViewerDrops) }),
	}
)

// oneIf is a truth as Prometheus has it.
func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func viewersThat(fit func(ViewerStats) bool) func(FeedStats) float64 {
	return func(f FeedStats) float64 {
		n := 0
		for _, v := range f.Viewers {
			if fit(v) {
				n++
			}
		}
		return float64(n)
	}
}

func describe[S any](to chan<- *prometheus.Desc, all []measure[S]) {
	for _, m := range all {
		to <- m.description
	}
}

func collect[S any](to chan<- prometheus.Metric, all []measure[S], from S, labels ...string) {
	for _, m := range all {
		to <- prometheus.MustNewConstMetric(m.description, m.kind, m.read(from), labels...)
	}
}

// label makes a label's value of what tokens name: it has to be UTF-8.
func label(s string) string { return strings.ToValidUTF8(s, "?") }

// Describe is of prometheus.Collector.
func (collector) Describe(to chan<- *prometheus.Desc) {
	describe(to, serverMeasures)
	describe(to, laneMeasures)
	describe(to, feedMeasures)
	describe(to, streamMeasures)
}

// Collect is of prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	stats := c.server.Stats()
	collect(to, serverMeasures, stats)
	for i, l := range stats.Lanes {
		collect(to, laneMeasures, l, strconv.Itoa(i))
	}
	for _, stage := range stats.Stages {
		id := label(stage.ID)
		for _, feed := range stage.Feeds {
			participant := label(feed.Participant)
			collect(to, feedMeasures, feed, id, participant)
			collect(to, streamMeasures, feed.Video, id, participant, "video")
			collect(to, streamMeasures, feed.Audio, id, participant, "audio")
		}
	}
}
