package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MaxAuthorizationFields bounds the fields of an authorization object. A SigV4 request
// has seven; clients add a user agent and a date.
const MaxAuthorizationFields = 32

// ErrBadFrame says that bytes from the network are not a frame of this protocol.
var ErrBadFrame = errors.New("not an AppSync Events frame")

// ParseClientFrame reads a frame that a client sent. The caller bounds len(data) before.
// Unknown fields are ignored: the Amplify client repeats an operation in a "payload" object,
// and future clients may add others. Whether type, id and channel make sense is not checked
// here. The error wraps ErrBadFrame and can be shown to the client.
func ParseClientFrame(data []byte) (ClientFrame, error) {
	var raw struct {
		Type          string          `json:"type"`
		ID            string          `json:"id"`
		Channel       json.RawMessage `json:"channel"`
		Events        json.RawMessage `json:"events"`
		Authorization Authorization   `json:"authorization"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return ClientFrame{}, fmt.Errorf("%w: %s", ErrBadFrame, describeJSONError(err))
	}
	frame := ClientFrame{Type: raw.Type, ID: raw.ID, Authorization: raw.Authorization}
	if len(frame.Authorization) > MaxAuthorizationFields {
		return frame, fmt.Errorf("%w: authorization has more than %d fields", ErrBadFrame, MaxAuthorizationFields)
	}
	if len(raw.Channel) > 0 {
		if err := json.Unmarshal(raw.Channel, &frame.Channel); err != nil {
			return frame, fmt.Errorf("%w: channel must be a string", ErrBadFrame)
		}
	}
	if len(raw.Events) > 0 {
		if err := json.Unmarshal(raw.Events, &frame.Events); err != nil {
			return frame, fmt.Errorf("%w: events must be an array of strings, each holding JSON", ErrBadFrame)
		}
	}
	frame.Signed = signedBody(raw.Channel, raw.Events)
	return frame, nil
}

// signedBody rebuilds the JSON body that a SigV4 signature covers: {} to connect,
// {"channel"} to subscribe, {"channel","events"} to publish. It reuses the bytes of the
// frame, because another JSON encoder may escape the same string differently.
func signedBody(channel, events json.RawMessage) []byte {
	var body bytes.Buffer
	body.WriteByte('{')
	if len(channel) > 0 {
		body.WriteString(`"channel":`)
		body.Write(channel)
	}
	if len(events) > 0 {
		if len(channel) > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`"events":`)
		body.Write(events)
	}
	body.WriteByte('}')
	var compact bytes.Buffer
	if err := json.Compact(&compact, body.Bytes()); err != nil {
		return body.Bytes()
	}
	return compact.Bytes()
}

// ParseServerFrame reads a frame that a server sent. The caller bounds len(data) before.
// The error wraps ErrBadFrame.
func ParseServerFrame(data []byte) (ServerFrame, error) {
	var frame ServerFrame
	if err := json.Unmarshal(data, &frame); err != nil {
		return frame, fmt.Errorf("%w: %s", ErrBadFrame, describeJSONError(err))
	}
	if frame.Type == "" {
		return frame, fmt.Errorf("%w: no type", ErrBadFrame)
	}
	if len(frame.Errors) == 0 && frame.Payload != nil {
		frame.Errors = frame.Payload.Errors
	}
	return frame, nil
}

// DataEvents returns the events of a data frame. All known servers send one JSON string;
// the developer guide shows a one-element array in one place, so that is read, too.
// Text that is not JSON is refused.
func (f ServerFrame) DataEvents() ([]json.RawMessage, error) {
	texts := make([]string, 1)
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(f.Event), []byte{'['}) {
		err = json.Unmarshal(f.Event, &texts)
	} else {
		err = json.Unmarshal(f.Event, &texts[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: event of a data frame must be a string", ErrBadFrame)
	}
	found := make([]json.RawMessage, 0, len(texts))
	for _, text := range texts {
		event := json.RawMessage(text)
		if !json.Valid(event) {
			return nil, fmt.Errorf("%w: event of a data frame is not JSON", ErrBadFrame)
		}
		found = append(found, event)
	}
	return found, nil
}

// describeJSONError keeps the place of a JSON error and leaves out Go's type names, which
// mean nothing to the other side.
func describeJSONError(err error) string {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &mismatch) && mismatch.Field != "":
		return fmt.Sprintf("field %s must not be a %s", mismatch.Field, mismatch.Value)
	case errors.As(err, &mismatch):
		return "must be a JSON object"
	}
	return "not JSON"
}
