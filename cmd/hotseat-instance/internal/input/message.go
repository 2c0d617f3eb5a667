// Package input turns what a page sends on inputChannel into what has to happen
// at the display: docs/protocol.md, "Playing". It is pure: bytes and a state in, a
// list of actions out. It knows no X11, no WebRTC, no clock.
//
// Messages arrive over an unreliable, unordered channel, so each carries the
// recent history and the whole state. An event is applied at most once and in
// order; an event that was lost for good is made up for by reconciling with the
// state; an older message that arrives late changes nothing. A lost message
// therefore neither loses a tap nor leaves a key down.
package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Limits of one message (docs/protocol.md).
const (
	MaxMessage = 4096 // bytes, checked before parsing
	MaxEvents  = 32   // newest events carried
	MaxHeld    = 64   // keys down at once: far above what hands or keyboards can do
	MaxButtons = 8    // mouse buttons down at once
	maxWheel   = 10   // steps of one wheel event, either way
	maxStep    = 4096 // pixels of one relative move: beyond any screen we make
	maxNumber  = 1 << 53
)

// ErrMessage reports a message that breaks the protocol. Nothing of it is applied.
var ErrMessage = errors.New("malformed input message")

// Kind of an event, as written on the wire.
type Kind string

// The kinds of docs/protocol.md. Others are skipped, so that pages may be newer.
const (
	KeyDown      Kind = "kd"
	KeyUp        Kind = "ku"
	ButtonDown   Kind = "bd"
	ButtonUp     Kind = "bu"
	PointerTo    Kind = "m"
	PointerBy    Kind = "r"
	WheelBy      Kind = "w"
	kindUnknown  Kind = ""
	notANumber        = math.MaxInt32
	coordinateOK      = 1 << 20
)

// Event is one change that a person made.
type Event struct {
	Number int64  // from 1, per connection
	Kind   Kind   // kindUnknown: to be skipped
	Code   string // KeyboardEvent.code of KeyDown and KeyUp
	Button int    // MouseEvent.button of ButtonDown and ButtonUp
	X, Y   int    // pixels, or steps of WheelBy
}

// Message is one decoded message of inputChannel.
type Message struct {
	Newest  int64    // "n"
	Held    []string // codes of all keys down after event Newest, in the order of pressing
	Buttons []int    // mouse buttons down after event Newest
	Events  []Event  // oldest first, numbers rising, none above Newest
}

// Decode parses one message. Errors wrap ErrMessage.
func Decode(data []byte) (Message, error) {
	if len(data) > MaxMessage {
		return Message{}, fmt.Errorf("%w: %d bytes, at most %d", ErrMessage, len(data), MaxMessage)
	}
	var raw struct {
		N       int64               `json:"n"`
		Held    []string            `json:"held"`
		Buttons []int               `json:"buttons"`
		Events  [][]json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	switch {
	case raw.N < 0 || raw.N > maxNumber:
		return Message{}, fmt.Errorf("%w: n is %d", ErrMessage, raw.N)
	case len(raw.Held) > MaxHeld:
		return Message{}, fmt.Errorf("%w: %d keys held, at most %d", ErrMessage, len(raw.Held), MaxHeld)
	case len(raw.Buttons) > MaxButtons:
		return Message{}, fmt.Errorf("%w: %d buttons held, at most %d", ErrMessage, len(raw.Buttons), MaxButtons)
	case len(raw.Events) > MaxEvents:
		return Message{}, fmt.Errorf("%w: %d events, at most %d", ErrMessage, len(raw.Events), MaxEvents)
	}
	message := Message{Newest: raw.N, Held: raw.Held, Buttons: raw.Buttons}
	var last int64
	for _, fields := range raw.Events {
		event, err := decodeEvent(fields)
		if err != nil {
			return Message{}, err
		}
		if event.Number <= last || event.Number > raw.N {
			return Message{}, fmt.Errorf("%w: event %d after %d, with n %d", ErrMessage, event.Number, last, raw.N)
		}
		last = event.Number
		message.Events = append(message.Events, event)
	}
	return message, nil
}

func decodeEvent(fields []json.RawMessage) (Event, error) {
	var event Event
	var kind string
	if len(fields) < 2 || json.Unmarshal(fields[0], &event.Number) != nil || json.Unmarshal(fields[1], &kind) != nil {
		return event, fmt.Errorf("%w: an event is [number, kind, …]", ErrMessage)
	}
	operands := fields[2:]
	event.Kind = Kind(kind)
	want, ok := 1, true
	switch event.Kind {
	case KeyDown, KeyUp:
		ok = len(operands) >= 1 && json.Unmarshal(operands[0], &event.Code) == nil
	case ButtonDown, ButtonUp:
		ok = len(operands) >= 1 && json.Unmarshal(operands[0], &event.Button) == nil
	case PointerTo, PointerBy, WheelBy:
		want = 2
		ok = len(operands) >= 2
		if ok {
			event.X, event.Y = whole(operands[0]), whole(operands[1])
			ok = event.X != notANumber && event.Y != notANumber
		}
	default:
		event.Kind = kindUnknown
	}
	if !ok {
		return event, fmt.Errorf("%w: event kind %q needs %d fitting operands", ErrMessage, kind, want)
	}
	return event, nil
}

// whole reads a JSON number and rounds it: browsers report fractions of pixels on
// scaled screens. Anything beyond coordinateOK is cut there.
func whole(raw json.RawMessage) int {
	var number *float64
	if json.Unmarshal(raw, &number) != nil || number == nil {
		return notANumber
	}
	return int(math.Round(clamp(*number, -coordinateOK, coordinateOK)))
}

func clamp[T int | float64](value, low, high T) T { return max(low, min(high, value)) }
