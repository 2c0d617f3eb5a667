package events

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// maxAnswerBytes bounds the answer to an HTTP publish: at most five items, each with a
// sentence.
const maxAnswerBytes = 64 * 1024

// PublishHTTP publishes one to five events, each a JSON value, by HTTP: for programs that
// say something now and then and keep no connection. httpURL ends in /event. A refusal is a
// *RefusedError, also when only some of the events were refused (see its Failed field).
// Other errors mean that it is unknown whether the events were published.
func PublishHTTP(ctx context.Context, client *http.Client, httpURL, token, channel string, events ...json.RawMessage) error {
	texts, err := eventTexts(events)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	body, err := json.Marshal(PublishRequest{Channel: channel, Events: texts})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, httpURL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("publish to %s: read the answer: %w", channel, err)
	}
	if response.StatusCode/100 != 2 {
		var failure ErrorBody
		if json.Unmarshal(answer, &failure) != nil || len(failure.Errors) == 0 {
			failure.Errors = []WireError{{ErrorType: http.StatusText(response.StatusCode), Message: response.Status}}
		}
		return refused("publish", channel, response.StatusCode, failure.Errors)
	}
	var result PublishResult
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("publish to %s: the answer is not JSON: %w", channel, err)
	}
	return refusedInPart(channel, result)
}

// eventTexts checks what can be checked before sending, so that a mistake of the caller
// costs neither a round trip nor, for an event far too large, the connection.
func eventTexts(events []json.RawMessage) ([]string, error) {
	if len(events) == 0 || len(events) > MaxEventsPerPublish {
		return nil, fmt.Errorf("%d events, must be 1 to %d", len(events), MaxEventsPerPublish)
	}
	texts := make([]string, len(events))
	for i, event := range events {
		if len(event) > MaxEventBytes {
			return nil, fmt.Errorf("event %d has %d bytes, at most %d are allowed", i, len(event), MaxEventBytes)
		}
		if !json.Valid(event) {
			return nil, fmt.Errorf("event %d is not JSON", i)
		}
		texts[i] = string(event)
	}
	return texts, nil
}
