package capture_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

// costTime is how long each side of a row is measured.
const costTime = 10 * time.Second

// BenchmarkSidecarCost measures what the capture takes of the processors, with sound, against
// gst-launch-1.0 with the same elements and settings in the same run, and what it does to the frame time
// of a game that draws at the same rate.
//
//	go test -run - -bench SidecarCost -benchtime 1x ./sidecar/capture
func BenchmarkSidecarCost(b *testing.B) {
	launcher, err := exec.LookPath("gst-launch-1.0")
	if err != nil {
		b.Fatal("gst-launch-1.0 is missing: apt-get install gstreamer1.0-tools")
	}
	for _, row := range []struct {
		name          string
		width, height int // of the display
		fps           int
		cfg           capture.Config
	}{
		{"720p30", 1280, 720, 30, capture.Config{}},
		{"720p30/thumbnails", 1280, 720, 30, capture.Config{ThumbnailInterval: 2 * time.Second}},
		{"720p60", 1280, 720, 60, capture.Config{}},
		{"1080p30to720p", 1920, 1080, 30, capture.Config{}},
	} {
		b.Run(row.name, func(b *testing.B) {
			cfg := row.cfg
			cfg.Display = testscreen.Start(b, row.width, row.height)
			cfg.Width, cfg.Height, cfg.Framerate = 1280, 720, row.fps
			cfg.Audio, cfg.PulseServer, cfg.Endure = true, testscreen.Sound(b), true

			game := testscreen.StartGame(b, cfg.Display, row.fps)
			time.Sleep(costTime / 2) // the game alone
			alone := game.Stop()

			for b.Loop() {
				game = testscreen.StartGame(b, cfg.Display, row.fps)
				launched := launchCost(b, launcher, cfg)
				game.Stop()

				game = testscreen.StartGame(b, cfg.Display, row.fps)
				p := open(b, cfg)
				read := func(until time.Time) {
					for time.Now().Before(until) {
						select {
						case <-p.Video():
						case <-p.Audio():
						case <-p.Thumbnails():
						case err := <-p.Err():
							b.Fatal(err)
						}
					}
				}
				read(time.Now().Add(2 * time.Second))
				frames, cpu, start := p.Stats().Frames, cpuTime(), time.Now()
				read(start.Add(costTime))
				used, elapsed, stats := cpuTime()-cpu, time.Since(start).Seconds(), p.Stats()
				ours := used.Seconds() / float64(stats.Frames-frames)
				p.Close()
				with := game.Stop()

				b.ReportMetric(used.Seconds()/elapsed, "cores")
				b.ReportMetric(ours*1000, "cpu-ms/frame")
				b.ReportMetric(launched*1000, "gst-launch-cpu-ms/frame")
				b.ReportMetric(ours/launched, "ratio")
				b.ReportMetric(float64(stats.Frames-frames)/elapsed, "fps")
				b.ReportMetric(float64(stats.EncodeTime.Microseconds())/1000, "encode-ms")
				b.ReportMetric(ms(alone.P50), "game-alone-p50-ms")
				b.ReportMetric(ms(alone.P95), "game-alone-p95-ms")
				b.ReportMetric(ms(with.P50), "game-with-p50-ms")
				b.ReportMetric(ms(with.P95), "game-with-p95-ms")
			}
			b.ReportMetric(0, "ns/op") // says nothing: the pace is the frame rate
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// launchCost runs the pipeline that people write by hand and says how much CPU it takes a frame: on a
// busy machine it makes fewer than it should. Starting up is in it, some hundredths of a second of ten.
func launchCost(b *testing.B, launcher string, cfg capture.Config) (seconds float64) {
	b.Helper()
	file := b.TempDir() + "/video.h264"
	line := fmt.Sprintf("ximagesrc display-name=%s use-damage=false show-pointer=false ! video/x-raw,framerate=%d/1"+
		" ! videoconvert ! video/x-raw,format=I420 ! videoscale ! video/x-raw,width=%d,height=%d,pixel-aspect-ratio=1/1"+
		" ! x264enc tune=zerolatency bframes=0 speed-preset=%s option-string=deblock=0,0 bitrate=4000 key-int-max=%d vbv-buf-capacity=200 threads=1"+
		" ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au ! filesink location=%s sync=false async=false"+
		" pulsesrc server=%s device=game.monitor latency-time=20000 buffer-time=1000000 provide-clock=false do-timestamp=true"+
		" ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=2 ! queue"+
		" ! opusenc frame-size=20 complexity=5 bitrate=96000 audio-type=restricted-lowdelay ! fakesink sync=false async=false",
		cfg.Display, cfg.Framerate, cfg.Width, cfg.Height, capture.DefaultPreset, 2*cfg.Framerate, file, cfg.PulseServer)
	cmd := exec.Command(launcher, append([]string{"-q"}, strings.Fields(line)...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	time.Sleep(costTime)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	made, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	frames := 0
	for _, kind := range nalTypes(made) {
		if kind == 1 || kind == nalIDR { // one slice a picture
			frames++
		}
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / float64(max(1, frames))
}
