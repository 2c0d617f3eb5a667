//go:build linux

package display

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"hotseat/cmd/hotseat-instance/internal/input"
	"hotseat/cmd/hotseat-instance/internal/launch"
)

const patience = 30 * time.Second

// startDisplay runs a real Xvfb; without one these tests fail, for they could show
// nothing.
func startDisplay(t *testing.T) *Server {
	t.Helper()
	children, err := launch.Adopt(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := Start(ctx, children, t.TempDir(), 640, 480)
	t.Cleanup(func() {
		if err := children.End(time.Second); err != nil {
			t.Error(err)
		}
		children.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XAUTHORITY", server.Authority)
	return server
}

// gameWindow is a window that logs what happens to it, as a game would see it.
type gameWindow struct {
	conn   *xgb.Conn
	window xproto.Window
	events chan string
}

func openWindow(t *testing.T, display string, x, y int16, width, height uint16) *gameWindow {
	t.Helper()
	conn, err := connect(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	screen := xproto.Setup(conn).DefaultScreen(conn)
	window, err := xproto.NewWindowId(conn)
	if err != nil {
		t.Fatal(err)
	}
	const mask = xproto.EventMaskKeyPress | xproto.EventMaskKeyRelease | xproto.EventMaskButtonPress |
		xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion | xproto.EventMaskFocusChange
	xproto.CreateWindow(conn, screen.RootDepth, window, screen.Root, x, y, width, height, 0,
		xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwEventMask, []uint32{mask})
	if err := xproto.MapWindowChecked(conn, window).Check(); err != nil {
		t.Fatal(err)
	}
	game := &gameWindow{conn: conn, window: window, events: make(chan string, 256)}
	go func() {
		for {
			event, err := conn.WaitForEvent()
			if event == nil && err == nil {
				return
			}
			switch e := event.(type) {
			case xproto.KeyPressEvent:
				game.events <- fmt.Sprintf("key %d down", e.Detail)
			case xproto.KeyReleaseEvent:
				game.events <- fmt.Sprintf("key %d up", e.Detail)
			case xproto.ButtonPressEvent:
				game.events <- fmt.Sprintf("button %d down", e.Detail)
			case xproto.ButtonReleaseEvent:
				game.events <- fmt.Sprintf("button %d up", e.Detail)
			case xproto.MotionNotifyEvent:
				game.events <- fmt.Sprintf("pointer %d,%d", e.EventX, e.EventY)
			case xproto.FocusInEvent:
				game.events <- "focus"
			}
		}
	}()
	return game
}

// hears waits for these events in this order, with nothing between them.
func (g *gameWindow) hears(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	limit := time.After(patience)
	for len(got) < len(want) {
		select {
		case event := <-g.events:
			got = append(got, event)
		case <-limit:
			t.Fatalf("the game heard %q, want %q", got, want)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the game heard %q, want %q", got, want)
	}
}

// waitsFor skips events until this one.
func (g *gameWindow) waitsFor(t *testing.T, want string) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case event := <-g.events:
			if event == want {
				return
			}
		case <-limit:
			t.Fatalf("the game never heard %q", want)
		}
	}
}

func TestGameHearsWhatThePlayerDoes(t *testing.T) {
	server := startDisplay(t)
	focus, err := KeepFocus(server.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(focus.Close)
	game := openWindow(t, server.Name, 0, 0, 640, 480)
	game.waitsFor(t, "focus")
	injector, err := NewInjector(server.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(injector.Close)

	hands := &input.Hands{Width: 640, Height: 480}
	message, err := input.Decode([]byte(`{"n":9,"held":["KeyW","ShiftLeft"],"buttons":[0],"events":[
		[1,"m",100,120],[2,"kd","KeyW"],[3,"kd","Space"],[4,"ku","Space"],[5,"r",10,-20],
		[6,"bd",0],[7,"w",0,1],[8,"w",-1,0],[9,"kd","ShiftLeft"]]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := injector.Do(hands.Apply(message)); err != nil {
		t.Fatal(err)
	}
	game.hears(t,
		"pointer 100,120", "key 25 down", "key 65 down", "key 65 up", "pointer 110,100",
		"button 1 down", "button 5 down", "button 5 up", "button 6 down", "button 6 up", "key 50 down")
	if err := injector.Do(hands.ReleaseAll()); err != nil {
		t.Fatal(err)
	}
	game.hears(t, "button 1 up", "key 50 up", "key 25 up")
}

func TestFocusFollowsTheLargestWindow(t *testing.T) {
	server := startDisplay(t)
	focus, err := KeepFocus(server.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(focus.Close)
	splash := openWindow(t, server.Name, 500, 300, 100, 100)
	splash.waitsFor(t, "focus")
	pointer, err := xproto.QueryPointer(splash.conn, splash.window).Reply()
	if err != nil || pointer.WinX < 0 || pointer.WinY < 0 || pointer.WinX >= 100 || pointer.WinY >= 100 {
		// The pointer is moved after the focus was given: it may take one more turn.
		splash.waitsFor(t, "pointer 50,50")
	}
	game := openWindow(t, server.Name, 0, 0, 320, 240)
	game.waitsFor(t, "focus")
	xproto.UnmapWindow(game.conn, game.window)
	splash.waitsFor(t, "focus")
}

func TestDisplayIsClosedToWhoHasNoCookie(t *testing.T) {
	server := startDisplay(t)
	t.Setenv("XAUTHORITY", os.DevNull)
	if conn, err := connect(server.Name); err == nil {
		conn.Close()
		t.Fatal("connected without the cookie")
	}
}

func TestImpossibleSizesAreRefused(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {1281, 720}, {1280, 721}, {100, 100}, {5000, 160}, {1922, 1080}} {
		if CheckSize(size[0], size[1]) == nil {
			t.Errorf("%dx%d is accepted", size[0], size[1])
		}
	}
	for _, size := range [][2]int{{1280, 720}, {1920, 1080}, {160, 160}} {
		if err := CheckSize(size[0], size[1]); err != nil {
			t.Error(err)
		}
	}
}

func TestLatchedKeysAreUnlatchedForTheNextPlayer(t *testing.T) {
	server := startDisplay(t)
	injector, err := NewInjector(server.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer injector.Close()
	mask := func() uint16 {
		t.Helper()
		pointer, err := xproto.QueryPointer(injector.conn, injector.root).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return pointer.Mask & (xproto.ModMaskLock | numLockMask)
	}
	for _, code := range []byte{capsLockCode, numLockCode} {
		if err := injector.Do([]input.Action{{Do: input.Press, Code: code}, {Do: input.Release, Code: code}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := mask(); got != xproto.ModMaskLock|numLockMask {
		t.Fatalf("modifiers %b after pressing both lock keys; this display does not latch them as ours do", got)
	}
	if err := injector.Unlock(); err != nil {
		t.Fatal(err)
	}
	if got := mask(); got != 0 {
		t.Errorf("modifiers %b are left on", got)
	}
}
