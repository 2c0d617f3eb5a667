package local

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"hotseat/backend/auth"
	"hotseat/backend/gate"
	"hotseat/backend/local/appsync"
	"hotseat/backend/playtest"
)

// Gate decides what is published and who hears it: a *gate.Gate in this process, or a *gate.Remote on one
// in another, as a Lambda function is on AWS.
type Gate interface {
	Publish(ctx context.Context, namespace, session string, who auth.Identity, payload json.RawMessage) (json.RawMessage, error)
	Subscribe(ctx context.Context, session string, who auth.Identity) error
}

var (
	_ Gate = (*gate.Gate)(nil)
	_ Gate = (*gate.Remote)(nil)
)

// hooks are the handlers of a namespace: they ask the gate.
type hooks struct {
	namespace string
	gate      Gate
	log       *slog.Logger
}

func (h hooks) OnPublish(ctx context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	if len(p.Segments) != 2 {
		return nil, &appsync.EventError{Type: string(playtest.CodeBadRequest), Message: "a session's channel is /" + h.namespace + "/<session>"}
	}
	outcomes := make([]appsync.Outcome, len(p.Events))
	for i, e := range p.Events {
		out, err := h.gate.Publish(ctx, h.namespace, p.Segments[1], p.Identity, e.Payload)
		var refusal *playtest.Refusal
		switch {
		case errors.As(err, &refusal):
			outcomes[i].Error = eventError(refusal)
		case err != nil:
			// The other events of the request may be in the log already: they are broadcast.
			h.log.Error("the gate failed", "channel", p.Channel, "error", err)
			outcomes[i].Error = &appsync.EventError{
				Type: "MessageProcessingError", Message: "the backend had an error of its own; try again", Status: http.StatusInternalServerError,
			}
		default:
			outcomes[i].Payload = out
		}
	}
	return outcomes, nil
}

func (h hooks) OnSubscribe(ctx context.Context, s appsync.Subscribe) error {
	session := ""
	switch {
	case s.Wildcard && len(s.Segments) == 1:
		session = "*"
	case !s.Wildcard && len(s.Segments) == 2:
		session = s.Segments[1]
	default:
		return &appsync.EventError{Type: string(playtest.CodeBadRequest), Message: "subscribe to /" + h.namespace + "/<session>"}
	}
	err := h.gate.Subscribe(ctx, session, s.Identity)
	var refusal *playtest.Refusal
	if errors.As(err, &refusal) {
		return eventError(refusal)
	}
	return err
}

func eventError(refusal *playtest.Refusal) *appsync.EventError {
	status := http.StatusConflict
	switch refusal.Code {
	case playtest.CodeUnauthorized, playtest.CodeNotAllowed, playtest.CodeMuted, playtest.CodeRemoved, playtest.CodeBanned:
		status = http.StatusForbidden
	case playtest.CodeBadRequest:
		status = http.StatusBadRequest
	case playtest.CodeTooFast:
		status = http.StatusTooManyRequests
	case playtest.CodeTooLarge:
		status = http.StatusRequestEntityTooLarge
	}
	return &appsync.EventError{Type: string(refusal.Code), Message: refusal.Message, Status: status}
}
