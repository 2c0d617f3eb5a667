package testscreen

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Window is a window of one grey, with a title and a process id as window managers read them.
type Window struct {
	ID uint32

	t    testing.TB
	conn *xgb.Conn
}

// OpenWindow maps a window at x, y that is filled with a grey of 0 to 255. It is of this process.
func OpenWindow(t testing.TB, display, title string, x, y, width, height int, grey byte) *Window {
	t.Helper()
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatalf("open display %s: %v", display, err)
	}
	w := &Window{t: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	s := xproto.Setup(conn).DefaultScreen(conn)
	id, err := xproto.NewWindowId(conn)
	w.check(err)
	w.ID = uint32(id)
	level := uint32(grey)
	// The background is painted by the X server, whatever size the window gets.
	w.check(xproto.CreateWindowChecked(conn, s.RootDepth, id, s.Root, int16(x), int16(y), uint16(width), uint16(height), 0,
		xproto.WindowClassInputOutput, s.RootVisual, xproto.CwBackPixel, []uint32{level<<16 | level<<8 | level}).Check())
	w.property(xproto.AtomWmName, xproto.AtomString, 8, []byte(title))
	pid := binary.LittleEndian.AppendUint32(nil, uint32(os.Getpid()))
	name := "_NET_WM_PID"
	atom, err := xproto.InternAtom(conn, false, uint16(len(name)), name).Reply()
	w.check(err)
	w.property(atom.Atom, xproto.AtomCardinal, 32, pid)
	w.Show()
	return w
}

func (w *Window) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("window 0x%x: %v", w.ID, err)
	}
}

func (w *Window) property(name, kind xproto.Atom, format byte, data []byte) {
	w.check(xproto.ChangePropertyChecked(w.conn, xproto.PropModeReplace, xproto.Window(w.ID), name, kind, format,
		uint32(len(data)*8/int(format)), data).Check())
}

// Show maps the window, Hide unmaps it, as a window manager does to minimise it.
func (w *Window) Show() { w.check(xproto.MapWindowChecked(w.conn, xproto.Window(w.ID)).Check()) }

// Hide: see Show.
func (w *Window) Hide() { w.check(xproto.UnmapWindowChecked(w.conn, xproto.Window(w.ID)).Check()) }

// Place moves the window and gives it another size.
func (w *Window) Place(x, y, width, height int) {
	w.check(xproto.ConfigureWindowChecked(w.conn, xproto.Window(w.ID),
		xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowWidth|xproto.ConfigWindowHeight,
		[]uint32{uint32(x), uint32(y), uint32(width), uint32(height)}).Check())
}

// Close destroys the window.
func (w *Window) Close() { w.check(xproto.DestroyWindowChecked(w.conn, xproto.Window(w.ID)).Check()) }

// Point moves the display's pointer.
func (w *Window) Point(x, y int) {
	root := xproto.Setup(w.conn).DefaultScreen(w.conn).Root
	w.check(xproto.WarpPointerChecked(w.conn, 0, root, 0, 0, 0, 0, int16(x), int16(y)).Check())
}
