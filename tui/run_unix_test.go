//go:build unix

package tui

import (
	"context"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// restored reports whether what was written leaves the terminal's other screen and shows its cursor.
func restored(out string) bool {
	return strings.LastIndex(out, "\x1b[?1049l") > strings.LastIndex(out, "\x1b[?1049h") && strings.LastIndex(out, "\x1b[?25h") > strings.LastIndex(out, "\x1b[?25l")
}

// onBuffer runs the console on a terminal that is a buffer; write types into it.
func (r *rig) onBuffer(t *testing.T, o Options, more ...tea.ProgramOption) (screen *watched, write func(string), done <-chan error) {
	t.Helper()
	stdin, in := io.Pipe()
	screen = &watched{seen: make(chan struct{}, 1)}
	o.Input, o.Output = stdin, screen
	if o.Environ == nil {
		o.Environ = []string{"TERM=xterm-256color"}
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- run(ctx, o, more...) }()
	t.Cleanup(func() {
		cancel()
		in.Close()
	})
	return screen, func(keys string) { _, _ = in.Write([]byte(keys)) }, ended
}

func wait(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatal("the console does not end")
	}
	return nil
}

func TestRunNeedsNoTerminalAndFollowsTheSizeOfOneElsewhere(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession = s.ID
	sizes := make(chan tea.WindowSizeMsg)
	o.Size, o.Resize = tea.WindowSizeMsg{Width: 100, Height: 30}, sizes
	screen, write, done := r.onBuffer(t, o)
	screen.wait(t, "Hotseat Runner")
	sizes <- tea.WindowSizeMsg{Width: 30, Height: 10}
	screen.wait(t, "needs 40")
	sizes <- tea.WindowSizeMsg{Width: 90, Height: 30}
	write("\x03")
	if err := wait(t, done); err != nil {
		t.Error(err)
	}
	if !restored(screen.String()) {
		t.Error("the terminal was not left as it was")
	}
}

func TestAPanicLeavesTheTerminalAsItWas(t *testing.T) {
	r := newRig(t)
	r.start("Hotseat Runner")
	screen, write, done := r.onBuffer(t, r.account("qa-lead"), tea.WithWindowSize(80, 24), tea.WithColorProfile(colorprofile.TrueColor),
		tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg {
			if key, ok := msg.(tea.KeyPressMsg); ok && key.String() == "k" {
				panic("in the middle of a key")
			}
			return msg
		}))
	screen.wait(t, "playtests")
	write("k")
	if err := wait(t, done); err == nil || !strings.HasPrefix(err.Error(), "console: ") {
		t.Errorf("a panic ends the console with %v", err)
	}
	if !restored(screen.String()) {
		t.Error("the terminal was not left as it was")
	}
}

func TestSIGTERMLeavesTheTerminalAsItWas(t *testing.T) {
	r := newRig(t)
	r.start("Hotseat Runner")
	screen, _, done := r.onBuffer(t, r.account("qa-lead"), tea.WithWindowSize(80, 24))
	screen.wait(t, "playtests") // the signal is listened for by then
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, done); err != nil {
		t.Errorf("SIGTERM ends the console with %v", err)
	}
	if !restored(screen.String()) {
		t.Error("the terminal was not left as it was")
	}
}

// TestASignalThatEndsTheCallersContextTooEndsTheConsole is the console as cmd/hotseat runs it, which listens for
// the same signals; several times, since what could go wrong is a matter of who comes first.
func TestASignalThatEndsTheCallersContextTooEndsTheConsole(t *testing.T) {
	r := newRig(t)
	r.start("Hotseat Runner")
	for range 6 {
		ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
		stdin, in := io.Pipe()
		screen := &watched{seen: make(chan struct{}, 1)}
		o := r.account("qa-lead")
		o.Input, o.Output, o.Environ = stdin, screen, []string{"TERM=xterm-256color"}
		done := make(chan error, 1)
		go func() { done <- run(ctx, o, tea.WithWindowSize(80, 24)) }()
		screen.wait(t, "playtests")
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := wait(t, done); err != nil {
			t.Errorf("SIGTERM ends the console with %v", err)
		}
		if !restored(screen.String()) {
			t.Error("the terminal was not left as it was")
		}
		in.Close()
		stop()
	}
}

