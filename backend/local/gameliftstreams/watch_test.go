//go:build linux

package gameliftstreams_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// withEnvironment lists processes that have the entry in their environment; all
// that may be read with "".
func withEnvironment(entry string) []int {
	entries, _ := os.ReadDir("/proc")
	var found []int
	for _, name := range entries {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && (entry == "" || slices.Contains(strings.Split(string(environment), "\x00"), entry)) {
			found = append(found, pid)
		}
	}
	return found
}

// watchKeys opens a window as the game would and tells which keys it hears; isDown asks the display, which knows before
// the game hears.
func watchKeys(t *testing.T, display, authority string) (heard <-chan string, isDown func(key byte) bool) {
	t.Helper()
	t.Setenv("XAUTHORITY", authority)
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(conn).DefaultScreen(conn)
	window, err := xproto.NewWindowId(conn)
	if err != nil {
		t.Fatal(err)
	}
	xproto.CreateWindow(conn, screen.RootDepth, window, screen.Root, 0, 0, 640, 360, 0, xproto.WindowClassInputOutput,
		screen.RootVisual, xproto.CwEventMask, []uint32{xproto.EventMaskKeyPress | xproto.EventMaskKeyRelease | xproto.EventMaskFocusChange})
	xproto.MapWindow(conn, window)
	keys, focus, done := make(chan string, 64), make(chan struct{}, 8), make(chan struct{})
	go func() {
		defer close(done)
		for {
			event, err := conn.WaitForEvent()
			if event == nil && err == nil {
				return
			}
			switch e := event.(type) {
			case xproto.KeyPressEvent:
				keys <- fmt.Sprintf("%d down", e.Detail)
			case xproto.KeyReleaseEvent:
				keys <- fmt.Sprintf("%d up", e.Detail)
			case xproto.FocusInEvent:
				focus <- struct{}{}
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	soon(t, "the window has the focus", focus)
	return keys, func(key byte) bool {
		t.Helper()
		state, err := xproto.QueryKeymap(conn).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return state.Keys[key/8]&(1<<(key%8)) != 0
	}
}
