package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// demo is a hotseat demo, or a hotseat serve, without a terminal: lines out, commands in.
type demo struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	data   string
	family *family
	ended  chan struct{}

	mu   sync.Mutex // protects text and more
	text strings.Builder
	more chan struct{}
}

// startDemo starts a demo with a data folder of its own.
func startDemo(t testing.TB, flags ...string) *demo {
	t.Helper()
	return start(t, "demo", flags...)
}

func start(t testing.TB, command string, flags ...string) *demo {
	t.Helper()
	d := &demo{t: t, data: filepath.Join(t.TempDir(), "d"), more: make(chan struct{}), ended: make(chan struct{})}
	d.cmd = exec.Command(hotseat(t), append([]string{command, "--data", d.data}, flags...)...)
	reader, writer := io.Pipe()
	d.cmd.Stdout, d.cmd.Stderr = writer, writer
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.family = watchFamily(t, d.cmd.Process.Pid)
	go d.read(reader)
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait()
		writer.Close()
	}()
	t.Cleanup(func() {
		select {
		case <-d.ended:
		default:
			_ = d.cmd.Process.Signal(syscall.SIGTERM)
			<-d.ended
		}
	})
	return d
}

func (d *demo) read(reader io.Reader) {
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		d.mu.Lock()
		d.text.WriteString(lines.Text() + "\n")
		close(d.more)
		d.more = make(chan struct{})
		d.mu.Unlock()
	}
}

func (d *demo) output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// see waits until the demo printed something.
func (d *demo) see(pattern string, within time.Duration) string {
	d.t.Helper()
	is := regexp.MustCompile(pattern)
	timeout := time.After(within)
	for {
		d.mu.Lock()
		found, more := is.FindString(d.text.String()), d.more
		d.mu.Unlock()
		if found != "" {
			return found
		}
		select {
		case <-more:
		case <-timeout:
			d.t.Fatalf("the demo did not print %q within %s:\n%s", pattern, within, d.output())
		}
	}
}

// wait returns the exit code; everything that the demo started must be gone then.
func (d *demo) wait(within time.Duration) int {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(within):
		d.t.Fatalf("the demo did not end within %s:\n%s", within, d.output())
	}
	d.family.gone()
	return d.cmd.ProcessState.ExitCode()
}

func (d *demo) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

func TestTheCheckHolds(t *testing.T) {
	out, err := exec.Command(hotseat(t), "demo", "--check").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all held") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
}

func TestWithoutATerminalTheDemoPrintsLinesAndEndsInTime(t *testing.T) {
	d := startDemo(t, "--for", "8s")
	d.see(`page: +http://127\.0\.0\.1:\d+`, 30*time.Second)
	d.see(`viewer@ivs\.rocks`, patience)
	d.in.Close()
	if code := d.wait(40 * time.Second); code != 0 {
		t.Fatalf("exit code %d\n%s", code, d.output())
	}
}

func TestTwoDemosRunSideBySideAndASignalEndsEach(t *testing.T) {
	first, second := startDemo(t), startDemo(t)
	one := first.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	two := second.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	if one == two {
		t.Fatalf("both are at %s", one)
	}
	for _, d := range []*demo{first, second} {
		until(t, "the game of each demo", 30*time.Second, func() bool { return d.family.commands()["hotseat-demo-ga"] })
	}
	first.signal(syscall.SIGTERM)
	if code := first.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, first.output())
	}
	second.signal(syscall.SIGINT)
	if code := second.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGINT\n%s", code, second.output())
	}
}

func TestAKilledDemoLeavesNothingBehind(t *testing.T) {
	d := startDemo(t)
	until(t, "the game", 30*time.Second, func() bool { return d.family.commands()["hotseat-demo-ga"] })
	d.signal(syscall.SIGKILL)
	<-d.ended
	until(t, "everything it started to be gone", 15*time.Second, func() bool {
		all := table()
		d.family.mu.Lock()
		defer d.family.mu.Unlock()
		for p := range d.family.seen {
			if _, alive := all[p]; alive {
				return false
			}
		}
		return true
	})
}

func TestAPortInUseIsSaidWithWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := startDemo(t, "--listen", l.Addr().String())
	d.see(`address already in use.*--listen`, 20*time.Second)
	if code := d.wait(20 * time.Second); code == 0 {
		t.Error("exit code 0")
	}
}

func TestASecondDemoInTheSameFolderIsRefused(t *testing.T) {
	first := startDemo(t)
	first.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	second := startDemo(t, "--data", first.data) // the last --data counts
	second.see(`another Hotseat works in .*--data`, 20*time.Second)
	if code := second.wait(20 * time.Second); code == 0 {
		t.Error("exit code 0")
	}
	first.signal(syscall.SIGTERM)
	if code := first.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, first.output())
	}
}

func TestAMissingPluginIsSaidWithTheCommandThatMendsIt(t *testing.T) {
	cmd := exec.Command(hotseat(t), "demo", "--check")
	cmd.Env = append(os.Environ(), "GST_PLUGIN_SYSTEM_PATH="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "apt-get install") || !strings.Contains(string(out), "gstreamer1.0-plugins-ugly") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestWithoutPulseAudioTheGameIsSilentAndRuns(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, hotseat(t), "demo", "--check")
	cmd.Env = append(os.Environ(), "PATH="+pathWithout(t, "pulseaudio"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all held") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// pathWithout makes a folder of links to every program on the PATH but one.
func pathWithout(t testing.TB, without string) string {
	t.Helper()
	folder := t.TempDir()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Name() != without {
				_ = os.Symlink(filepath.Join(dir, e.Name()), filepath.Join(folder, e.Name())) // the first on the PATH wins
			}
		}
	}
	return folder
}

// application writes a folder with a launch script.
func application(t testing.TB, script string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "app")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "run_broadcaster_background.sh"), []byte("#!/bin/bash\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestWhyAGameEndedIsToldWhereThePersonIs(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"a script that fails":       {"echo 'the licence server is away' >&2\nexit 3\n", "the licence server is away"},
		"a game that exits at once": {"exit 0\n", "applicationExit"},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDemo(t, "--app", application(t, c.script))
			d.see(c.want, 30*time.Second)
			fmt.Fprintln(d.in, "quit")
			if code := d.wait(30 * time.Second); code != 0 {
				t.Errorf("exit code %d\n%s", code, d.output())
			}
		})
	}
}

func TestAFolderThatIsNoApplicationIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ folder, want string }{
		"no such folder":   {"/no/such/folder", "no such"},
		"no launch script": {t.TempDir(), "run_broadcaster_background.sh"},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDemo(t, "--app", c.folder)
			d.see(c.want, 20*time.Second)
			if code := d.wait(20 * time.Second); code == 0 {
				t.Error("exit code 0")
			}
		})
	}
}

// TestSomeoneElsesGame watches and plays a game that knows nothing of Hotseat.
func TestSomeoneElsesGame(t *testing.T) {
	d := startDemo(t, "--app", "../../../docs/examples/freedoom")
	address := d.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)
	passwords := signIns(t, d.data)
	b := startBrowser(t)
	b.signIn("player", address, "player@ivs.rocks", passwords["player@ivs.rocks"], 1280, 800)
	b.enter("player")
	b.do("player", "click", args{"on": "seat-request"})
	b.do("player", "wait", args{"on": "seat-release", "timeout": patience.Milliseconds()})
	b.signIn("viewer", address, "viewer@ivs.rocks", passwords["viewer@ivs.rocks"], 1280, 800)
	b.enter("viewer")
	b.do("player", "click", args{"on": "picture"})
	// Turning round changes most of the viewer's picture; standing still changes next to nothing.
	until(t, "the player turning round in the viewer's picture", 30*time.Second, func() bool {
		b.hold("player", "ArrowLeft")
		moved := b.moves("viewer")
		b.release("player", "ArrowLeft")
		return moved > 0.3
	})
	until(t, "the picture at rest", 30*time.Second, func() bool { return b.moves("viewer") < 0.15 })
	b.do("viewer", "shot", args{"file": artifact("freedoom.png")})
	d.signal(syscall.SIGTERM)
	if code := d.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.output())
	}
}