func TestATerminalThatOnlyPrintsGetsLines(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession, o.Environ = s.ID, []string{"TERM=dumb"}
	stdin, in := io.Pipe()
	screen := &watched{seen: make(chan struct{}, 1)}
	o.Input, o.Output = stdin, screen
	done := make(chan error, 1)
	go func() { done <- Run(context.Background(), o) }()
	screen.wait(t, "playtest of Hotseat Runner started")
	_, _ = in.Write([]byte("quit\n"))
	if err := wait(t, done); err != nil {
		t.Error(err)
	}
	in.Close()
	if strings.Contains(screen.String(), "\x1b") {
		t.Error("escape sequences were written")
	}
}

// BenchmarkIdle is what a console takes of the processor in a second in which nothing happens but the
// clock. The figure is ms/s.
func BenchmarkIdle(b *testing.B) {
	r := newRig(b)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession, o.Environ = s.ID, []string{"TERM=xterm-256color"}
	screen := &watched{seen: make(chan struct{}, 1)}
	stdin, in := io.Pipe()
	o.Input, o.Output = stdin, screen
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, o, tea.WithWindowSize(160, 45)) }()
	for !strings.Contains(screen.String(), "watching") {
		<-screen.seen
	}
	time.Sleep(2 * time.Second) // the start is over
	before, wrote := processorTime(), len(screen.String())
	began := time.Now()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	took := time.Since(began).Seconds()
	b.ReportMetric(float64((processorTime()-before).Microseconds())/1000/took, "ms/s")
	b.ReportMetric(float64(len(screen.String())-wrote)/took, "bytes/s")
	cancel()
	in.Close()
	<-done
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestPicturesReachTerminalsThatDrawThem(t *testing.T) {
	const placeholder = "\U0010eeee"
	for _, row := range []struct{ term, first, then, atEnd string }{
		{"xterm-kitty", "\x1b_G", placeholder, "a=d"}, // the picture before what stands for it, forgotten at the end
		{"foot", "\x1bP", "", ""},
	} {
		t.Run(row.term, func(t *testing.T) {
			r := newRig(t)
			s := r.start("Hotseat Runner")
			o := r.account("qa-lead")
			o.InitialSession, o.Environ = s.ID, []string{"TERM=" + row.term, "COLORTERM=truecolor"}
			o.Size = tea.WindowSizeMsg{Width: 120, Height: 40}
			screen, write, done := r.onBuffer(t, o)
			screen.wait(t, "no picture yet")
			deadline := time.Now().Add(patience)
			for !strings.Contains(screen.String(), row.first) { // pictures before the subscription are lost
				if time.Now().After(deadline) {
					t.Fatal("the picture never comes")
				}
				r.live(s.ID, map[string]any{"action": "THUMBNAIL", "jpeg": thumbnail(), "width": 160, "height": 90})
				select {
				case <-screen.seen:
				case <-time.After(200 * time.Millisecond):
				}
			}
			if row.then != "" {
				screen.wait(t, row.then)
				if out := screen.String(); strings.Index(out, row.then) < strings.Index(out, row.first) {
					t.Error("the frame shows a picture that the terminal does not have yet")
				}
			}
			write("\x03")
			if err := wait(t, done); err != nil {
				t.Error(err)
			}
			out := screen.String()
			if last := strings.LastIndex(out, "\x1b_G"); row.atEnd != "" && (last < 0 || !strings.Contains(out[last:], row.atEnd)) {
				t.Error("the terminal keeps the picture")
			}
		})
	}
}
