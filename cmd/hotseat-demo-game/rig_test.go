package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"hotseat/cmd/hotseat-demo-game/internal/journal"
	"hotseat/sidecar/timecode"
)

// X keycodes of evdev.
const keyA, keyD, keyW = 38, 40, 25

const patience = 30 * time.Second // a slow machine is no failure

// display is an X server of its own and a connection that plays the person.
type display struct {
	name   string
	server *exec.Cmd
	conn   *xgb.Conn
	root   xproto.Window
}

func startDisplay(t *testing.T) *display {
	t.Helper()
	if _, err := exec.LookPath("Xvfb"); err != nil {
		t.Fatal("this needs Xvfb: apt-get install xvfb")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The server picks a free number itself and tells it once it is ready.
	d := &display{server: exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-ac")}
	d.server.ExtraFiles = []*os.File{w}
	if err := d.server.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(d.kill)
	_ = r.SetReadDeadline(time.Now().Add(patience))
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	d.name = ":" + strings.TrimSpace(number)
	if d.conn, err = xgb.NewConnDisplay(d.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.conn.Close)
	if err := xtest.Init(d.conn); err != nil {
		t.Fatal(err)
	}
	d.root = xproto.Setup(d.conn).DefaultScreen(d.conn).Root
	return d
}

func (d *display) kill() {
	if d.server.ProcessState == nil {
		_ = d.server.Process.Kill()
		_ = d.server.Wait()
	}
}

func (d *display) fake(t *testing.T, kind, detail byte, x, y int16) {
	t.Helper()
	if err := xtest.FakeInputChecked(d.conn, kind, detail, 0, d.root, x, y, 0).Check(); err != nil {
		t.Fatal(err)
	}
}

func (d *display) press(t *testing.T, key byte)   { d.fake(t, xproto.KeyPress, key, 0, 0) }
func (d *display) release(t *testing.T, key byte) { d.fake(t, xproto.KeyRelease, key, 0, 0) }

// look reads the code off the screen.
func (d *display) look() (timecode.Stamp, timecode.State, error) {
	img, err := xproto.GetImage(d.conn, xproto.ImageFormatZPixmap, xproto.Drawable(d.root), 0, 0, timecode.Width, timecode.Height, 0xffffffff).Reply()
	if err != nil {
		return 0, timecode.State{}, err
	}
	p := timecode.Plane{Pix: make([]byte, timecode.Width*timecode.Height), Stride: timecode.Width, Width: timecode.Width, Height: timecode.Height}
	for i := range p.Pix {
		p.Pix[i] = img.Data[i*4+1] // green
	}
	stamp, err := timecode.ReadStamp(p)
	if err != nil {
		return 0, timecode.State{}, err
	}
	state, err := timecode.ReadState(p)
	return stamp, state, err
}

// until waits for a picture that satisfies.
func (d *display) until(t *testing.T, what string, ok func(timecode.Stamp, timecode.State) bool) (timecode.Stamp, timecode.State) {
	t.Helper()
	var state timecode.State
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); {
		var stamp timecode.Stamp
		if stamp, state, err = d.look(); err == nil && ok(stamp, state) {
			return stamp, state
		}
	}
	t.Fatalf("never seen: %s (last %+v, %v)", what, state, err)
	return 0, state
}

// audience is the sidecar's end of the bridge.
type audience struct {
	listener net.Listener
	conns    chan net.Conn
}

func startBridge(t *testing.T) *audience {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &audience{listener: listener, conns: make(chan net.Conn, 8)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			a.conns <- conn
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return a
}

func (a *audience) accept(t *testing.T) net.Conn {
	t.Helper()
	select {
	case conn := <-a.conns:
		t.Cleanup(func() { conn.Close() })
		return conn
	case <-time.After(patience):
		t.Fatal("the game did not connect")
		return nil
	}
}

func say(t *testing.T, to io.Writer, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := fmt.Fprintln(to, line); err != nil {
			t.Fatal(err)
		}
	}
}

// play runs the game until the test ends; stop ends it and gives its error.
func play(t *testing.T, d *display, change func(*settings)) (logPath string, stop func() error) {
	t.Helper()
	logPath = filepath.Join(t.TempDir(), "game.jsonl")
	set := settings{Display: d.name, Width: 1280, Height: 720, FPS: 30, Timecode: true, Seed: 1, LogPath: logPath}
	if change != nil {
		change(&set)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- run(ctx, set, slog.New(slog.DiscardHandler)) }()
	stopped := false
	stop = func() error {
		cancel()
		if stopped {
			return nil
		}
		stopped = true
		select {
		case err := <-result:
			return err
		case <-time.After(patience):
			t.Error("the game does not end")
			return nil
		}
	}
	t.Cleanup(func() { _ = stop() })
	return logPath, stop
}

// entries reads the game log.
func entries(t *testing.T, path string) []journal.Entry {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1] // the game may be writing the last line just now
	var out []journal.Entry
	for line := range bytes.Lines(whole) {
		var e journal.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func find(list []journal.Entry, ok func(journal.Entry) bool) *journal.Entry {
	for i := range list {
		if ok(list[i]) {
			return &list[i]
		}
	}
	return nil
}
