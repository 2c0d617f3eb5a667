package capture

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"hotseat/sidecar/testscreen"
)

// serveDepth runs an Xvfb with another colour depth until the test ends.
func serveDepth(t *testing.T, depth int) (display string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("320x240x%d", depth), "-nolisten", "tcp", "-ac", "-noreset")
	cmd.ExtraFiles = []*os.File{w} // descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatalf("start Xvfb: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it removes its lock and socket
		_ = cmd.Wait()
	})
	_ = r.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Skipf("this Xvfb does not start with depth %d: %v", depth, err)
	}
	return ":" + strings.TrimSpace(line)
}

func TestAColourDepthThatCannotBeCapturedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{8, 15, 30} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			t.Parallel()
			display := serveDepth(t, depth)
			_, err := Open(Config{Display: display, Endure: true})
			if !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), fmt.Sprintf("colour depth is %d", depth)) || !strings.Contains(err.Error(), "with 24") {
				t.Errorf("error %v, want the depth and what to do", err)
			}
		})
	}
	t.Run("16", func(t *testing.T) {
		t.Parallel()
		p, err := Open(Config{Display: serveDepth(t, 16), Width: 320, Height: 240})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		unit(t, p)
		eventually(t, "a picture of the display", func() bool { return p.Stats().Source == SourceLive })
	})
}

func TestOnlyKnownLayoutsOfPixelsAreCaptured(t *testing.T) {
	bgrx := [3]uint32{0xff0000, 0xff00, 0xff}
	s := &screen{lsb: true, depths: map[byte]byte{24: 32, 30: 32}, masks: map[xproto.Visualid][3]uint32{
		1: bgrx, 2: {0xff, 0xff00, 0xff0000}, 3: {0x3ff00000, 0xffc00, 0x3ff},
	}}
	for _, row := range []struct {
		what          string
		width, height uint16
		depth         byte
		visual        xproto.Visualid
		ok            bool
	}{
		{"usual", 1920, 1080, 24, 1, true},
		{"8K", 7680, 4320, 24, 1, true},
		{"red and blue the other way round", 1920, 1080, 24, 2, false},
		{"ten bits a colour", 1920, 1080, 30, 3, false},
		{"too large", 7680, 4322, 24, 1, false},
		{"as large as X allows", 65535, 65535, 24, 1, false},
	} {
		if _, _, err := s.pixels(row.width, row.height, row.depth, row.visual); row.ok != (err == nil) || (err != nil && !errors.Is(err, ErrUnfit)) {
			t.Errorf("%s: %v", row.what, err)
		}
	}
}

func TestAnUnfitPictureEndsTheCaptureEvenIfItEndures(t *testing.T) {
	t.Parallel()
	p := opened(t, func(c *Config) { c.Endure = true })
	s := &pictures{p: p, why: fmt.Errorf("%w: too large", ErrUnfit), lost: 1}
	if s.endure() {
		t.Error("the stream would be dark for ever")
	}
	if err := <-p.Err(); !errors.Is(err, ErrUnfit) {
		t.Errorf("error %v", err)
	}
}

func TestPicturesThatAreHeldForLongAreALoss(t *testing.T) {
	t.Parallel()
	p := opened(t, nil)
	s := &pictures{p: p}
	s.refused(errBusy, time.Second)
	s.refused(errBusy, time.Second+stallTime)
	if s.lost != 0 {
		t.Error("a moment without a free slot is a loss")
	}
	s.refused(errBusy, time.Second+stallTime+busPoll)
	if s.lost == 0 {
		t.Error("nobody is told that the picture stands still")
	}
}

// shotOf takes a picture as soon as there is one.
func shotOf(t *testing.T, c *camera) (s *slot) {
	t.Helper()
	eventually(t, "a picture", func() (ok bool) { var err error; s, err = c.shoot(); return err == nil })
	return s
}

func aimed(t *testing.T, display string, w Window) *camera {
	t.Helper()
	c := &camera{display: display, window: w, drawn: func() {}}
	t.Cleanup(func() {
		if c.scr != nil {
			c.drop()
			<-c.gone
		}
		c.release()
	})
	return c
}

