package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// maxRemoteBody bounds a LambdaRequest and its answer: five events of a machine, and their envelope.
const maxRemoteBody = maxLambdaEvents*maxMachinePayload + 16<<10

// Handler answers LambdaRequests over HTTP, for an events service in another process. Who may call is
// decided by mayCall alone: the identity in a request is believed.
func (g *Gate) Handler(mayCall func(*http.Request) bool, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mayCall(r) {
			http.Error(w, "only the events service asks the gate", http.StatusForbidden)
			return
		}
		var request LambdaRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRemoteBody)).Decode(&request); err != nil {
			http.Error(w, "the body is not a request of AppSync Events", http.StatusBadRequest)
			return
		}
		response, err := g.Lambda(r.Context(), request)
		if err != nil {
			log.Error("the gate failed", "operation", request.Info.Operation, "channel", request.Info.Channel.Path, "error", err)
			http.Error(w, "the gate failed; the backend's log says why", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(response) // the caller is gone: nobody to tell
	})
}

// Remote asks a gate in another process, in the envelope that AppSync Events has for a Lambda function:
// it decides as the Gate behind it does. It is safe for use by several goroutines.
//
// An ask whose answer was lost is not repeated: it may be in the log.
type Remote struct {
	URL    string                 // of a Gate's Handler
	Token  func() (string, error) // for the Authorization header
	Client *http.Client           // with a time-out
}

// Publish is Gate.Publish.
func (r *Remote) Publish(ctx context.Context, namespace, session string, who auth.Identity, payload json.RawMessage) (json.RawMessage, error) {
	if limit := payloadLimit(who.Role); len(payload) > limit { // what the gate refuses need not travel
		return nil, tooLarge(limit, len(payload))
	}
	if !json.Valid(payload) { // the envelope could not carry it
		return nil, refusal(playtest.CodeBadRequest, `an event is a JSON object with an "action"`)
	}
	const id = "1"
	response, err := r.ask(ctx, "PUBLISH", namespace, session, who, LambdaEvent{ID: id, Payload: payload})
	if err != nil {
		return nil, err
	}
	for _, e := range response.Events {
		switch {
		case e.ID == id && e.Error != "":
			return nil, refusalOf(e.Error)
		case e.ID == id:
			return e.Payload, nil
		}
	}
	return nil, nil // dropped in silence
}

// Subscribe is Gate.Subscribe.
func (r *Remote) Subscribe(ctx context.Context, session string, who auth.Identity) error {
	_, err := r.ask(ctx, "SUBSCRIBE", NamespacePlaytest, session, who)
	return err
}

func (r *Remote) ask(ctx context.Context, operation, namespace, session string, who auth.Identity, events ...LambdaEvent) (LambdaResponse, error) {
	identity, err := lambdaIdentityOf(who)
	if err != nil {
		return LambdaResponse{}, err
	}
	request := LambdaRequest{Identity: identity, Events: events}
	request.Info.Operation = operation
	request.Info.Channel.Segments = []string{namespace, session}
	request.Info.Channel.Path = "/" + namespace + "/" + session
	body, err := json.Marshal(request)
	if err != nil {
		return LambdaResponse{}, fmt.Errorf("asking the gate: %w", err)
	}
	token, err := r.Token()
	if err != nil {
		return LambdaResponse{}, fmt.Errorf("asking the gate: %w", err)
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(body))
	if err != nil {
		return LambdaResponse{}, fmt.Errorf("asking the gate: %w", err)
	}
	call.Header.Set("Content-Type", "application/json")
	call.Header.Set("Authorization", token)
	res, err := r.Client.Do(call)
	if err != nil {
		return LambdaResponse{}, fmt.Errorf("asking the gate: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxRemoteBody))
	if err != nil {
		return LambdaResponse{}, fmt.Errorf("asking the gate: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return LambdaResponse{}, fmt.Errorf("asking the gate: status %d", res.StatusCode)
	}
	var response LambdaResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return LambdaResponse{}, fmt.Errorf("asking the gate: its answer is not JSON: %w", err)
	}
	if response.Error != "" {
		return LambdaResponse{}, refusalOf(response.Error)
	}
	return response, nil
}

// refusalOf reads what Refusal.Error wrote; anything else is the backend's own trouble.
func refusalOf(text string) error {
	code, message, _ := strings.Cut(text, ": ")
	if c := playtest.Code(code); c.Known() {
		return &playtest.Refusal{Code: c, Message: message}
	}
	return errors.New(text)
}

// lambdaIdentityOf is the inverse of lambdaIdentity.
func lambdaIdentityOf(who auth.Identity) (json.RawMessage, error) {
	if who.Role.IsPerson() && who.TokenUse != auth.UsePerson {
		return json.Marshal(map[string]any{
			"sub": who.ID,
			"claims": map[string]any{
				"sub": who.ID, "name": who.Name, "cognito:groups": []playtest.Role{who.Role}, "token_use": auth.UseID,
			},
		})
	}
	return json.Marshal(map[string]any{
		"resolverContext": map[string]any{"sub": who.ID, "name": who.Name, "role": who.Role, "session": who.Session},
	})
}
