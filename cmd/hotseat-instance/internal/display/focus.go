//go:build linux

package display

import (
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Focus gives the keyboard to the game's window and places the pointer in it,
// whenever windows come or go. Without a window manager nobody else does, and SDL
// 1.2 games hear keys only while the pointer is inside their window.
//
// The game's window is the largest top-level window that is shown; of equals, the
// topmost.
type Focus struct {
	conn   *xgb.Conn
	root   xproto.Window
	width  int
	height int
	done   chan struct{}
}

// KeepFocus starts doing so.
func KeepFocus(display string) (*Focus, error) {
	conn, err := connect(display)
	if err != nil {
		return nil, err
	}
	screen := xproto.Setup(conn).DefaultScreen(conn)
	focus := &Focus{
		conn: conn, root: screen.Root,
		width: int(screen.WidthInPixels), height: int(screen.HeightInPixels),
		done: make(chan struct{}),
	}
	err = xproto.ChangeWindowAttributesChecked(conn, screen.Root, xproto.CwEventMask,
		[]uint32{xproto.EventMaskSubstructureNotify}).Check()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("watch the windows of display %s: %w", display, err)
	}
	go focus.watch()
	return focus, nil
}

// Close stops.
func (f *Focus) Close() {
	f.conn.Close()
	<-f.done
}

// watch owns nothing but its loop: who has the focus is the X server's state.
func (f *Focus) watch() {
	defer close(f.done)
	f.Place()
	for {
		event, err := f.conn.WaitForEvent()
		if event == nil && err == nil {
			return // the connection is closed
		}
		switch event.(type) {
		case xproto.MapNotifyEvent, xproto.UnmapNotifyEvent, xproto.DestroyNotifyEvent:
			f.Place()
		}
		// Errors are those of windows that vanished between two requests.
	}
}

// Place puts focus and pointer where they belong now. It may be called at any
// time, from any goroutine.
func (f *Focus) Place() {
	window, inside := f.gameWindow()
	if window == 0 {
		return
	}
	now, err := xproto.GetInputFocus(f.conn).Reply()
	if err != nil {
		return
	}
	if !f.isOrIsBelow(now.Focus, window) {
		xproto.SetInputFocus(f.conn, xproto.InputFocusPointerRoot, window, xproto.TimeCurrentTime)
	}
	pointer, err := xproto.QueryPointer(f.conn, f.root).Reply()
	if err != nil {
		return
	}
	if !inside.holds(int(pointer.RootX), int(pointer.RootY)) {
		centre := inside.centre(f.width, f.height)
		xproto.WarpPointer(f.conn, 0, f.root, 0, 0, 0, 0, int16(centre.x), int16(centre.y))
	}
}

// gameWindow finds the game's window, or 0.
func (f *Focus) gameWindow() (xproto.Window, box) {
	var best xproto.Window
	var bestBox box
	tree, err := xproto.QueryTree(f.conn, f.root).Reply()
	if err != nil {
		return 0, bestBox
	}
	// Bottom to top, so that of equally large windows the topmost wins.
	for _, window := range tree.Children {
		attributes, err := xproto.GetWindowAttributes(f.conn, window).Reply()
		if err != nil || attributes.MapState != xproto.MapStateViewable || attributes.Class != xproto.WindowClassInputOutput {
			continue
		}
		geometry, err := xproto.GetGeometry(f.conn, xproto.Drawable(window)).Reply()
		if err != nil {
			continue
		}
		shape := box{int(geometry.X), int(geometry.Y), int(geometry.Width), int(geometry.Height)}
		if shape.width*shape.height >= bestBox.width*bestBox.height {
			best, bestBox = window, shape
		}
	}
	return best, bestBox
}

// isOrIsBelow tells whether a window is ancestor or one of its descendants: a
// toolkit may have given the focus to a child on purpose.
func (f *Focus) isOrIsBelow(window, ancestor xproto.Window) bool {
	const deepest = 16 // no toolkit nests windows deeper; bounds the round trips
	for range deepest {
		if window == ancestor {
			return true
		}
		if window == f.root || window <= xproto.InputFocusPointerRoot {
			return false
		}
		tree, err := xproto.QueryTree(f.conn, window).Reply()
		if err != nil {
			return false
		}
		window = tree.Parent
	}
	return false
}

// box is a rectangle on the display, in pixels.
type box struct{ x, y, width, height int }

type point struct{ x, y int }

func (b box) holds(x, y int) bool {
	return x >= b.x && x < b.x+b.width && y >= b.y && y < b.y+b.height
}

// centre is the middle of what is visible of the box on a display of this size.
func (b box) centre(width, height int) point {
	left, top := max(0, b.x), max(0, b.y)
	right, bottom := min(width, b.x+b.width), min(height, b.y+b.height)
	return point{(left + right) / 2, (top + bottom) / 2}
}
