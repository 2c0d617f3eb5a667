// Package x11 puts frames into a window and brings back keys and pointer. It
// speaks the X protocol in pure Go and shares memory with the server (MIT-SHM)
// where it can, which costs a fifth of sending pixels through the socket.
//
// Events are delivered in order and none is dropped: the reader of Events must
// keep reading. It does not know the game.
package x11

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Event is one thing the person or the server did.
type Event struct {
	Kind   Kind
	Code   string // KeyDown, KeyUp: KeyboardEvent.code
	Button int    // ButtonDown, ButtonUp: MouseEvent.button (0 left, 1 middle, 2 right)
	X, Y   int    // Motion and buttons: pixels in the window
	At     time.Time
}

// Kind of an Event.
type Kind int

// The kinds. Closed comes last: the window or the server is gone.
const (
	KeyDown Kind = iota
	KeyUp
	ButtonDown
	ButtonUp
	Motion
	FocusLost
	Closed
)

// Config describes the window.
type Config struct {
	Display       string // empty: $DISPLAY
	Title         string
	Width, Height int  // pixels
	NoSharing     bool // never share memory, as for a display on another machine
}

// Window is an open window. Show belongs to one goroutine.
type Window struct {
	conn    *xgb.Conn
	window  xproto.Window
	gc      xproto.Gcontext
	width   int
	height  int
	depth   byte
	frame   []byte
	shared  *segment // nil: pixels go through the socket
	events  chan Event
	closing chan struct{}
	done    chan struct{}
	once    sync.Once

	protocols, deleteWindow xproto.Atom
}

// eventsKept is more than a person can do in a frame; beyond it the reader of
// the socket waits.
const eventsKept = 256

func init() {
	// The library logs the end of a connection as an error; here it is an event.
	xgb.Logger.SetOutput(io.Discard)
}

// Open opens a window at the top left corner of the display.
func Open(cfg Config) (*Window, error) {
	conn, err := xgb.NewConnDisplay(cfg.Display)
	if err != nil {
		return nil, fmt.Errorf("open X display %q (is DISPLAY right, is Xvfb running?): %w", cfg.Display, err)
	}
	w := &Window{
		conn: conn, width: cfg.Width, height: cfg.Height,
		events: make(chan Event, eventsKept), closing: make(chan struct{}), done: make(chan struct{}),
	}
	if err := w.create(cfg); err != nil {
		if w.shared != nil {
			w.shared.close()
		}
		conn.Close()
		return nil, err
	}
	go w.read()
	return w, nil
}

func (w *Window) create(cfg Config) error {
	setup := xproto.Setup(w.conn)
	screen := setup.DefaultScreen(w.conn)
	w.depth = screen.RootDepth
	if err := usable(setup, screen); err != nil {
		return err
	}
	id, err := xproto.NewWindowId(w.conn)
	if err != nil {
		return fmt.Errorf("reserve a window id: %w", err)
	}
	w.window = id
	const events = xproto.EventMaskKeyPress | xproto.EventMaskKeyRelease | xproto.EventMaskButtonPress |
		xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion | xproto.EventMaskFocusChange |
		xproto.EventMaskStructureNotify
	// Values come in the order of their bits: background, events.
	err = xproto.CreateWindowChecked(w.conn, w.depth, id, screen.Root, 0, 0, uint16(w.width), uint16(w.height), 0,
		xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwBackPixel|xproto.CwEventMask, []uint32{0x1a1440, events}).Check()
	if err != nil {
		return fmt.Errorf("create window: %w", err)
	}
	xproto.ChangeProperty(w.conn, xproto.PropModeReplace, id, xproto.AtomWmName, xproto.AtomString, 8, uint32(len(cfg.Title)), []byte(cfg.Title))
	w.askForCloseMessages()
	w.hidePointer(screen)
	if w.gc, err = xproto.NewGcontextId(w.conn); err != nil {
		return fmt.Errorf("reserve a graphics context id: %w", err)
	}
	if err := xproto.CreateGCChecked(w.conn, w.gc, xproto.Drawable(id), 0, nil).Check(); err != nil {
		return fmt.Errorf("create graphics context: %w", err)
	}
	detectRepeat(w.conn)
	if !cfg.NoSharing {
		w.shared = share(w.conn, w.width*w.height*4)
	}
	if w.shared != nil {
		w.frame = w.shared.mem
	} else {
		w.frame = make([]byte, w.width*w.height*4)
	}
	if err := xproto.MapWindowChecked(w.conn, id).Check(); err != nil {
		return fmt.Errorf("show window: %w", err)
	}
	if !managed(w.conn, screen.Root) {
		// Nobody else hands out the keyboard: take it. A refusal (the window is
		// not viewable yet) leaves the server's default, the pointer's window.
		_ = xproto.SetInputFocusChecked(w.conn, xproto.InputFocusPointerRoot, id, xproto.TimeCurrentTime).Check()
	}
	return nil
}

