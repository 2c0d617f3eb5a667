package input

import "slices"

// Do is what an Action does at the display.
type Do uint8

// The actions that XTEST knows. Wheel steps are buttons 4 to 7, as in X11.
const (
	Press      Do = iota // key, by X keycode
	Release              // key, by X keycode
	PressBtn             // button, by X number
	ReleaseBtn           // button, by X number
	MoveTo               // pointer to X, Y
	MoveBy               // pointer by X, Y
)

// Action is one thing to do at the display.
type Action struct {
	Do   Do
	Code byte // X keycode or X button
	X, Y int  // pixels
}

// Hands is what one person holds at the display, and the newest event that was
// applied. The zero value holds nothing. A new connection gets new Hands. It has
// one owner and is not safe for concurrent use.
type Hands struct {
	Width, Height int // of the display; absolute moves are cut to it

	newest  int64
	keys    []byte // X keycodes, in the order of pressing
	buttons []byte // X buttons, in the order of pressing
}

// Apply takes one message and returns what has to be done, in order.
func (h *Hands) Apply(message Message) []Action {
	if message.Newest < h.newest {
		// A late one: all its events are known or made up for.
		return nil
	}
	var actions []Action
	for _, event := range message.Events {
		if event.Number > h.newest {
			actions = h.event(actions, event)
			h.newest = event.Number
		}
	}
	h.newest = message.Newest
	return h.reconcile(actions, message)
}

// Holding tells whether anything is down.
func (h *Hands) Holding() bool { return len(h.keys)+len(h.buttons) > 0 }

// ReleaseAll lets go of everything, the last pressed first.
func (h *Hands) ReleaseAll() []Action {
	var actions []Action
	for _, button := range slices.Backward(slices.Clone(h.buttons)) {
		actions = h.button(actions, button, false)
	}
	for _, key := range slices.Backward(slices.Clone(h.keys)) {
		actions = h.key(actions, key, false)
	}
	return actions
}

func (h *Hands) event(actions []Action, event Event) []Action {
	switch event.Kind {
	case KeyDown, KeyUp:
		if code, known := Keycode(event.Code); known {
			actions = h.key(actions, code, event.Kind == KeyDown)
		}
	case ButtonDown, ButtonUp:
		if number, known := buttonNumber(event.Button); known {
			actions = h.button(actions, number, event.Kind == ButtonDown)
		}
	case PointerTo:
		actions = append(actions, Action{
			Do: MoveTo,
			X:  clamp(event.X, 0, max(0, h.Width-1)),
			Y:  clamp(event.Y, 0, max(0, h.Height-1)),
		})
	case PointerBy:
		actions = append(actions, Action{
			Do: MoveBy,
			X:  clamp(event.X, -maxStep, maxStep),
			Y:  clamp(event.Y, -maxStep, maxStep),
		})
	case WheelBy:
		actions = wheel(actions, clamp(event.Y, -maxWheel, maxWheel), 4, 5)
		actions = wheel(actions, clamp(event.X, -maxWheel, maxWheel), 6, 7)
	}
	return actions
}

// wheel turns steps into clicks: X11 has no wheel, but buttons 4 (up), 5 (down),
// 6 (left) and 7 (right).
func wheel(actions []Action, steps int, negative, positive byte) []Action {
	button := positive
	if steps < 0 {
		button, steps = negative, -steps
	}
	for range steps {
		actions = append(actions, Action{Do: PressBtn, Code: button}, Action{Do: ReleaseBtn, Code: button})
	}
	return actions
}

// reconcile makes what is held equal to what the message says is held.
func (h *Hands) reconcile(actions []Action, message Message) []Action {
	var keys, buttons []byte
	for _, name := range message.Held {
		if code, known := Keycode(name); known {
			keys = append(keys, code)
		}
	}
	for _, browser := range message.Buttons {
		if number, known := buttonNumber(browser); known {
			buttons = append(buttons, number)
		}
	}
	for _, held := range slices.Clone(h.keys) {
		if !slices.Contains(keys, held) {
			actions = h.key(actions, held, false)
		}
	}
	for _, held := range slices.Clone(h.buttons) {
		if !slices.Contains(buttons, held) {
			actions = h.button(actions, held, false)
		}
	}
	for _, code := range keys {
		actions = h.key(actions, code, true)
	}
	for _, number := range buttons {
		actions = h.button(actions, number, true)
	}
	return actions
}

// key presses or releases, if that changes anything: a browser's key repeat is not
// ours to pass on, the X server repeats by itself.
func (h *Hands) key(actions []Action, code byte, down bool) []Action {
	held := slices.Index(h.keys, code)
	switch {
	case down && held < 0:
		h.keys = append(h.keys, code)
		return append(actions, Action{Do: Press, Code: code})
	case !down && held >= 0:
		h.keys = slices.Delete(h.keys, held, held+1)
		return append(actions, Action{Do: Release, Code: code})
	}
	return actions
}

func (h *Hands) button(actions []Action, number byte, down bool) []Action {
	held := slices.Index(h.buttons, number)
	switch {
	case down && held < 0:
		h.buttons = append(h.buttons, number)
		return append(actions, Action{Do: PressBtn, Code: number})
	case !down && held >= 0:
		h.buttons = slices.Delete(h.buttons, held, held+1)
		return append(actions, Action{Do: ReleaseBtn, Code: number})
	}
	return actions
}

// buttonNumber maps MouseEvent.button (left, middle, right, back, forward; UI
// Events, section 3.4.1) to the X button. 4 to 7 are the wheel.
func buttonNumber(browser int) (byte, bool) {
	numbers := [...]byte{1, 2, 3, 8, 9}
	if browser < 0 || browser >= len(numbers) {
		return 0, false
	}
	return numbers[browser], true
}
