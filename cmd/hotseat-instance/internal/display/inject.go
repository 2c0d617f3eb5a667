//go:build linux

package display

import (
	"fmt"
	"io"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"hotseat/cmd/hotseat-instance/internal/input"
)

// Operands of XTestFakeInput (XTEST Extension Protocol, section 3).
const (
	fakeKeyPress      = xproto.KeyPress
	fakeKeyRelease    = xproto.KeyRelease
	fakeButtonPress   = xproto.ButtonPress
	fakeButtonRelease = xproto.ButtonRelease
	fakeMotion        = xproto.MotionNotify

	motionAbsolute = 0
	motionRelative = 1
)

// Injector carries out actions at a display as if hands did. It has one user.
type Injector struct {
	conn *xgb.Conn
	root xproto.Window
}

// connect opens the display. XAUTHORITY must name the display's cookie: the
// library takes it from the environment.
func connect(display string) (*xgb.Conn, error) {
	// The library prints every closed connection on standard error.
	xgb.Logger.SetOutput(io.Discard)
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("connect to display %s: %w", display, err)
	}
	return conn, nil
}

// NewInjector connects to the display, which must have the XTEST extension.
func NewInjector(display string) (*Injector, error) {
	conn, err := connect(display)
	if err != nil {
		return nil, err
	}
	if err := xtest.Init(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("display %s has no XTEST extension: %w", display, err)
	}
	// A game that grabs the server must not hold up the input that would end it.
	xtest.GrabControl(conn, true)
	return &Injector{conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root}, nil
}

// Do carries out actions in order and returns when the X server has processed
// them all (one round trip however many there are; 0.4 ms at the median). After
// an error the display is gone, or nearly so.
func (i *Injector) Do(actions []input.Action) error {
	for n, action := range actions {
		kind, detail := byte(fakeMotion), byte(motionAbsolute)
		switch action.Do {
		case input.Press:
			kind, detail = fakeKeyPress, action.Code
		case input.Release:
			kind, detail = fakeKeyRelease, action.Code
		case input.PressBtn:
			kind, detail = fakeButtonPress, action.Code
		case input.ReleaseBtn:
			kind, detail = fakeButtonRelease, action.Code
		case input.MoveBy:
			detail = motionRelative
		}
		const now, device = 0, 0
		if n < len(actions)-1 {
			xtest.FakeInput(i.conn, kind, detail, now, i.root, int16(action.X), int16(action.Y), device)
			continue
		}
		// Requests are processed in order, so the answer to the last one says that
		// all are done.
		if err := xtest.FakeInputChecked(i.conn, kind, detail, now, i.root, int16(action.X), int16(action.Y), device).Check(); err != nil {
			return fmt.Errorf("inject input: %w", err)
		}
	}
	return nil
}

// Keys that latch, and the modifiers by which the core keymap of Xvfb (pc105) shows that they do.
const (
	capsLockCode = 66
	numLockCode  = 77
	numLockMask  = xproto.ModMask2
)

// Unlock lets go of Caps Lock and Num Lock, which stay on though no key is down: the next player
// would type in capitals.
func (i *Injector) Unlock() error {
	pointer, err := xproto.QueryPointer(i.conn, i.root).Reply()
	if err != nil {
		return fmt.Errorf("look for latched keys: %w", err)
	}
	var taps []input.Action
	for _, lock := range []struct {
		mask uint16
		code byte
	}{{xproto.ModMaskLock, capsLockCode}, {numLockMask, numLockCode}} {
		if pointer.Mask&lock.mask != 0 {
			taps = append(taps, input.Action{Do: input.Press, Code: lock.code}, input.Action{Do: input.Release, Code: lock.code})
		}
	}
	if len(taps) == 0 {
		return nil
	}
	return i.Do(taps)
}

// Close disconnects from the display.
func (i *Injector) Close() { i.conn.Close() }
