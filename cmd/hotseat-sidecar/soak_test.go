package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"hotseat/sidecar/testscreen"
)

const (
	// soakEvery is the time from one line of the table to the next.
	soakEvery = 30 * time.Second
	// soakListen is how long the reader records for each line.
	soakListen = 8 * time.Second
	// soakWarm is how much of the run is left out of slopes: heaps and caches grow to their size first.
	soakWarm = 3 * time.Minute
	// What a broadcast that can be left alone for a day may do in the whole run.
	soakDrift  = 20 * time.Millisecond
	soakMemory = 16 << 20 // bytes, both processes, from the first quarter to the last
	soakCount  = 4        // file handles and goroutines
)

// soakLine is one sample of the run.
type soakLine struct {
	at                 time.Duration
	supervisor, worker int // resident bytes
	handles            int // of both
	goroutines         int // of the worker
	threads            int // of both
	fps, kbps          float64
	apart              time.Duration // sound behind picture, median
	pairs              int           // flashes and beeps that apart is made of
}

// TestSoak broadcasts the demo game at 720p30 with sound to the local stage for HOTSEAT_SOAK, prints a
// line each half minute, and fails when memory, handles, goroutines or the distance of sound and
// picture do not stay where they are. A run of less than ten minutes proves little.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("HOTSEAT_SOAK"))
	if err != nil {
		t.Skip("set HOTSEAT_SOAK to a length such as 20m or 2h (task soak)")
	}
	launcher, err := exec.LookPath("gst-launch-1.0")
	if err != nil {
		t.Fatal("gst-launch-1.0 is missing: apt-get install gstreamer1.0-tools")
	}
	stage := startLocalStage(t)
	display, sound := testscreen.Start(t, 1280, 720), testscreen.ServeSound(t)
	playDemoGame(t, display)
	testscreen.Flash(t, display, sound, 1280-64, 720-64, 64, 64)
	p := start(t, map[string]string{
		"DISPLAY": display, "PULSE_SERVER": sound.Address, "HOTSEAT_AUDIO_DEVICE": testscreen.PipeSource,
		"IVS_STAGE_TOKEN": stage.token("game", true), "IVS_WHIP_ENDPOINT": stage.url,
		"HOTSEAT_LOG_FORMAT": "json", "HOTSEAT_HEALTH_ADDR": "127.0.0.1:0",
	})
	reader := stage.watch(t, "game", 1280-32, 720-32, launcher)
	address := regexp.MustCompile(`"metrics":"([^"]+)"`)
	until(t, "the address of the metrics", func() bool { return address.MatchString(p.output()) })
	metrics := address.FindStringSubmatch(p.output())[1]
	worker := p.worker()

	var lines []soakLine
	fmt.Println("     at  sup MB  wrk MB  handles  goroutines  threads   fps   kbit/s  sound behind picture")
	began := time.Now()
	frames, bytes, counted := 0.0, 0.0, time.Time{}
	for time.Since(began) < length {
		offsets, err := reader.offsets(soakListen)
		if err != nil {
			t.Fatal(err)
		}
		values := scrape(t, metrics)
		l := soakLine{
			at: time.Since(began), supervisor: resident(p.cmd.Process.Pid), worker: resident(worker),
			handles:    handles(p.cmd.Process.Pid) + handles(worker),
			goroutines: int(values["go_goroutines"]), threads: threads(p.cmd.Process.Pid) + threads(worker),
			pairs: len(offsets),
		}
		if len(offsets) > 0 {
			slices.Sort(offsets)
			l.apart = offsets[len(offsets)/2]
		}
		if passed := time.Since(counted).Seconds(); !counted.IsZero() {
			l.fps = (values["hotseat_sidecar_frames_total"] - frames) / passed
			l.kbps = (values["hotseat_sidecar_video_bytes_total"] - bytes) * 8 / 1000 / passed
		}
		frames, bytes, counted = values["hotseat_sidecar_frames_total"], values["hotseat_sidecar_video_bytes_total"], time.Now()
		fmt.Printf("%7s %7.1f %7.1f %8d %11d %8d %5.1f %8.0f  %v (%d)\n", l.at.Round(time.Second), mb(l.supervisor), mb(l.worker),
			l.handles, l.goroutines, l.threads, l.fps, l.kbps, l.apart.Round(100*time.Microsecond), l.pairs)
		lines = append(lines, l)
		if p.worker() != worker {
			t.Fatal("the broadcast was started anew")
		}
		<-time.After(min(time.Until(began.Add(time.Duration(len(lines))*soakEvery)), time.Until(began.Add(length))))
	}
	judge(t, lines)
	if t.Failed() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// judge compares the last quarter of a run with the first after warming up.