func TestAWindowThatIsNoLongerCapturedIsLeftAlone(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 640, 480)
	menu := testscreen.OpenWindow(t, display, "Game menu", 0, 0, 320, 240, 60)
	c := aimed(t, display, Window{Title: "Game"})
	shotOf(t, c)
	selected := func(w *testscreen.Window) uint32 {
		attrs, err := xproto.GetWindowAttributes(c.scr.conn, xproto.Window(w.ID)).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return attrs.YourEventMask
	}
	before := c.asked
	if selected(menu) == 0 || before.damage == 0 || !before.redirected {
		t.Fatalf("asked for %+v and events %#x, want all", before, selected(menu))
	}
	menu.Hide()
	level := testscreen.OpenWindow(t, display, "Game level 1", 0, 0, 320, 240, 200)
	eventually(t, "the other window", func() bool { _, err := c.shoot(); return err == nil && c.asked.window == xproto.Window(level.ID) })
	if selected(menu) != 0 || selected(level) == 0 {
		t.Errorf("events of the former window %#x, of this one %#x", selected(menu), selected(level))
	}
	if c.asked.damage == before.damage {
		t.Error("drawing on the former window is still reported")
	}
}

// TestAnotherKindOfXServerKeepsItsExtensions: only DAMAGE depends on the numbers of events.
func TestAnotherKindOfXServerKeepsItsExtensions(t *testing.T) {
	display := testscreen.Start(t, 320, 240)
	first, err := dialScreen(display)
	if err != nil {
		t.Fatal(err)
	}
	first.close()
	decoders.mu.Lock()
	registered := decoders.seen
	decoders.seen = map[string]byte{}
	for name, number := range registered {
		decoders.seen[name] = number + 1
	}
	decoders.mu.Unlock()
	defer func() {
		decoders.mu.Lock()
		defer decoders.mu.Unlock()
		decoders.seen = registered
	}()
	s, err := dialScreen(display)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if !s.shm || !s.composite || !s.cursor || s.damage || !s.renamed {
		t.Errorf("shared memory %v, composite %v, pointer %v, damage %v, said %v: want all but damage, and that said",
			s.shm, s.composite, s.cursor, s.damage, s.renamed)
	}
}

// TestMemoryThatTheXServerDoesNotShareIsNotUsed runs the X server and the camera in two IPC namespaces that
// number their memory alike: the X server attaches memory of its own side without an error.
func TestMemoryThatTheXServerDoesNotShareIsNotUsed(t *testing.T) {
	const stage, name = "HOTSEAT_TEST_NAMESPACE", "^TestMemoryThatTheXServerDoesNotShareIsNotUsed$"
	again := func(env, script string) {
		t.Helper()
		cmd := exec.Command("unshare", "--ipc", "sh", "-c", script, os.Args[0], "-test.run="+name, "-test.v")
		cmd.Env = append(os.Environ(), stage+"="+env)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "--- SKIP") {
			t.Skipf("%s", out)
		}
	}
	switch where := os.Getenv(stage); where {
	case "":
		if out, err := exec.Command("unshare", "--ipc", "ipcmk", "-M", "4096").CombinedOutput(); err != nil {
			t.Skipf("no other IPC namespace can be made here: %v %s", err, out)
		}
		again("server", `for i in 1 2 3 4 5 6; do ipcmk -M 4000000 >/dev/null; done; exec "$0" "$@"`)
	case "server":
		display := testscreen.Start(t, 320, 240)
		testscreen.OpenWindow(t, display, "Game", 0, 0, 320, 240, 200)
		again(display, `exec "$0" "$@"`)
	default: // the camera, with the display's name
		c := aimed(t, where, Window{})
		s := shotOf(t, c)
		if grey := s.data[(120*320+160)*4]; grey != 200 {
			t.Errorf("the pixel in the middle is %d, want 200", grey)
		}
		if c.scr.shm || s.shared >= 0 {
			t.Error("the picture went through memory that is not shared")
		}
	}
}
