package events

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

var (
	// ErrOffline says that there is no connection now, so nothing was sent.
	ErrOffline = errors.New("not connected to the event channels")
	// ErrUnconfirmed says that the connection broke, or time ran out, after an operation was
	// sent and before it was answered. It may or may not have happened: look in the log.
	ErrUnconfirmed = errors.New("no answer: it may or may not have happened")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("the events client is closed")
	// ErrSlowHandler is the reason of a reconnect when handlers fell too far behind.
	ErrSlowHandler = errors.New("event handlers fell too far behind")
	// ErrSignedOut is for Credentials to wrap when there will be no token any more: signed
	// out, or the sign-in was taken back. The client gives up at once.
	ErrSignedOut = errors.New("signed out")
	// ErrSilent is the reason of a reconnect when keep-alive frames stopped coming.
	ErrSilent = errors.New("no keep-alive from the event channels")
)

// RefusedError is the service, or the handler of a channel, saying no.
type RefusedError struct {
	Operation string // "connect", "subscribe", "publish"
	Channel   string // empty for "connect"
	Type      string // errorType of the first error: "Unauthorized", "TooFast", …
	Message   string // a sentence for a person
	Status    int    // HTTP status, where there was one; otherwise 0
	// Errors are all errors of the answer; the first gave Type and Message.
	Errors []WireError
	// Failed and Successful are set when a publish request succeeded in part.
	Failed     []Failure
	Successful []Published
}

// Error says what was refused, and why.
func (e *RefusedError) Error() string {
	what := e.Operation
	if e.Channel != "" {
		what += " " + e.Channel
	}
	return fmt.Sprintf("%s refused: %s (%s)", what, e.Message, e.Type)
}

// passingTypes are refusals that are no decision about who asks for what. The first is also
// what a token gets that has just run out.
var passingTypes = []string{ErrorTypeUnauthorizedException, ErrorTypeLimitExceeded, ErrorTypeProcessing,
	ErrorTypeDuplicatedOperation, "ServiceUnavailableException", "InternalServerException", "InternalFailureException",
	"InternalErrorException", "ThrottlingException", "TooManyRequestsException", "TooFast", "Unknown"}

// passing tells whether the same may be accepted later.
func (e *RefusedError) passing() bool { return slices.Contains(passingTypes, e.Type) }

// denied tells whether the token was refused, and not something else.
func (e *RefusedError) denied() bool {
	return e.Type == ErrorTypeUnauthorizedException || e.Type == ErrorTypeUnauthorized ||
		e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// refused makes a RefusedError of the errors of a frame, which may be empty.
func refused(operation, channel string, status int, list []WireError) *RefusedError {
	e := &RefusedError{Operation: operation, Channel: channel, Status: status, Errors: list,
		Type: "Unknown", Message: "the service gave no reason"}
	if len(list) > 0 {
		e.Type, e.Message = list[0].ErrorType, list[0].Message
		if e.Status == 0 {
			e.Status = list[0].ErrorCode
		}
	}
	return e
}

// refusedInPart returns nil when every event was accepted.
func refusedInPart(channel string, result PublishResult) error {
	if len(result.Failed) == 0 {
		return nil
	}
	list := make([]WireError, len(result.Failed))
	for i, failure := range result.Failed {
		list[i] = WireError{ErrorType: failure.ErrorType, Message: failure.Message}
	}
	e := refused("publish", channel, 0, list)
	e.Failed, e.Successful = result.Failed, result.Successful
	return e
}
