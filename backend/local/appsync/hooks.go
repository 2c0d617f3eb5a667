package appsync

import (
	"context"
	"encoding/json"

	"hotseat/backend/auth"
)

// Hooks are the handlers of a namespace: on AWS its onPublish and onSubscribe functions.
//
// OnPublish is called by one publisher at a time for each channel, while other publishers
// of that channel wait; for different channels it is called at the same time. Its context
// does not end when the publisher goes away, so that what it has begun to store it can
// finish and broadcast. It must not publish to its own channel and wait for the answer.
type Hooks interface {
	// OnPublish returns one Outcome for each event, in the same order. An error refuses all
	// events: an *EventError as it says, any other as a failure of the service, whose text
	// goes to the log and not to the publisher.
	OnPublish(ctx context.Context, p Publish) ([]Outcome, error)
	// OnSubscribe refuses by an error, with the same meaning.
	OnSubscribe(ctx context.Context, s Subscribe) error
}

// Publish is one publish request.
type Publish struct {
	Channel  string   // normalised: "/playtest/s-1"
	Segments []string // "playtest", "s-1"
	Identity auth.Identity
	AuthMode AuthMode
	Events   []InEvent // at least one
}

// InEvent is one published event.
type InEvent struct {
	ID      string          // the identifier in the answer to the publisher
	Payload json.RawMessage // any JSON value, as the publisher wrote it
}

// Subscribe is one subscribe request.
type Subscribe struct {
	Channel  string   // normalised: "/playtest/s-1", "/playtest/*"
	Segments []string // "playtest", "s-1"; without the "*"
	Wildcard bool     // the channels below Segments
	Identity auth.Identity
	AuthMode AuthMode
}

// Outcome says what becomes of one event. The zero value drops it silently: the publisher
// hears that it succeeded and nobody hears of it.
type Outcome struct {
	Payload json.RawMessage // to be broadcast in place of what was published
	Error   *EventError     // refuses the event; Payload is ignored
}

// EventError is a refusal that the client may read.
type EventError struct {
	Type    string // a word for programs: "TooFast"
	Message string // a sentence for people
	// Status of the HTTP answer when all events of a request were refused; 0 means 400, or
	// what fits a Type of the service itself. It is not sent over a WebSocket.
	Status int
}

// Error is the type and the message.
func (e *EventError) Error() string { return e.Type + ": " + e.Message }
