package testscreen

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Sound runs a PulseAudio server with one null sink, "game", until the test ends and returns
// what PULSE_SERVER should be.
func Sound(t testing.TB) string {
	t.Helper()
	return ServeSound(t).Address
}

// PipeSource is the device whose sound a test writes itself. Unlike a sink it has no buffer that the
// sound is rendered into some time before it is heard.
const PipeSource = "pipe"

// SoundServer is a PulseAudio server that a test may torment.
type SoundServer struct {
	Address string // for PULSE_SERVER
	Pipe    string // a FIFO: what is written to it, 48 kHz stereo of 16 bit, is heard at once at PipeSource

	t      testing.TB
	folder string
	cmd    *exec.Cmd // nil: killed
}

// ServeSound is Sound for tests that end and restart the server.
func ServeSound(t testing.TB) *SoundServer {
	t.Helper()
	folder := t.TempDir()
	s := &SoundServer{Address: "unix:" + folder + "/native", Pipe: folder + "/pipe", t: t, folder: folder}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// Restart starts the server, on the same socket.
func (s *SoundServer) Restart() {
	s.t.Helper()
	path, err := exec.LookPath("pulseaudio")
	if err != nil {
		s.t.Fatal("pulseaudio is missing: apt-get install pulseaudio pulseaudio-utils")
	}
	socket := s.folder + "/native"
	s.cmd = exec.Command(path, "--daemonize=no", "--exit-idle-time=-1", "-n", "--disallow-exit", "--use-pid-file=no", "--log-level=0",
		"-L", "module-null-sink sink_name=game rate=48000 channels=2",
		"-L", "module-pipe-source source_name="+PipeSource+" file="+s.Pipe+" format=s16le rate=48000 channels=2",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	s.cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+s.folder, "HOME="+s.folder)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start pulseaudio: %v", err)
	}
	for deadline := time.Now().Add(startTime); ; {
		if _, err := os.Stat(socket); err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("pulseaudio did not come up")
		}
		time.Sleep(20 * time.Millisecond) // polls for a file, with a deadline
	}
}

// Kill ends the server without letting it say goodbye.
func (s *SoundServer) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
	_ = os.Remove(s.folder + "/native")
}

// Freeze stops the server where it is, Thaw lets it go on.
func (s *SoundServer) Freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw: see Freeze.
func (s *SoundServer) Thaw() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
