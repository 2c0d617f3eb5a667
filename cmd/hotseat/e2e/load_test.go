package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ticksPerSecond is the unit of the times in /proc (sysconf(_SC_CLK_TCK)); Linux has shown 100 to
// programs for decades.
const ticksPerSecond = 100

// used is the processor time of every live process of a family by name, in seconds.
func (f *family) used() map[string]float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := map[string]float64{}
	for p := range f.seen {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		times[p.command] += (user + system) / ticksPerSecond
	}
	return times
}

// BenchmarkLoad measures what a demo at 720p30 takes of the processors, by program, with a player's
// and a viewer's page in Chromium. The figures are cores.
func BenchmarkLoad(b *testing.B) {
	const span = 15 * time.Second
	for range b.N {
		d := startDemo(b)
		everything := watchFamily(b, os.Getpid()) // the demo and the browser
		address := d.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
		passwords := signIns(b, d.data)
		driver := startBrowser(b)
		driver.signIn("player", address, "player@ivs.rocks", passwords["player@ivs.rocks"], 1280, 800)
		driver.enter("player")
		driver.do("player", "click", args{"on": "seat-request"})
		driver.do("player", "wait", args{"on": "seat-release", "timeout": 20_000})
		driver.signIn("viewer", address, "viewer@ivs.rocks", passwords["viewer@ivs.rocks"], 1280, 800)
		driver.enter("viewer")
		until(b, "a picture", 20*time.Second, func() bool { return driver.code("viewer") != nil })
		before, begun := everything.used(), time.Now()
		time.Sleep(span) // the measurement itself
		seconds, after := time.Since(begun).Seconds(), everything.used()
		total := 0.0
		for _, name := range slices.Sorted(maps.Keys(after)) {
			cores := (after[name] - before[name]) / seconds
			total += cores
			if cores >= 0.005 {
				b.ReportMetric(cores, name+"-cores")
			}
		}
		b.ReportMetric(total, "total-cores")
		b.ReportMetric(0, "ns/op")
		close(everything.stop)
		<-everything.done
		d.signal(syscall.SIGTERM)
		d.wait(30 * time.Second)
	}
}
