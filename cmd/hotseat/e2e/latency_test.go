package e2e

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkLatency measures from the game's drawing to the viewer's screen, at 720p30 on loopback:
// the game stamps each frame with the time, the viewer's page reads it back when the frame is shown.
// One op is one run of the demo; -benchtime 3x takes three, since the phase between the game's clock
// and the capture's is luck of the start.
func BenchmarkLatency(b *testing.B) {
	var all []int64
	for range b.N {
		d := startDemo(b)
		address := d.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
		passwords := signIns(b, d.data)
		driver := startBrowser(b)
		driver.signIn("viewer", address, "viewer@ivs.rocks", passwords["viewer@ivs.rocks"], 1280, 800)
		driver.enter("viewer")
		until(b, "a picture", 20*time.Second, func() bool { return driver.code("viewer") != nil })
		_ = driver.do("viewer", "latency", args{"seconds": 3}) // the browser's buffers settle
		var ages []int64
		if err := json.Unmarshal(driver.do("viewer", "latency", args{"seconds": 12}), &ages); err != nil {
			b.Fatal(err)
		}
		slices.Sort(ages)
		b.Logf("%d frames: p50 %d ms, p95 %d ms", len(ages), at(ages, 50), at(ages, 95))
		all = append(all, ages...)
		d.signal(syscall.SIGTERM)
		d.wait(30 * time.Second)
	}
	slices.Sort(all)
	b.ReportMetric(float64(at(all, 50)), "p50-ms")
	b.ReportMetric(float64(at(all, 95)), "p95-ms")
	b.ReportMetric(0, "ns/op") // how long the demo takes to start and end is not what is measured
}

func at(sorted []int64, percent int) int64 {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
