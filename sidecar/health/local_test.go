package health_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotseat/sidecar/health"
)

func TestThisMachineCanAskHowTheBroadcastIs(t *testing.T) {
	var state atomic.Value
	state.Store("connecting")
	r := health.New(health.Config{Width: 1280, Height: 720, Framerate: 30, BitrateKbps: 4000, Read: func() health.Reading {
		return health.Reading{State: state.Load().(string), Error: "why", Frames: 7, Restarts: 2, Loss: 1.5, RTTMs: 20}
	}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served, reported := make(chan struct{}), make(chan struct{})
	go func() { r.Serve(ctx, l); close(served) }()
	go func() { r.Run(ctx); close(reported) }()
	defer func() { cancel(); <-served; <-reported }()

	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	until := func(want string, status int) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			code, body := get("/healthz")
			var report health.Report
			if json.Unmarshal([]byte(body), &report) == nil && report.State == want && code == status {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("status %d, %s; want %d %s", code, body, status, want)
			}
		}
	}
	until("connecting", http.StatusOK) // for a start
	state.Store("live")
	until("live", http.StatusOK)
	state.Store("failing")
	until("failing", http.StatusServiceUnavailable)

	code, body := get("/metrics")
	for _, want := range []string{
		"hotseat_sidecar_live 0", "hotseat_sidecar_frames_total 7", "hotseat_sidecar_restarts_total 2", "hotseat_sidecar_loss_ratio 0.015",
		"hotseat_sidecar_rtt_seconds 0.02", "hotseat_sidecar_target_bits_per_second 4e+06", "process_resident_memory_bytes", "process_open_fds", "go_goroutines",
	} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	if code, _ := get("/"); code != http.StatusNotFound {
		t.Errorf("the root answers %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestHealthIsALineOfTheLogNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := health.New(health.Config{Read: func() health.Reading { return health.Reading{State: "live", Frames: 5} },
			LogEvery: 10 * time.Second, Log: slog.New(slog.NewJSONHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		time.Sleep(35 * time.Second)
		cancel()
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines in 35 s:\n%s", len(lines), log.String())
		}
		var line struct {
			Msg    string
			Report health.Report
		}
		if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || line.Msg != "health" || line.Report.State != "live" {
			t.Errorf("%v: %s", err, lines[0])
		}
	})
}
