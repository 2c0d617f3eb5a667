package sshconsole

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// screen is a terminal of tmux with `ssh` in it.
type screen struct {
	t      testing.TB
	socket string
}

func (p *place) screen(who string, width, height int) *screen {
	p.t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		p.t.Fatalf("%v: the package tmux has it", err)
	}
	s := &screen{t: p.t, socket: filepath.Join(p.t.TempDir(), "tmux")}
	// Quoted for the shell that tmux starts; the paths of tests have no quotation marks.
	command := "ssh -tt '" + strings.Join(p.options(who), "' '") + "'; echo ended with $?; read -r _"
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), command)
	p.t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	return s
}

func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return string(out)
}

func (s *screen) press(keys ...string) { s.tmux(append([]string{"send-keys"}, keys...)...) }

// shows waits until all of the texts are on the screen.
func (s *screen) shows(texts ...string) string {
	s.t.Helper()
	return s.until(fmt.Sprintf("%q", texts), func(text string) bool {
		for _, want := range texts {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
}

func (s *screen) until(what string, ok func(text string) bool) string {
	s.t.Helper()
	var text string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text = s.tmux("capture-pane", "-p"); ok(text) {
			return text
		}
	}
	s.t.Fatalf("not on the screen: %s\n%s", what, text)
	return ""
}

// widest is the length of the longest line in cells, as far as the console draws single ones.
func widest(text string) int {
	most := 0
	for line := range strings.Lines(text) {
		most = max(most, len([]rune(strings.TrimRight(line, "\n"))))
	}
	return most
}

func TestTheScreenOverSSHAppearsFollowsTheWindowAndIsGivenBack(t *testing.T) {
	p := newPlace(t, nil)
	p.backend.Session("Hotseat Runner")
	s := p.screen("qa-lead", 120, 40)
	s.shows("Hotseat Runner", "Night qa-lead")
	s.until("something in the last columns", func(text string) bool { return widest(text) > 100 })
	s.tmux("resize-window", "-x", "64", "-y", "20")
	s.until("nothing beyond 64 columns", func(text string) bool {
		return widest(text) <= 64 && widest(text) > 50 && strings.Contains(text, "Hotseat Runner")
	})
	s.press("q")
	s.shows("ended with 0")
}

func TestAServerThatEndsGivesTheTerminalsBack(t *testing.T) {
	p := newPlace(t, nil)
	p.backend.Session("Hotseat Runner")
	s := p.screen("qa-lead", 100, 30)
	s.shows("Hotseat Runner")
	if mode := strings.TrimSpace(s.tmux("display-message", "-p", "#{alternate_on}")); mode != "1" {
		t.Errorf("alternate screen %s while the console is open", mode)
	}
	p.stop()
	s.shows("ended with")
	if mode := strings.TrimSpace(s.tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}")); mode != "0 0 1" {
		t.Errorf("alternate screen, mouse and cursor are %s afterwards", mode)
	}
}

// BenchmarkBytesOverSSHWithThePicture measures what one console costs the line, with heartbeat and a
// moving picture every second as a sidecar sends them: seconds × KB/s in the metric.
func BenchmarkBytesOverSSHWithThePicture(b *testing.B) {
	p := newPlace(b, nil)
	var written atomic.Int64
	p.port = counting(b, p.port, &written)
	session := p.backend.Session("Hotseat Runner")
	sidecar := auth.Identity{Person: playtest.Person{ID: "sidecar-" + session, Name: "sidecar", Role: playtest.RoleSidecar}, Session: session, TokenUse: auth.UseMachine}
	s := p.screen("qa-lead", 160, 50)
	s.shows("Hotseat Runner")
	s.press("Enter")
	const rounds = 20
	for range b.N {
		before := written.Load()
		began := time.Now()
		for n := range rounds {
			_ = p.backend.Live(session, sidecar, map[string]any{"action": playtest.ActionSidecarHealth, "state": "live", "fps": 29.5 + float64(n%3)/4, "bitrateKbps": 2900 + n, "encodeMs": 4.2, "encoder": "x264", "width": 1280, "height": 720, "framerate": 30})
			_ = p.backend.Live(session, sidecar, map[string]any{"action": playtest.ActionThumbnail, "jpeg": noise(n), "width": 320, "height": 180})
			time.Sleep(time.Second)
		}
		b.ReportMetric(float64(written.Load()-before)/time.Since(began).Seconds()/1000, "KB/s")
	}
}

// counting is a port that leads to another one and counts what comes from there.
func counting(t testing.TB, to string, bytes *atomic.Int64) (port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", "127.0.0.1:"+to)
			if err != nil {
				_ = near.Close()
				return
			}
			go func() {
				_, _ = io.Copy(far, near)
				_ = far.Close()
			}()
			go func() {
				_, _ = io.Copy(io.MultiWriter(near, counter{bytes}), far)
				_ = near.Close()
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}

type counter struct{ bytes *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

// noise is a picture in which everything moves: the worst that a game can do to half blocks.
func noise(n int) string {
	img := image.NewRGBA(image.Rect(0, 0, 320, 180))
	for y := range 180 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x + 16*n), uint8(y*2 + 32*n), uint8((x + y) / 2 * n), 255})
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, img, &jpeg.Options{Quality: 60})
	return base64.StdEncoding.EncodeToString(out.Bytes())
}
