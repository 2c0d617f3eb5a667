// Package testscreen gives tests a real display with something moving on it: an Xvfb on a
// free number and a painter that writes the time into the picture, so that a test can tell
// how old a captured picture is; windows that come and go; a sound server; and both servers
// can be killed, frozen and started again. It is for tests only and fails them, with the command
// that helps, when the machine lacks Xvfb.
package testscreen

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// xgb logs to standard error by itself, even that there is no authority file.
func init() { xgb.Logger.SetOutput(io.Discard) }

// startTime is how long a server may take to come up.
const startTime = 10 * time.Second

// Start runs an Xvfb of the given size until the test ends and returns its display, ":n".
func Start(t testing.TB, width, height int) string {
	t.Helper()
	return Serve(t, width, height).Display
}

// StartProcess is Start for tests that end the X server themselves.
func StartProcess(t testing.TB, width, height int) (display string, p *os.Process) {
	t.Helper()
	s := Serve(t, width, height)
	return s.Display, s.cmd.Process
}

// Server is an Xvfb that a test may torment.
type Server struct {
	Display string // ":n"

	t             testing.TB
	width, height int
	cmd           *exec.Cmd // nil: killed
}

// Serve is Start for tests that do more with the X server than to draw on it.
func Serve(t testing.TB, width, height int) *Server {
	t.Helper()
	s := &Server{t: t, width: width, height: height, Display: freeDisplay()}
	s.start()
	t.Cleanup(s.end)
	return s
}

// freeDisplay is a display far from where X servers that look for a free one begin: a killed one's number
// is not taken by another test's before it is back.
func freeDisplay() string {
	for {
		number := strconv.Itoa(1000 + rand.IntN(50_000))
		if _, err := os.Stat("/tmp/.X" + number + "-lock"); err != nil {
			return ":" + number
		}
	}
}

func (s *Server) start() {
	s.t.Helper()
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		s.t.Fatal("Xvfb is missing: apt-get install xvfb")
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	// Xvfb writes its number to descriptor 3 once it answers.
	s.cmd = exec.Command(path, s.Display, "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", s.width, s.height),
		"-nolisten", "tcp", "-ac", "-noreset")
	s.cmd.ExtraFiles = []*os.File{w}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start Xvfb: %v", err)
	}
	w.Close()
	_ = r.SetReadDeadline(time.Now().Add(startTime))
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || ":"+strings.TrimSpace(line) != s.Display {
		s.t.Fatalf("Xvfb did not come up as %s: %q, %v", s.Display, line, err)
	}
}

// Kill ends the X server without letting it say goodbye. Its number stays taken, for Restart.
func (s *Server) Kill() {
	s.end()
	// X servers leave a number alone whose lock names a living process.
	_ = os.WriteFile(s.lock(), fmt.Appendf(nil, "%10d\n", os.Getpid()), 0o444)
}

// Restart starts a killed X server again, on the same display.
func (s *Server) Restart() {
	s.t.Helper()
	_ = os.Remove(s.lock())
	s.start()
}

func (s *Server) lock() string { return "/tmp/.X" + strings.TrimPrefix(s.Display, ":") + "-lock" }

// end ends the X server and removes what a killed one leaves behind.
func (s *Server) end() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
		_ = os.Remove("/tmp/.X11-unix/X" + strings.TrimPrefix(s.Display, ":"))
	}
	_ = os.Remove(s.lock())
}

// Freeze stops the X server where it is: clients wait for it.
func (s *Server) Freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen X server go on.
func (s *Server) Thaw() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// Resize changes the resolution of the display, as a game does that asks for another mode. It is at most
// what the display began with.
func (s *Server) Resize(width, height int) {
	s.t.Helper()
	conn, err := xgb.NewConnDisplay(s.Display)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := randr.Init(conn); err != nil {
		s.t.Fatal(err)
	}
	root := xproto.Setup(conn).DefaultScreen(conn).Root
	res, err := randr.GetScreenResources(conn, root).Reply()
	if err != nil || len(res.Crtcs) == 0 || len(res.Outputs) == 0 {
		s.t.Fatalf("display %s: %v", s.Display, err)
	}
	// Xvfb has the one mode that it began with; others are added.
	info := randr.ModeInfo{Width: uint16(width), Height: uint16(height), DotClock: uint32(width * height * 60),
		HsyncStart: uint16(width), HsyncEnd: uint16(width), Htotal: uint16(width), VsyncStart: uint16(height), VsyncEnd: uint16(height), Vtotal: uint16(height)}
	name := fmt.Sprintf("%dx%d-%d", width, height, rand.Uint32())
	info.NameLen = uint16(len(name))
	mode, err := randr.CreateMode(conn, root, info, name).Reply()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := randr.AddOutputModeChecked(conn, res.Outputs[0], mode.Mode).Check(); err != nil {
		s.t.Fatal(err)
	}
	steps := []func() error{
		func() error { // a screen may not be smaller than what shows it
			_, err := randr.SetCrtcConfig(conn, res.Crtcs[0], 0, 0, 0, 0, 0, randr.RotationRotate0, nil).Reply()
			return err
		},
		func() error {
			return randr.SetScreenSizeChecked(conn, root, uint16(width), uint16(height), uint32(width), uint32(height)).Check()
		},
		func() error {
			_, err := randr.SetCrtcConfig(conn, res.Crtcs[0], 0, 0, 0, 0, mode.Mode, randr.RotationRotate0, res.Outputs[:1]).Reply()
			return err
		},
	}
	for i, step := range steps {
		if err := step(); err != nil {
			s.t.Fatalf("step %d to %dx%d: %v", i, width, height, err)
		}
	}
}
