package x11

import (
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// read turns protocol events into ours until the connection ends.
func (w *Window) read() {
	defer close(w.done)
	defer close(w.events)
	down := map[xproto.Keycode]bool{}
	for {
		raw, fault := w.conn.WaitForEvent()
		if raw == nil && fault == nil {
			w.tell(Event{Kind: Closed})
			return
		}
		if fault != nil {
			continue // of a request nobody waits for, such as the cursor's
		}
		switch e := raw.(type) {
		case xproto.KeyPressEvent:
			if down[e.Detail] {
				continue // the server repeats held keys
			}
			down[e.Detail] = true
			w.tell(Event{Kind: KeyDown, Code: Code(e.Detail)})
		case xproto.KeyReleaseEvent:
			if !down[e.Detail] {
				continue
			}
			delete(down, e.Detail)
			w.tell(Event{Kind: KeyUp, Code: Code(e.Detail)})
		case xproto.ButtonPressEvent:
			if b, ok := button(e.Detail); ok {
				w.tell(Event{Kind: ButtonDown, Button: b, X: int(e.EventX), Y: int(e.EventY)})
			}
		case xproto.ButtonReleaseEvent:
			if b, ok := button(e.Detail); ok {
				w.tell(Event{Kind: ButtonUp, Button: b, X: int(e.EventX), Y: int(e.EventY)})
			}
		case xproto.MotionNotifyEvent:
			w.tell(Event{Kind: Motion, X: int(e.EventX), Y: int(e.EventY)})
		case xproto.FocusOutEvent:
			// Releases go to another window from here on.
			if e.Mode == xproto.NotifyModeNormal && e.Detail != xproto.NotifyDetailInferior && e.Detail != xproto.NotifyDetailPointer {
				clear(down)
				w.tell(Event{Kind: FocusLost})
			}
		case xproto.ClientMessageEvent:
			if e.Type == w.protocols && e.Format == 32 && xproto.Atom(e.Data.Data32[0]) == w.deleteWindow {
				w.tell(Event{Kind: Closed})
				return
			}
		case xproto.DestroyNotifyEvent:
			w.tell(Event{Kind: Closed})
			return
		}
	}
}

// tell delivers an event, or gives up when the window is being closed.
func (w *Window) tell(e Event) {
	e.At = time.Now()
	select {
	case w.events <- e:
	case <-w.closing:
	}
}

// button maps X buttons to MouseEvent.button; wheels are not buttons there.
func button(b xproto.Button) (int, bool) {
	switch b {
	case 1, 2, 3:
		return int(b) - 1, true
	case 8, 9:
		return int(b) - 5, true
	}
	return 0, false
}

// detectRepeat asks the server to send repeats of a held key as presses only,
// without a release before each (X Keyboard Extension, "PerClientFlags",
// XkbPCF_DetectableAutoRepeat): a repeat is then a press of a key that is down.
// xgb has no XKEYBOARD, so the two requests are written here. When the server
// refuses, a held key looks like fast typing, which the game can live with.
func detectRepeat(conn *xgb.Conn) {
	const name = "XKEYBOARD"
	reply, err := xproto.QueryExtension(conn, uint16(len(name)), name).Reply()
	if err != nil || !reply.Present {
		return
	}
	const (
		useExtension   = 0
		perClientFlags = 21
		coreKeyboard   = 0x100
		detectable     = 1
	)
	use := make([]byte, 8)
	use[0], use[1] = reply.MajorOpcode, useExtension
	xgb.Put16(use[2:], 2) // length in units of four bytes
	xgb.Put16(use[4:], 1) // version 1.0
	request(conn, use)
	flags := make([]byte, 28)
	flags[0], flags[1] = reply.MajorOpcode, perClientFlags
	xgb.Put16(flags[2:], 7)
	xgb.Put16(flags[4:], coreKeyboard)
	xgb.Put32(flags[8:], detectable)  // change
	xgb.Put32(flags[12:], detectable) // value
	request(conn, flags)
}

// request sends a request with a reply and waits for it.
func request(conn *xgb.Conn, buf []byte) {
	cookie := conn.NewCookie(true, true)
	conn.NewRequest(buf, cookie)
	_, _ = cookie.Reply()
}
