package appsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

// post publishes by HTTP and returns status and body.
func (s service) post(t *testing.T, header map[string]string, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.httpURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("no CORS header")
	}
	return response.StatusCode, strings.TrimSpace(string(answer))
}

func TestEventsArePublishedByHTTP(t *testing.T) {
	s := serve(t, hooks{publish: decide})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	status, body := s.post(t, map[string]string{"Authorization": "token-viewer"}, `{"channel":"/playtest/s-1","events":["\"a\"","7"]}`)
	var result events.PublishResult
	if err := json.Unmarshal([]byte(body), &result); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if len(result.Successful) != 1 || len(result.Failed) != 1 || result.Failed[0].Index != 1 || result.Failed[0].ErrorType != "TooFast" {
		t.Errorf("answer %s", body)
	}
	if got := ws.expectEvent("sub"); got != `"A"` {
		t.Errorf("broadcast %s", got)
	}
}

func TestAnHTTPPublicationIsRefusedWithAStatus(t *testing.T) {
	s := serve(t, hooks{publish: decide}, func(cfg *appsync.Config) { cfg.Limits.FrameBytes = 1000 })
	token := map[string]string{"Authorization": "Bearer token-viewer"}
	for name, test := range map[string]struct {
		header    map[string]string
		body      string
		status    int
		errorType string
	}{
		"no authority":  {nil, `{"channel":"/playtest/a","events":["1"]}`, 401, events.ErrorTypeUnauthorizedException},
		"expired key":   {map[string]string{"x-api-key": expiredKey}, `{"channel":"/keys/a","events":["1"]}`, 401, events.ErrorTypeUnauthorizedException},
		"wrong mode":    {token, `{"channel":"/keys/a","events":["1"]}`, 401, events.ErrorTypeUnauthorizedException},
		"bad channel":   {token, `{"channel":"/playtest/*","events":["1"]}`, 400, events.ErrorTypeBadRequest},
		"no events":     {token, `{"channel":"/playtest/a"}`, 400, events.ErrorTypeBadRequest},
		"not JSON":      {token, `{"channel"`, 400, events.ErrorTypeBadRequest},
		"too large":     {token, `{"channel":"/playtest/a","events":["` + strings.Repeat("1", 1000) + `"]}`, 413, events.ErrorTypeBadRequest},
		"hook's status": {token, `{"channel":"/playtest/a","events":["1"]}`, 429, "TooFast"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := s.post(t, test.header, test.body)
			var answer events.ErrorBody
			if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Errors) != 1 {
				t.Fatalf("answer %s", body)
			}
			if status != test.status || answer.Errors[0].ErrorType != test.errorType || answer.Errors[0].Message == "" {
				t.Errorf("got %d %s, want %d %s", status, body, test.status, test.errorType)
			}
		})
	}
	if status, _ := s.post(t, map[string]string{"X-Api-Key": goodKey}, `{"channel":"/keys/a","events":["1"]}`); status != http.StatusOK {
		t.Errorf("a good key got %d", status)
	}
}

func TestASignatureOverHTTPCoversTheBodyAsItIs(t *testing.T) {
	const body = `{ "events":["1"], "channel":"/playtest/a" }`
	s := serve(t, hooks{}, func(cfg *appsync.Config) {
		cfg.VerifyIAM = func(headers map[string]string, payload []byte) error {
			if string(payload) != body || headers["host"] != cfg.Host || headers["x-amz-date"] == "" {
				return errors.New("no")
			}
			return nil
		}
	})
	status, answer := s.post(t, map[string]string{"Authorization": "AWS4-HMAC-SHA256 x", "X-Amz-Date": "20261122T120000Z"}, body)
	if status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
}

func TestTheWholeServerHasARateOfEvents(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.EventRate = 0.001 })
	token := map[string]string{"Authorization": "token-viewer"}
	if status, body := s.post(t, token, `{"channel":"/playtest/a","events":["1","2","3","4","5"]}`); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.post(t, token, `{"channel":"/playtest/a","events":["6"]}`); status != http.StatusTooManyRequests {
		t.Errorf("%d %s", status, body)
	}
}

func TestOtherMethodsAndPreflight(t *testing.T) {
	s := serve(t, hooks{})
	for method, want := range map[string]int{http.MethodOptions: 204, http.MethodGet: 405, http.MethodDelete: 405} {
		request, _ := http.NewRequest(method, s.httpURL, nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d", method, response.StatusCode)
		}
	}
}

func TestTheHTTPHelperReportsRefusals(t *testing.T) {
	s := serve(t, hooks{publish: decide})
	ctx := context.Background()
	if err := events.PublishHTTP(ctx, nil, s.httpURL, "token-viewer", "/playtest/a", json.RawMessage(`"a"`)); err != nil {
		t.Error(err)
	}
	var refusal *events.RefusedError
	err := events.PublishHTTP(ctx, nil, s.httpURL, "token-viewer", "/playtest/a", json.RawMessage(`1`))
	if !errors.As(err, &refusal) || refusal.Type != "TooFast" || refusal.Status != 429 || refusal.Message != "Slow down, number 1" {
		t.Errorf("got %v", err)
	}
	err = events.PublishHTTP(ctx, nil, s.httpURL, "token-viewer", "/playtest/a", json.RawMessage(`"a"`), json.RawMessage(`1`))
	if !errors.As(err, &refusal) || len(refusal.Failed) != 1 || refusal.Failed[0].Index != 1 || len(refusal.Successful) != 1 {
		t.Errorf("got %v", err)
	}
	if err := events.PublishHTTP(ctx, nil, s.httpURL, "forged", "/playtest/a", json.RawMessage(`1`)); !errors.As(err, &refusal) || refusal.Status != 401 {
		t.Errorf("got %v", err)
	}
	if err := events.PublishHTTP(ctx, nil, s.httpURL, "token-viewer", "/playtest/a", json.RawMessage(`{`)); err == nil || errors.As(err, new(*events.RefusedError)) {
		t.Errorf("sent what is not JSON: %v", err)
	}
}
