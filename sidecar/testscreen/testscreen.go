// Package testscreen gives tests a real display with something moving on it: an Xvfb on a
// free number and a painter that writes the time into the picture, so that a test can tell
// how old a captured picture is. It is for tests only and fails them, with the command that
// helps, when the machine lacks Xvfb.
package testscreen

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
)

// xgb logs to standard error by itself, even that there is no authority file.
func init() { xgb.Logger.SetOutput(io.Discard) }

// Start runs an Xvfb of the given size until the test ends and returns its display, ":n".
func Start(t testing.TB, width, height int) string {
	t.Helper()
	display, _ := StartProcess(t, width, height)
	return display
}

// StartProcess is Start for tests that end the X server themselves.
func StartProcess(t testing.TB, width, height int) (display string, p *os.Process) {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Fatal("Xvfb is missing: apt-get install xvfb")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// Descriptor 3 is where Xvfb writes the number that it chose.
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp", "-ac", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Xvfb: %v", err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	_ = r.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not come up: %v", err)
	}
	return ":" + strings.TrimSpace(line), cmd.Process
}

// Sound runs a PulseAudio server with one null sink, "game", until the test ends and returns
// what PULSE_SERVER should be.
func Sound(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("pulseaudio")
	if err != nil {
		t.Fatal("pulseaudio is missing: apt-get install pulseaudio pulseaudio-utils")
	}
	dir := t.TempDir()
	socket := dir + "/native"
	cmd := exec.Command(path, "--daemonize=no", "--exit-idle-time=-1", "-n", "--disallow-exit", "--use-pid-file=no", "--log-level=0",
		"-L", "module-null-sink sink_name=game rate=48000 channels=2",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start pulseaudio: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(socket); err == nil {
			return "unix:" + socket
		}
		if time.Now().After(deadline) {
			t.Fatal("pulseaudio did not come up")
		}
		time.Sleep(20 * time.Millisecond) // polls for a file, with a deadline
	}
}
