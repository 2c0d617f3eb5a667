package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// maxEvent bounds one line. AppSync Events carries up to 240 KB; what people do in a session
// has less than one.
const maxEvent = 64 << 10

// leftOut are the actions that no game needs and that come every second.
var leftOut = map[string]bool{"THUMBNAIL": true, "SIDECAR_HEALTH": true, "PRESENCE": true}

// seat is the first line of every connection.
type seat struct {
	Action string          `json:"action"`
	Holder json.RawMessage `json:"holder"` // a person, or null
	Epoch  int64           `json:"epoch"`
}

var emptySeat = seat{Action: "SEAT", Holder: json.RawMessage("null")}

// event is what the bridge reads of an event.
type event struct {
	Action string          `json:"action"`
	Holder json.RawMessage `json:"holder"`
	Epoch  int64           `json:"epoch"`
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

// after is the seat once e has happened. Epochs only rise, so an event that comes late or
// twice changes nothing.
func (s seat) after(e event) seat {
	if e.Epoch < s.Epoch {
		return s
	}
	switch e.Action {
	case "SEAT_TAKEN", "HANDOVER_FAILED":
		s.Epoch, s.Holder = e.Epoch, e.Holder
	case "SEAT_RELEASED":
		s.Epoch, s.Holder = e.Epoch, nil
	default:
		return s
	}
	if len(s.Holder) == 0 {
		s.Holder = emptySeat.Holder
	}
	return s
}

func (s seat) line() []byte {
	b, err := json.Marshal(s)
	if err != nil { // Holder was read from valid JSON
		b, _ = json.Marshal(emptySeat)
	}
	return append(b, '\n')
}
