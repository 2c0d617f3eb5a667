package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// LambdaRequest is what AppSync Events gives a Lambda function that is the data source of a channel
// namespace with direct integration
// (https://docs.aws.amazon.com/appsync/latest/eventapi/channel-namespace-handlers.html).
type LambdaRequest struct {
	Identity json.RawMessage `json:"identity"`
	Info     struct {
		Channel struct {
			Path     string   `json:"path"`
			Segments []string `json:"segments"` // "playtest", "s-…", or "*" at the end when subscribing
		} `json:"channel"`
		Operation string `json:"operation"` // "PUBLISH" or "SUBSCRIBE"
	} `json:"info"`
	Events []LambdaEvent `json:"events"` // of PUBLISH
}

// LambdaEvent is one event, in and out. Exactly one of Payload and Error is set in an answer.
type LambdaEvent struct {
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// LambdaResponse is the function's answer: the events to broadcast, or why nothing may happen. An event
// that is missing in Events is dropped silently.
type LambdaResponse struct {
	Events []LambdaEvent `json:"events,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// maxLambdaEvents is the service's own limit of events in a publish.
const maxLambdaEvents = 5

// Lambda decides a request as AppSync Events makes it: the same decisions as on one machine, in another
// envelope. An error is the backend's own trouble, and makes AppSync try again or fail the request.
func (g *Gate) Lambda(ctx context.Context, r LambdaRequest) (LambdaResponse, error) {
	who, err := lambdaIdentity(r.Identity)
	if err != nil {
		return LambdaResponse{Error: err.Error()}, nil
	}
	segments := r.Info.Channel.Segments
	if len(segments) != 2 || (segments[0] != NamespacePlaytest && segments[0] != NamespaceLive) {
		return LambdaResponse{Error: fmt.Sprintf("%s: a session's channel is /%s/<session>", playtest.CodeBadRequest, NamespacePlaytest)}, nil
	}
	switch r.Info.Operation {
	case "SUBSCRIBE":
		err := g.Subscribe(ctx, segments[1], who)
		var refusal *playtest.Refusal
		if errors.As(err, &refusal) {
			return LambdaResponse{Error: refusal.Error()}, nil
		}
		return LambdaResponse{}, err
	case "PUBLISH":
		return g.lambdaPublish(ctx, segments[0], segments[1], who, r.Events)
	}
	return LambdaResponse{Error: fmt.Sprintf("%s: unknown operation", playtest.CodeBadRequest)}, nil
}

func (g *Gate) lambdaPublish(ctx context.Context, namespace, session string, who auth.Identity, events []LambdaEvent) (LambdaResponse, error) {
	if len(events) > maxLambdaEvents {
		return LambdaResponse{Error: fmt.Sprintf("%s: at most %d events", playtest.CodeTooLarge, maxLambdaEvents)}, nil
	}
	var response LambdaResponse
	for _, e := range events {
		out, err := g.Publish(ctx, namespace, session, who, e.Payload)
		var refusal *playtest.Refusal
		switch {
		case errors.As(err, &refusal):
			response.Events = append(response.Events, LambdaEvent{ID: e.ID, Error: refusal.Error()})
		case err != nil && len(response.Events) == 0:
			return LambdaResponse{}, err
		case err != nil: // what was appended before is broadcast all the same
			response.Events = append(response.Events, LambdaEvent{ID: e.ID, Error: "the backend had an error of its own; try again"})
		case out != nil:
			response.Events = append(response.Events, LambdaEvent{ID: e.ID, Payload: out})
		}
	}
	return response, nil
}

// lambdaIdentity reads the identity that AppSync has verified: of a user pool, with its claims, or what
// our own Lambda authorizer put into resolverContext for a token of the backend's own, a machine's or a
// person's.
func lambdaIdentity(raw json.RawMessage) (auth.Identity, error) {
	var in struct {
		Sub             string         `json:"sub"`
		Claims          map[string]any `json:"claims"`
		ResolverContext struct {
			Sub     string `json:"sub"`
			Name    string `json:"name"` // of people
			Role    string `json:"role"`
			Session string `json:"session"`
		} `json:"resolverContext"`
	}
	if json.Unmarshal(raw, &in) != nil {
		return auth.Identity{}, refusal(playtest.CodeUnauthorized, "the request has no identity")
	}
	if m := in.ResolverContext; m.Sub != "" {
		who := auth.Identity{Person: playtest.Person{ID: m.Sub, Name: m.Sub, Role: playtest.Role(m.Role)}, Session: m.Session, TokenUse: auth.UseMachine}
		switch {
		case who.Role.IsPerson() && m.Name != "":
			who.Name, who.Session, who.TokenUse = m.Name, "", auth.UsePerson
		case who.Role != playtest.RoleSidecar && who.Role != playtest.RoleBackend:
			return auth.Identity{}, refusal(playtest.CodeUnauthorized, "this token is neither a machine's nor a person's")
		}
		return who, nil
	}
	person, err := auth.PersonOf(in.Claims)
	if err != nil || in.Sub == "" || person.ID != in.Sub {
		return auth.Identity{}, refusal(playtest.CodeUnauthorized, "the token names nobody who takes part")
	}
	return auth.Identity{Person: person, TokenUse: auth.UseID}, nil
}
