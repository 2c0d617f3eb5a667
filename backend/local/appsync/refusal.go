package appsync

import (
	"errors"
	"fmt"
	"net/http"

	"hotseat/backend/events"
)

// Refusals with the service's own words.
var (
	errUnauthorized = &EventError{Type: events.ErrorTypeUnauthorizedException, Status: http.StatusUnauthorized,
		Message: "You are not authorized to make this call."}
	errUnsupported = &EventError{Type: events.ErrorTypeUnsupported,
		Message: "Operation not supported through the realtime channel"}
	errChannel = &EventError{Type: events.ErrorTypeBadRequest, Message: events.ErrBadChannel.Error()}
)

// Refusals for which the service's words are not known.
var (
	errTooFast = &EventError{Type: events.ErrorTypeLimitExceeded, Status: http.StatusTooManyRequests,
		Message: "Rate limit exceeded: publish more slowly"}
	errProcessing = &EventError{Type: events.ErrorTypeProcessing, Status: http.StatusInternalServerError,
		Message: "The event could not be processed. Try again"}
	errOperationID = &EventError{Type: events.ErrorTypeBadRequest,
		Message: "An operation needs an id of 1 to 128 letters, digits, -, _ or +"}
	errSignInAway = &EventError{Type: "ServiceUnavailableException", Status: http.StatusServiceUnavailable,
		Message: "The sign-in service cannot be reached. Try again"}
)

func badRequest(format string, args ...any) *EventError {
	return &EventError{Type: events.ErrorTypeBadRequest, Message: fmt.Sprintf(format, args...)}
}

// refusalOf turns an error of a hook into what the client may know.
func (s *Server) refusalOf(err error, doing, channel string) *EventError {
	var refusal *EventError
	if errors.As(err, &refusal) {
		return refusal
	}
	s.log.Error("a hook of the event channels failed", "doing", doing, "channel", channel, "error", err)
	return errProcessing
}

func (e *EventError) wire() events.WireError {
	return events.WireError{ErrorType: e.Type, Message: e.Message}
}

// status of an HTTP answer that carries this refusal.
func (e *EventError) status() int {
	switch {
	case e.Status >= 400 && e.Status <= 599:
		return e.Status
	case e.Type == events.ErrorTypeUnauthorized:
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}