// usable checks that pixels can be written as 0xXXRRGGBB.
func usable(setup *xproto.SetupInfo, screen *xproto.ScreenInfo) error {
	if setup.ImageByteOrder != xproto.ImageOrderLSBFirst {
		return errors.New("display wants most significant byte first, which is not supported")
	}
	bits := byte(0)
	for _, f := range setup.PixmapFormats {
		if f.Depth == screen.RootDepth {
			bits = f.BitsPerPixel
		}
	}
	for _, d := range screen.AllowedDepths {
		for _, v := range d.Visuals {
			if v.VisualId == screen.RootVisual && bits == 32 && v.RedMask == 0xff0000 && v.GreenMask == 0xff00 && v.BlueMask == 0xff {
				return nil
			}
		}
	}
	return fmt.Errorf("display has depth %d with %d bits a pixel: start it with a depth of 24, as in Xvfb -screen 0 1280x720x24", screen.RootDepth, bits)
}

// askForCloseMessages makes a window manager ask before it closes the window.
// (ICCCM, 4.2.8.1.)
func (w *Window) askForCloseMessages() {
	w.protocols, w.deleteWindow = atom(w.conn, "WM_PROTOCOLS"), atom(w.conn, "WM_DELETE_WINDOW")
	if w.protocols == 0 || w.deleteWindow == 0 {
		return
	}
	value := make([]byte, 4)
	xgb.Put32(value, uint32(w.deleteWindow))
	xproto.ChangeProperty(w.conn, xproto.PropModeReplace, w.window, w.protocols, xproto.AtomAtom, 32, 1, value)
}

func atom(conn *xgb.Conn, name string) xproto.Atom {
	reply, err := xproto.InternAtom(conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return 0
	}
	return reply.Atom
}

// managed tells whether a window manager runs.
// (Extended Window Manager Hints, _NET_SUPPORTING_WM_CHECK.)
func managed(conn *xgb.Conn, root xproto.Window) bool {
	reply, err := xproto.GetProperty(conn, false, root, atom(conn, "_NET_SUPPORTING_WM_CHECK"), xproto.AtomWindow, 0, 1).Reply()
	return err == nil && reply.ValueLen > 0
}

// hidePointer gives the window an empty cursor: the game draws its own.
func (w *Window) hidePointer(screen *xproto.ScreenInfo) {
	pixmap, err := xproto.NewPixmapId(w.conn)
	if err != nil {
		return
	}
	cursor, err := xproto.NewCursorId(w.conn)
	if err != nil {
		return
	}
	xproto.CreatePixmap(w.conn, 1, pixmap, xproto.Drawable(screen.Root), 1, 1)
	if gc, err := xproto.NewGcontextId(w.conn); err == nil {
		xproto.CreateGC(w.conn, gc, xproto.Drawable(pixmap), xproto.GcForeground, []uint32{0})
		xproto.PolyFillRectangle(w.conn, xproto.Drawable(pixmap), gc, []xproto.Rectangle{{Width: 1, Height: 1}})
		xproto.FreeGC(w.conn, gc)
	}
	xproto.CreateCursor(w.conn, cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)
	xproto.FreePixmap(w.conn, pixmap)
	xproto.ChangeWindowAttributes(w.conn, w.window, xproto.CwCursor, []uint32{uint32(cursor)})
}

// Frame is the memory to draw the next frame into: Width x Height pixels of
// 0xXXRRGGBB without padding. It is free to be changed whenever Show is not
// running.
func (w *Window) Frame() []byte { return w.frame }

// Shared tells whether frames are shared with the server rather than sent.
func (w *Window) Shared() bool { return w.shared != nil }

// Events brings what happens; after a Closed event it is closed.
func (w *Window) Events() <-chan Event { return w.events }

// Show puts the frame on the screen and returns once the server has taken it.
func (w *Window) Show() error {
	var err error
	if w.shared != nil {
		err = w.shared.put(w)
	} else {
		err = w.send()
	}
	if err != nil {
		return fmt.Errorf("show frame: %w", err)
	}
	return nil
}

// send transfers the frame in pieces that fit a request.
// (X Window System Protocol, "PutImage" and maximum-request-length, in units of
// four bytes.)
func (w *Window) send() error {
	stride := w.width * 4
	limit := int(xproto.Setup(w.conn).MaximumRequestLength)*4 - 24
	rows := max(limit/stride, 1)
	for y := 0; y < w.height; y += rows {
		n := min(rows, w.height-y)
		xproto.PutImage(w.conn, xproto.ImageFormatZPixmap, xproto.Drawable(w.window), w.gc,
			uint16(w.width), uint16(n), 0, int16(y), 0, w.depth, w.frame[y*stride:(y+n)*stride])
	}
	// A round trip: the frame must not change while pieces wait in a queue.
	_, err := xproto.GetInputFocus(w.conn).Reply()
	return err
}

// Close closes the window and waits until the reader is gone.
func (w *Window) Close() {
	w.once.Do(func() {
		close(w.closing)
		w.conn.Close()
		<-w.done
		if w.shared != nil {
			w.shared.close()
		}
	})
}
