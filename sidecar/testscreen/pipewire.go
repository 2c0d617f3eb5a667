package testscreen

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PipeWire runs PipeWire with its PulseAudio server and one null sink, "game", until the test ends, and returns what
// PULSE_SERVER should be. Where it is not installed the test is skipped.
func PipeWire(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	// WirePlumber connects what plays and records; it wants a session bus.
	for _, program := range []string{"dbus-run-session", "pipewire", "wireplumber", "pipewire-pulse", "pactl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing: apt-get install pipewire pipewire-pulse wireplumber dbus pulseaudio-utils", program)
		}
	}
	env := append(os.Environ(), "XDG_RUNTIME_DIR="+folder, "HOME="+folder)
	// They are a process group, which the shell ends when the test has let go of the pipe, however it ended.
	ours, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `dbus-run-session -- sh -c "pipewire & wireplumber & exec pipewire-pulse" 3<&- & read -r _ <&3; kill -9 0`)
	cmd.Env, cmd.ExtraFiles = env, []*os.File{ours}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = ours.Close()
	if err != nil {
		_ = hold.Close()
		t.Fatalf("start PipeWire: %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = hold.Close()
		_ = cmd.Wait()
	})
	address := "unix:" + folder + "/pulse/native"
	var said []byte
	for deadline := time.Now().Add(startTime); ; {
		make := exec.Command("pactl", "--server", address, "load-module", "module-null-sink", "sink_name=game", "media.class=Audio/Sink")
		make.Env = env
		var err error
		if said, err = make.CombinedOutput(); err == nil {
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("PipeWire did not come up: %v\n%s", err, said)
		}
		time.Sleep(50 * time.Millisecond) // polls, with a deadline
	}
}

// Tone plays a tone to the sink "game" of a sound server until the test ends.
func Tone(t testing.TB, server string) {
	t.Helper()
	path, err := exec.LookPath("gst-launch-1.0")
	if err != nil {
		t.Skip("gst-launch-1.0 is missing: apt-get install gstreamer1.0-tools")
	}
	cmd := exec.Command(path, strings.Fields("-q audiotestsrc is-live=true freq=660 volume=0.5 ! audioconvert ! pulsesink device=game server="+server)...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("play a tone: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the tone's player: %s", complaints.String())
		}
	})
}
