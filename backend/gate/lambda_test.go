package gate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hotseat/backend/playtest"
)

// lambdaRequest is a request as AppSync Events makes it.
func lambdaRequest(t *testing.T, identity, operation, path string, payloads ...string) LambdaRequest {
	t.Helper()
	var events []string
	for i, p := range payloads {
		events = append(events, fmt.Sprintf(`{"id":"e-%d","payload":%s}`, i, p))
	}
	segments, err := json.Marshal(strings.Split(strings.TrimPrefix(path, "/"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	var r LambdaRequest
	text := fmt.Sprintf(`{"identity":%s,"info":{"channel":{"path":%q,"segments":%s},"channelNamespace":{"name":"playtest"},"operation":%q},"events":[%s],"prev":null,"stash":{}}`,
		identity, path, segments, operation, strings.Join(events, ","))
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}

const (
	viewerIdentity = `{"sub":"viewer","username":"viewer","claims":{"sub":"viewer","email":"viewer@example.com","cognito:groups":["viewer"]},"groups":["viewer"]}`
	sidecarTwo     = `{"resolverContext":{"sub":"sidecar-s-2","role":"sidecar","session":"s-2"}}`
)

func TestTheGateDecidesTheSameAsALambdaFunction(t *testing.T) {
	g, s, _ := newGate(t)
	out, err := g.Lambda(t.Context(), lambdaRequest(t, viewerIdentity, "PUBLISH", "/playtest/s-1",
		`{"action":"USER_CHAT_MESSAGE","message":"hello","user":"lead"}`, `{"action":"TAKEOVER_APPROVED"}`))
	if err != nil || out.Error != "" || len(out.Events) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	var e playtest.Event
	if err := json.Unmarshal(out.Events[0].Payload, &e); err != nil || e.Actor.Name != "viewer" || e.Seq != 2 || out.Events[0].ID != "e-0" {
		t.Errorf("event = %+v, %v", e, err)
	}
	if refused := out.Events[1]; refused.Payload != nil || !strings.HasPrefix(refused.Error, string(playtest.CodeNotAllowed)) || refused.ID != "e-1" {
		t.Errorf("refusal = %+v", refused)
	}
	if events, err := s.Read(t.Context(), "s-1", 0, 10); err != nil || len(events) != 2 {
		t.Errorf("log = %+v, %v", events, err)
	}
}

func TestALambdaRequestOfAStrangerIsRefusedWhole(t *testing.T) {
	g, _, _ := newGate(t)
	say := `{"action":"USER_CHAT_MESSAGE","message":"hello"}`
	for name, c := range map[string]struct{ identity, operation, path string }{
		"nobody":                      {`null`, "PUBLISH", "/playtest/s-1"},
		"an API key":                  {`{}`, "PUBLISH", "/playtest/s-1"},
		"somebody in no group":        {`{"sub":"x","claims":{"sub":"x"}}`, "PUBLISH", "/playtest/s-1"},
		"a sub that is not the token": {`{"sub":"lead","claims":{"sub":"x","cognito:groups":["viewer"]}}`, "PUBLISH", "/playtest/s-1"},
		"a machine that is a lead":    {`{"resolverContext":{"sub":"m","role":"qa-lead"}}`, "PUBLISH", "/playtest/s-1"},
		"another namespace":           {viewerIdentity, "PUBLISH", "/other/s-1"},
		"a deeper channel":            {viewerIdentity, "PUBLISH", "/playtest/s-1/x"},
		"all sessions, by a viewer":   {viewerIdentity, "SUBSCRIBE", "/playtest/*"},
		"another session's sidecar":   {sidecarTwo, "SUBSCRIBE", "/live/s-1"},
		"an unknown operation":        {viewerIdentity, "DELETE", "/playtest/s-1"},
	} {
		out, err := g.Lambda(t.Context(), lambdaRequest(t, c.identity, c.operation, c.path, say))
		if err != nil || out.Error == "" || len(out.Events) != 0 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	out, err := g.Lambda(t.Context(), lambdaRequest(t, viewerIdentity, "SUBSCRIBE", "/playtest/s-1"))
	if err != nil || out.Error != "" {
		t.Errorf("a viewer's own session: %+v, %v", out, err)
	}
}
