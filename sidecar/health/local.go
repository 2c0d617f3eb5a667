package health

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// startGrace is how long a broadcast may take to be on the air for the first time and still
// count as well: a probe that restarts what it finds unwell must not do so at once.
const startGrace = 15 * time.Second

// Handler serves what this machine may know: GET /healthz, the newest Report with 200 when it is
// well and 503 when not, and GET /metrics for Prometheus.
func (r *Reporter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		report := r.Last()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.Well() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(report) // whoever asked is gone
	})
	mux.Handle("GET /metrics", r.metrics())
	return mux
}

// Well says whether the broadcast is on the air, or has just begun to try.
func (r Report) Well() bool {
	return r.State == "live" || r.State == "connecting" && time.Duration(r.UptimeSeconds)*time.Second < startGrace
}

// Serve answers on a listener until ctx is done.
func (r *Reporter) Serve(ctx context.Context, l net.Listener) {
	server := &http.Server{
		Handler: r.Handler(), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(r.cfg.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		r.cfg.Log.Warn("health is not served on this machine any more", "reason", err)
	}
}