func judge(t *testing.T, lines []soakLine) {
	t.Helper()
	warm := slices.DeleteFunc(slices.Clone(lines), func(l soakLine) bool { return l.at < soakWarm })
	if len(warm) < 8 {
		t.Logf("too short to judge: %d lines after warming up", len(warm))
		return
	}
	for _, m := range []struct {
		name  string
		unit  string
		limit float64 // of the difference
		of    func(soakLine) float64
	}{
		{"resident memory", "bytes", soakMemory, func(l soakLine) float64 { return float64(l.supervisor + l.worker) }},
		{"file handles", "", soakCount, func(l soakLine) float64 { return float64(l.handles) }},
		{"goroutines", "", soakCount, func(l soakLine) float64 { return float64(l.goroutines) }},
		{"sound behind picture", "ms", soakDrift.Seconds() * 1000, func(l soakLine) float64 { return l.apart.Seconds() * 1000 }},
	} {
		var values []float64
		var at []float64
		for _, l := range warm {
			if m.unit == "ms" && l.pairs == 0 { // this machine was too busy for a flash in time
				continue
			}
			values, at = append(values, m.of(l)), append(at, l.at.Hours())
		}
		quarter := max(1, len(values)/4)
		first, last := middle(values[:quarter]), middle(values[len(values)-quarter:])
		fmt.Printf("%s: %.1f %s in the first quarter, %.1f in the last; slope %.1f %s an hour\n", m.name, first, m.unit, last, slope(at, values), m.unit)
		if d := math.Abs(last - first); d > m.limit && (m.unit == "ms" || last > first) {
			t.Errorf("%s went from %.1f to %.1f %s: more than %.0f", m.name, first, last, m.unit, m.limit)
		}
	}
}

func middle(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// slope is that of the straight line that fits best (least squares).
func slope(x, y []float64) float64 {
	n, sx, sy, sxx, sxy := float64(len(x)), 0.0, 0.0, 0.0, 0.0
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

func mb(bytes int) float64 { return float64(bytes) / (1 << 20) }

// scrape reads the metrics that have no labels.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] != "#" {
			values[f[0]], _ = strconv.ParseFloat(f[1], 64)
		}
	}
	return values
}

// resident is VmRSS of proc(5), in bytes.
func resident(pid int) int { return status(pid, "VmRSS:") << 10 }

func threads(pid int) int { return status(pid, "Threads:") }

func status(pid int, name string) int {
	for line := range strings.Lines(read("status", pid)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.Atoi(strings.Fields(v)[0])
			return n
		}
	}
	return 0
}

func handles(pid int) int {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open)
}

// buildDemoGame builds the bundled game.
func buildDemoGame(t *testing.T, program string) {
	t.Helper()
	build := exec.Command("go", "build", "-o", program, "hotseat/cmd/hotseat-demo-game")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the game: %v\n%s", err, out)
	}
}

// playDemoGame runs the bundled game until the test ends.
func playDemoGame(t *testing.T, display string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hotseat-demo-game")
	buildDemoGame(t, program)
	game := exec.Command(program)
	game.Env = append(os.Environ(), "DISPLAY="+display, "HOME="+t.TempDir())
	runUntilTheEnd(t, game)
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	until(t, "the game's window", func() bool {
		tree, err := xproto.QueryTree(conn, xproto.Setup(conn).DefaultScreen(conn).Root).Reply()
		return err == nil && len(tree.Children) > 0
	})
}
