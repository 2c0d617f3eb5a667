package capture_test

import (
	"cmp"
	"slices"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

// BenchmarkDrawnToAccessUnit measures, for one access unit after the other, how long it takes
// from the game's drawing to the access unit, read back from the decoded picture, and what
// the capture costs (the painter and the test included). "phase" is the time between the
// start of the game and ours in ms, which is chance in real life.
//
//	go test -run - -bench . -benchtime 150x ./sidecar/capture
func BenchmarkDrawnToAccessUnit(b *testing.B) {
	for _, row := range []struct {
		name  string
		game  int // pictures a second that the game draws
		phase time.Duration
		cfg   capture.Config
	}{
		{"free/game=30/phase=0", 30, 0, capture.Config{FreeRunning: true}},
		{"free/game=30/phase=8", 30, 8, capture.Config{FreeRunning: true}},
		{"free/game=30/phase=16", 30, 16, capture.Config{FreeRunning: true}},
		{"free/game=30/phase=24", 30, 24, capture.Config{FreeRunning: true}},
		{"locked/game=30/phase=0", 30, 0, capture.Config{}},
		{"locked/game=30/phase=8", 30, 8, capture.Config{}},
		{"locked/game=30/phase=16", 30, 16, capture.Config{}},
		{"locked/game=30/phase=24", 30, 24, capture.Config{}},
		{"free/game=60/phase=8", 60, 8, capture.Config{FreeRunning: true}},
		{"locked/game=60/phase=8", 60, 8, capture.Config{}},
		{"locked/game=30/thumbnails", 30, 8, capture.Config{ThumbnailInterval: time.Second}},
		{"locked/game=30/ultrafast", 30, 8, capture.Config{Preset: "ultrafast"}},
		{"locked/game=60/ultrafast60", 60, 8, capture.Config{Preset: "ultrafast", Framerate: 60}},
	} {
		b.Run(row.name, func(b *testing.B) {
			cfg := row.cfg
			cfg.Display, cfg.BitrateKbps = testscreen.Start(b, 1280, 720), 3000
			testscreen.Paint(b, cfg.Display, row.game)
			time.Sleep(row.phase * time.Millisecond)
			p := open(b, cfg)

			var units [][]byte
			var came []time.Time
			read := func() {
				s := next(b, p, p.Video(), "access unit")
				units, came = append(units, s.Data), append(came, time.Now())
			}
			for range 60 { // the lock settles
				read()
			}
			from := len(units)
			cpu, start := cpuTime(), time.Now()
			for b.Loop() {
				read()
			}
			cores := (cpuTime() - cpu).Seconds() / time.Since(start).Seconds()
			p.Close()

			pictures := decodeAll(b, units)
			if len(pictures) != len(units) {
				b.Fatalf("%d pictures from %d access units", len(pictures), len(units))
			}
			var ages []time.Duration
			for i := from; i < len(pictures); i++ {
				if at, ok := testscreen.ReadCode(pictures[i].Luma, pictures[i].Width); ok {
					ages = append(ages, came[i].Sub(at))
				}
			}
			if len(ages) == 0 {
				b.Fatal("no time code could be read")
			}
			slices.SortFunc(ages, cmp.Compare[time.Duration])
			ms := func(q float64) float64 { return ages[int(q*float64(len(ages)-1))].Seconds() * 1000 }
			b.ReportMetric(0, "ns/op") // says nothing: the pace is the frame rate
			b.ReportMetric(ms(.5), "p50-ms")
			b.ReportMetric(ms(.95), "p95-ms")
			b.ReportMetric(cores, "cores")
		})
	}
}

// cpuTime is what this process has used, the painter included.
func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
