package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ErrSignIn says that Cognito refused the address or password: trying again would not help.
var ErrSignIn = errors.New("sign-in refused")

const (
	// refreshBefore is how long before its end a token is replaced: longer than any request
	// takes, shorter than the shortest life that Cognito allows (five minutes).
	refreshBefore = 2 * time.Minute
	// maxSignInBody bounds Cognito's answer; three tokens have about 4 KiB.
	maxSignInBody = 64 << 10
)

// signIn keeps the ID token of one person. It is safe for use by several goroutines: who comes
// while a token is being fetched waits for that one.
type signIn struct {
	http            *http.Client
	now             func() time.Time
	endpoint        string // of Cognito, ends in a slash
	clientID        string
	email, password string

	mu      sync.Mutex // serialises sign-in and refresh; held over that one request on purpose
	id      string
	refresh string
	expires time.Time
}

// token returns an ID token that lives for at least refreshBefore, and when it ends.
func (s *signIn) token(ctx context.Context) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" && s.now().Before(s.expires.Add(-refreshBefore)) {
		return s.id, s.expires, nil
	}
	if s.refresh != "" {
		err := s.initiate(ctx, "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": s.refresh})
		if err == nil {
			return s.id, s.expires, nil
		}
		if !errors.Is(err, ErrSignIn) {
			return "", time.Time{}, err
		}
		s.refresh = "" // it ran out or was revoked: the password may still be good
	}
	err := s.initiate(ctx, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": s.email, "PASSWORD": s.password})
	return s.id, s.expires, err
}

// initiate is Cognito's InitiateAuth, an unsigned call of its JSON 1.1 protocol:
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
func (s *signIn) initiate(ctx context.Context, flow string, parameters map[string]string) error {
	body, err := json.Marshal(map[string]any{"AuthFlow": flow, "ClientId": s.clientID, "AuthParameters": parameters})
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth")
	res, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	defer res.Body.Close()
	var answer struct {
		AuthenticationResult struct {
			IDToken      string `json:"IdToken"`
			RefreshToken string
			ExpiresIn    int // seconds
		}
		ChallengeName string
		Type          string `json:"__type"`
		Message       string `json:"message"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxSignInBody)).Decode(&answer); err != nil {
		return fmt.Errorf("sign in: status %d, the answer is not JSON: %w", res.StatusCode, err)
	}
	switch {
	case res.StatusCode == http.StatusBadRequest && !retryable(answer.Type):
		return fmt.Errorf("%w for %s: %s", ErrSignIn, s.email, answer.Message)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("sign in: status %d: %s", res.StatusCode, answer.Message)
	case answer.ChallengeName != "":
		return fmt.Errorf("%w for %s: Cognito asks for %s, which the console cannot answer; finish it in a browser first",
			ErrSignIn, s.email, answer.ChallengeName)
	case answer.AuthenticationResult.IDToken == "":
		return fmt.Errorf("sign in: the answer holds no ID token")
	}
	s.id = answer.AuthenticationResult.IDToken
	s.expires = s.now().Add(time.Duration(answer.AuthenticationResult.ExpiresIn) * time.Second)
	if answer.AuthenticationResult.RefreshToken != "" { // a refresh answers without one
		s.refresh = answer.AuthenticationResult.RefreshToken
	}
	return nil
}

// retryable tells Cognito's passing errors, which also come with status 400, from its refusals.
func retryable(errorType string) bool {
	return strings.HasSuffix(errorType, "TooManyRequestsException") || strings.HasSuffix(errorType, "InternalErrorException")
}
