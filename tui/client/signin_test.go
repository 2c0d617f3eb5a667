package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pool answers InitiateAuth with what answer says, and notes the flows it was asked for.
func pool(t *testing.T, answer func(flow string) (int, string)) (*SignIn, *[]string, *time.Time) {
	var flows []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ AuthFlow string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("X-Amz-Target") != "AWSCognitoIdentityProviderService.InitiateAuth" {
			w.WriteHeader(500)
			return
		}
		flows = append(flows, body.AuthFlow)
		status, text := answer(body.AuthFlow)
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(server.Close)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return &SignIn{http: client, now: func() time.Time { return now }, endpoint: server.URL + "/", clientID: "console", email: "lead@ivs.rocks", password: "secret-word"}, &flows, &now
}

const granted = `{"AuthenticationResult":{"IdToken":"id","RefreshToken":"again","ExpiresIn":3600}}`

func TestATokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	s, flows, now := pool(t, func(string) (int, string) { return 200, granted })
	for range 3 {
		if token, _, err := s.Token(context.Background()); err != nil || token != "id" {
			t.Fatalf("token %q, %v", token, err)
		}
	}
	*now = now.Add(time.Hour - refreshBefore)
	if _, _, err := s.Token(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(*flows, " "); got != "USER_PASSWORD_AUTH REFRESH_TOKEN_AUTH" {
		t.Errorf("flows %q", got)
	}
}

func TestAnOldRefreshTokenFallsBackToThePassword(t *testing.T) {
	s, flows, now := pool(t, func(flow string) (int, string) {
		if flow == "REFRESH_TOKEN_AUTH" {
			return 400, `{"__type":"NotAuthorizedException","message":"Refresh Token has expired"}`
		}
		return 200, granted
	})
	_, _, _ = s.Token(context.Background())
	*now = now.Add(2 * time.Hour)
	if _, _, err := s.Token(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(*flows, " "); got != "USER_PASSWORD_AUTH REFRESH_TOKEN_AUTH USER_PASSWORD_AUTH" {
		t.Errorf("flows %q", got)
	}
}

func TestWhichErrorsOfSignInAreFinal(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		final  bool
	}{
		{400, `{"__type":"NotAuthorizedException","message":"Incorrect username or password."}`, true},
		{400, `{"__type":"UserNotFoundException","message":"User does not exist."}`, true},
		{400, `{"__type":"TooManyRequestsException","message":"Rate exceeded"}`, false},
		{200, `{"ChallengeName":"NEW_PASSWORD_REQUIRED"}`, true},
		{500, `{"__type":"InternalErrorException"}`, false},
		{200, `not json`, false},
		{200, `{}`, false},
	} {
		s, _, _ := pool(t, func(string) (int, string) { return row.status, row.body })
		_, _, err := s.Token(context.Background())
		if err == nil || errors.Is(err, ErrSignIn) != row.final {
			t.Errorf("%d %s: %v", row.status, row.body, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-word") {
			t.Errorf("the password is in %q", err)
		}
	}
}
