package capture_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

// rtmpServer is mediamtx, which nobody of this project wrote.
type rtmpServer struct {
	URL string // to publish to and to play from

	t      testing.TB
	binary string
	config string
	cmd    *exec.Cmd // nil: killed
}

// serveRTMP starts mediamtx, or skips the test when the machine has none.
func serveRTMP(t testing.TB) *rtmpServer {
	t.Helper()
	binary := os.Getenv("HOTSEAT_MEDIAMTX")
	if binary == "" {
		t.Skip("set HOTSEAT_MEDIAMTX to a mediamtx binary (github.com/bluenviron/mediamtx) to run this")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	s := &rtmpServer{URL: "rtmp://" + address + "/live/" + streamKey, t: t, binary: binary, config: filepath.Join(t.TempDir(), "mediamtx.yml")}
	text := "logLevel: warn\nrtsp: no\nhls: no\nwebrtc: no\nsrt: no\nmoq: no\nrtmp: yes\nrtmpAddress: " + address + "\npaths:\n  all_others:\n"
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(s.kill)
	return s
}

const streamKey = "k3y-nobody-may-read"

func (s *rtmpServer) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, s.config)
	s.cmd.Dir = filepath.Dir(s.config)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start mediamtx: %v", err)
	}
	address := strings.Split(strings.TrimPrefix(s.URL, "rtmp://"), "/")[0]
	until(s.t, "mediamtx to listen", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (s *rtmpServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func TestRTMPPlaysFromAServerThatOthersWrote(t *testing.T) {
	server := serveRTMP(t)
	rig := newFlashes(t)
	cfg := rig.config()
	cfg.RTMP = capture.RTMP{URL: server.URL}
	l := newLogs()
	cfg.Log = slogOf(l)
	p := open(t, cfg)
	view(t, p) // WHIP's side is read at the same time
	until(t, "the server to take the stream", func() bool { return p.Stats().RTMP.State == capture.RTMPLive })

	// The server lets nobody watch before it has seen both tracks.
	var played capture.Played
	until(t, "the server to play the stream", func() bool {
		var err error
		played, err = capture.PlayRTMP(server.URL, 6*time.Second)
		return err == nil
	})
	if len(played.Units) < 100 {
		t.Fatalf("%d access units in 6 s", len(played.Units))
	}
	if !strings.Contains(played.Caps, "profile=(string)constrained-baseline") || !strings.Contains(played.Caps, "width=(int)320") || !strings.Contains(played.Caps, "height=(int)240") {
		t.Errorf("the server plays %s", played.Caps)
	}
	key, longest := -1, 0
	for i, u := range played.Units {
		if u.KeyFrame {
			if key >= 0 {
				longest = max(longest, i-key)
			}
			key = i
		}
		if i > 0 && u.RunningTime < played.Units[i-1].RunningTime {
			t.Errorf("unit %d is shown before the one before it: B-frames", i)
		}
	}
	if longest == 0 || longest > 60 {
		t.Errorf("key frames are up to %d pictures apart, want at most 60", longest)
	}
	step := played.Units[len(played.Units)-1].RunningTime - played.Units[0].RunningTime
	busy := skipped(p.Stats()) > 10 // then it says nothing of RTMP that some are missing
	if fps := float64(len(played.Units)-1) / step.Seconds(); (fps < 27 && !busy) || fps > 31 {
		t.Errorf("%.1f frames a second, want 30", fps)
	}
	p.Close()
	for len(l.ch) > 0 {
		if text := <-l.ch; strings.Contains(text, streamKey) {
			t.Errorf("a log line tells the stream key: %q", text)
		}
	}
	together(t, p, played)
}

func TestRTMPThatFailsDoesNotHurtTheRestAndComesBack(t *testing.T) {
	server := serveRTMP(t)
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	l := newLogs()
	cfg := small(display)
	cfg.RTMP, cfg.Log = capture.RTMP{URL: server.URL}, slogOf(l)
	server.kill()
	p := open(t, cfg)
	v := view(t, p)
	until(t, "the failure to be noticed", func() bool { return p.Stats().RTMP.State == capture.RTMPFailing })
	if said := p.Stats().RTMP.Error; said == "" || strings.Contains(said, streamKey) {
		t.Errorf("the failure says %q", said)
	}
	server.start()
	t.Logf("server started: on air after %v", until(t, "the connection", func() bool { return p.Stats().RTMP.State == capture.RTMPLive }))
	v.forget()
	server.kill()
	until(t, "the loss to be noticed", func() bool { return p.Stats().RTMP.State == capture.RTMPFailing })
	server.start()
	t.Logf("server killed and restarted: on air after %v", until(t, "the connection", func() bool { return p.Stats().RTMP.State == capture.RTMPLive }))
	_ = server.cmd.Process.Signal(syscall.SIGSTOP) // takes nothing, says nothing
	v.more(60)
	_ = server.cmd.Process.Signal(syscall.SIGCONT)
	v.unbroken("while the RTMP server came and went")
	for len(l.ch) > 0 {
		if text := <-l.ch; strings.Contains(text, streamKey) {
			t.Errorf("a log line tells the stream key: %q", text)
		}
	}
}

// The picture keeps its size, and whoever watches sees every change of bitrate and frame rate as one stream.
func TestAdaptationDoesNotInterruptRTMP(t *testing.T) {
	server := serveRTMP(t)
	rig := newFlashes(t)
	cfg := rig.config()
	cfg.RTMP = capture.RTMP{URL: server.URL}
	p := open(t, cfg)
	view(t, p)
	until(t, "the server to take the stream", func() bool { return p.Stats().RTMP.State == capture.RTMPLive })
	until(t, "the server to play the stream", func() bool {
		_, err := capture.PlayRTMP(server.URL, time.Second/2)
		return err == nil
	})
	adapting := make(chan struct{})
	go func() {
		defer close(adapting)
		for _, target := range []capture.Target{
			{BitrateKbps: 300}, {Framerate: 20}, {Width: 160, Height: 160}, {Framerate: 15}, {Framerate: 30, BitrateKbps: 1000, Width: 320, Height: 240},
		} {
			time.Sleep(1500 * time.Millisecond) // what is sent in between is looked at
			p.Adapt(target)
		}
	}()
	played, err := capture.PlayRTMP(server.URL, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	<-adapting
	if len(played.Sizes) != 1 || played.Sizes[[2]int{320, 240}] < 60 {
		t.Errorf("pictures by size: %v, want 320x240 alone", played.Sizes)
	}
	s := p.Stats()
	allowed := 300*time.Millisecond + time.Duration(skipped(s))*time.Second/30
	for i, u := range played.Units[1:] {
		if gap := u.RunningTime - played.Units[i].RunningTime; gap < 0 || gap > allowed {
			t.Errorf("after %d units there is a gap of %v", i+1, gap)
		}
	}
	if s.Adaptations < 3 || s.RTMP.Restarts != 0 || s.RTMP.State != capture.RTMPLive || s.Width != 320 {
		t.Errorf("in the end: %+v", s)
	}
	together(t, p, played)
}

// apart pairs each flash with the nearest beep and says how much later that is.
func apart(t *testing.T, flashes, beeps []time.Duration) (offsets []time.Duration) {
	t.Helper()
	for _, f := range flashes {
		nearest := time.Hour
		for _, b := range beeps {
			if (b - f).Abs() < nearest.Abs() {
				nearest = b - f
			}
		}
		if nearest.Abs() < 450*time.Millisecond { // the ends have only one of the two
			offsets = append(offsets, nearest.Round(time.Millisecond))
		}
	}
	if len(offsets) < 3 {
		t.Fatalf("%d flashes and %d beeps make %d pairs: %s", len(flashes), len(beeps), len(offsets), fmt.Sprint(flashes, beeps))
	}
	return offsets
}
