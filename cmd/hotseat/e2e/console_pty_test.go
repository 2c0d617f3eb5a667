package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// glass is a console in a pseudo terminal that notes what is written to it, and when.
type glass struct {
	tb      testing.TB
	cmd     *exec.Cmd
	file    *os.File
	started time.Time
	width   int
	height  int
	news    chan struct{} // a hint: something was written
	over    chan struct{} // closed when nothing more is written

	mu   sync.Mutex // protects what follows
	film []shot
}

// shot is what one read of the terminal brought.
type shot struct {
	at   time.Time
	data []byte
}

// Answers of a terminal that draws a frame at once (DEC private mode 2026): the program asks whether it does,
// and then begins and ends each frame.
const (
	askSync    = "\x1b[?2026$p"
	haveSync   = "\x1b[?2026;2$y"
	frameBegin = "\x1b[?2026h"
	frameEnd   = "\x1b[?2026l"
)

// desk is a person's machine: a configuration folder in which they are signed in.
func desk(tb testing.TB, k *talkProcess) []string {
	tb.Helper()
	env := append(os.Environ(), "XDG_CONFIG_HOME="+tb.TempDir(), "TERM=xterm-256color", "COLORTERM=truecolor", "TERM_PROGRAM=e2e")
	login := exec.Command(hotseat(tb), "login", "--server", k.URL, "--email", k.Email)
	login.Env = append(env, "HOTSEAT_PASSWORD="+k.Password)
	if out, err := login.CombinedOutput(); err != nil {
		tb.Fatalf("hotseat login: %v: %s", err, out)
	}
	return env
}

// openGlass starts the console in a terminal of its own. It ends with the test at the latest.
func openGlass(tb testing.TB, env []string, width, height int, args ...string) *glass {
	tb.Helper()
	g := &glass{tb: tb, cmd: exec.Command(hotseat(tb), append([]string{"console"}, args...)...), width: width, height: height, news: make(chan struct{}, 1), over: make(chan struct{})}
	g.cmd.Env = env
	var err error
	g.started = time.Now()
	if g.file, err = pty.StartWithSize(g.cmd, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		tb.Fatal(err)
	}
	go g.watch()
	tb.Cleanup(func() { g.leave() })
	return g
}

func (g *glass) watch() {
	defer close(g.over)
	buffer := make([]byte, 1<<20)
	for {
		n, err := g.file.Read(buffer)
		if n > 0 {
			s := shot{time.Now(), bytes.Clone(buffer[:n])}
			if bytes.Contains(s.data, []byte(askSync)) {
				g.press(haveSync)
			}
			g.mu.Lock()
			g.film = append(g.film, s)
			g.mu.Unlock()
			select {
			case g.news <- struct{}{}:
			default:
			}
		}
		if err != nil { // EIO when the console is gone
			return
		}
	}
}

func (g *glass) press(keys string) {
	if _, err := io.WriteString(g.file, keys); err != nil {
		g.tb.Errorf("typing: %v", err)
	}
}

// leave ends the console as a person does, or for good.
func (g *glass) leave() {
	select {
	case <-g.over:
		return
	default:
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = g.cmd.Process.Kill() })
	defer kill.Stop()
	_ = g.cmd.Wait()
	<-g.over
	_ = g.file.Close()
}

// taken is everything that was written until now.
func (g *glass) taken() []shot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.film[:len(g.film):len(g.film)]
}

// await waits until the screen shows a text, and returns when that was written.
func (g *glass) await(text string, within time.Duration) time.Time {
	g.tb.Helper()
	p := newProjector(g.width, g.height)
	defer p.close()
	next := 0
	for deadline := time.After(within); ; {
		film := g.taken()
		for ; next < len(film); next++ {
			if p.show(film[next]); strings.Contains(p.screen(), text) {
				return film[next].at
			}
		}
		select {
		case <-g.news:
		case <-g.over:
			g.tb.Fatalf("the console ended before it showed %q:\n%s", text, p.screen())
		case <-deadline:
			g.tb.Fatalf("the console does not show %q within %s:\n%s", text, within, p.screen())
		}
	}
}

// projector shows a film in a terminal emulator.
type projector struct {
	emulator *vt.Emulator
}

func newProjector(width, height int) *projector {
	p := &projector{vt.NewEmulator(width, height)}
	go func() { _, _ = io.Copy(io.Discard, p.emulator) }() // its answers
	return p
}

func (p *projector) close() { _ = p.emulator.InputPipe().(io.Closer).Close() }

func (p *projector) show(s shot) { _, _ = p.emulator.Write(s.data) }

func (p *projector) screen() string { return p.emulator.String() }

// memory is what the kernel tells of a process's memory in MiB: resident now, and at most so far.
func (g *glass) memory() (now, peak float64) {
	g.tb.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		g.tb.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			now = kib / 1024
		case "VmHWM":
			peak = kib / 1024
		}
	}
	return now, peak
}

// processor is the time that the console's threads have had, and have waited for because other programs had it,
// to the nanosecond: the first two figures of /proc/PID/task/TID/schedstat
// (Documentation/scheduler/sched-stats.rst). A thread that ended takes its time with it, which Go's seldom do.
func (g *glass) processor() (ran, waited time.Duration) {
	g.tb.Helper()
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", g.cmd.Process.Pid))
	for _, path := range threads {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // the thread is gone
		}
		var had, queued int64
		if _, err := fmt.Sscan(string(content), &had, &queued); err != nil {
			g.tb.Fatalf("%s: %v", path, err)
		}
		ran, waited = ran+time.Duration(had), waited+time.Duration(queued)
	}
	return ran, waited
}
