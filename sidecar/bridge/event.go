package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// maxEvent bounds one line. AppSync Events carries up to 240 KB; what people do in a session
// has less than one.
const maxEvent = 64 << 10

// leftOut are the actions that no game needs and that come every second, and what it said itself.
var leftOut = map[string]bool{
	"THUMBNAIL": true, "SIDECAR_HEALTH": true, "PRESENCE": true, "GAME_STATE": true, "GAME_CAPTION": true,
}

// actionReact is gathered; see reactions.go.
const actionReact = "STREAM_REACT"

// Seat is who plays.
type Seat struct {
	Holder json.RawMessage // a person; null or empty: nobody
	Epoch  int64           // rises with every change of holder
}

// event is what the bridge reads of an event.
type event struct {
	Action   string          `json:"action"`
	Holder   json.RawMessage `json:"holder"`
	Epoch    int64           `json:"epoch"`
	Reaction string          `json:"reaction"`
}

// parse returns an event and the line to send: the event in one line, with the line end.
func parse(raw []byte) (event, []byte, error) {
	if len(raw) > maxEvent {
		return event{}, nil, fmt.Errorf("bridge: event of %d bytes, at most %d are passed on", len(raw), maxEvent)
	}
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return event{}, nil, fmt.Errorf("bridge: event: %w", err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return event{}, nil, fmt.Errorf("bridge: event: %w", err)
	}
	line.WriteByte('\n')
	return e, line.Bytes(), nil
}

// seatState is the seat as far as it is known: a bridge that has just started knows nothing, and
// says nothing, until the session's log or an event tells.
type seatState struct {
	Seat
	known bool
}

// after is the seat once e has happened, and whether that is news. Epochs only rise, so an event
// that comes late or twice changes nothing.
func (s seatState) after(e event) (seatState, bool) {
	switch e.Action {
	case "SEAT_TAKEN", "HANDOVER_FAILED":
		return s.learn(Seat{e.Holder, e.Epoch})
	case "SEAT_RELEASED":
		return s.learn(Seat{nil, e.Epoch})
	}
	return s, false
}

func (s seatState) learn(seat Seat) (seatState, bool) {
	if len(seat.Holder) == 0 {
		seat.Holder = json.RawMessage("null")
	}
	if seat.Epoch < 0 || s.known && (seat.Epoch < s.Epoch || seat.Epoch == s.Epoch && bytes.Equal(seat.Holder, s.Holder)) {
		return s, false
	}
	return seatState{seat, true}, true
}

func (s seatState) line() []byte {
	return encode(struct {
		Action string          `json:"action"`
		Holder json.RawMessage `json:"holder"`
		Epoch  int64           `json:"epoch"`
	}{"SEAT", s.Holder, s.Epoch})
}

// encode makes a line. What is given to it was made here, or read from valid JSON.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(`{"action":"ERROR","code":"Internal","message":"a line could not be written"}`)
	}
	return append(b, '\n')
}
