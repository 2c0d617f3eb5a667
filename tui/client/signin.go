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

	"hotseat/backend/events"
)

// ErrSignIn says that Cognito refused the address or password: trying again would not help. It is an
// events.ErrSignedOut, so that a connection does not try either.
var ErrSignIn error = signInError{}

type signInError struct{}

func (signInError) Error() string { return "sign-in refused" }
func (signInError) Unwrap() error { return events.ErrSignedOut }

const (
	// refreshBefore is how long before its end a token is replaced: longer than any request
	// takes, shorter than the shortest life that Cognito allows (five minutes).
	refreshBefore = 2 * time.Minute
	// maxSignInBody bounds Cognito's answer; three tokens have about 4 KiB.
	maxSignInBody = 64 << 10
)

// Account is how somebody signs in: with a refresh token of an earlier time, with a password, or
// with both, the password for when the refresh token has ended.
type Account struct {
	Email, Password string
	RefreshToken    string
	// OnRefreshToken is told each refresh token that Cognito gives out; it must not call back.
	OnRefreshToken func(token string)
}

// SignIn keeps the ID token of one person. It is safe for use by several goroutines: who comes
// while a token is being fetched waits for that one.
type SignIn struct {
	http            *http.Client
	now             func() time.Time
	endpoint        string // of Cognito, ends in a slash
	clientID        string
	email, password string
	onRefresh       func(string) // nil: nobody wants to know

	mu      sync.Mutex // serialises sign-in and refresh; held over that one request on purpose
	id      string
	refresh string
	expires time.Time
}

// SignIn is ready to sign in to the place; it asks nothing before its Token is wanted.
func (p *Place) SignIn(a Account, now func() time.Time) *SignIn {
	return &SignIn{
		http: p.http, now: now, endpoint: cognitoEndpoint(p.conf), clientID: p.conf.Cognito.ClientID,
		email: a.Email, password: a.Password, refresh: a.RefreshToken, onRefresh: a.OnRefreshToken,
	}
}

// Token returns an ID token that lives for at least refreshBefore, and when it ends. It is an
// events.Credentials. Its error wraps ErrSignIn if trying again would not help.
func (s *SignIn) Token(ctx context.Context) (string, time.Time, error) {
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
		if s.password == "" {
			return "", time.Time{}, fmt.Errorf("%w for %s: the saved session has ended; sign in with the password again", ErrSignIn, s.email)
		}
		s.refresh = "" // it ran out or was revoked: the password may still be good
	}
	err := s.initiate(ctx, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": s.email, "PASSWORD": s.password})
	return s.id, s.expires, err
}

// Revoke ends the refresh token, and with it every token that was made with it, as far as whoever
// checks them asks the pool:
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RevokeToken.html
func (s *SignIn) Revoke(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refresh == "" {
		return nil
	}
	status, answer, err := s.ask(ctx, "RevokeToken", map[string]any{"ClientId": s.clientID, "Token": s.refresh})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("sign out: status %d: %s", status, answer.Message)
	}
	s.id, s.refresh = "", ""
	return nil
}

// initiate is Cognito's InitiateAuth, an unsigned call of its JSON 1.1 protocol:
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
func (s *SignIn) initiate(ctx context.Context, flow string, parameters map[string]string) error {
	status, answer, err := s.ask(ctx, "InitiateAuth", map[string]any{"AuthFlow": flow, "ClientId": s.clientID, "AuthParameters": parameters})
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	switch {
	case status == http.StatusBadRequest && !retryable(answer.Type):
		return fmt.Errorf("%w for %s: %s", ErrSignIn, s.email, answer.Message)
	case status != http.StatusOK:
		return fmt.Errorf("sign in: status %d: %s", status, answer.Message)
	case answer.ChallengeName == "NEW_PASSWORD_REQUIRED":
		return fmt.Errorf("%w for %s: the password must be changed first; sign in to the page in a browser and choose another one there",
			ErrSignIn, s.email)
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
		if s.onRefresh != nil {
			s.onRefresh(s.refresh)
		}
	}
	return nil
}

// cognitoAnswer is what is read of Cognito's answers.
type cognitoAnswer struct {
	AuthenticationResult struct {
		IDToken      string `json:"IdToken"`
		RefreshToken string
		ExpiresIn    int // seconds
	}
	ChallengeName string
	Type          string `json:"__type"`
	Message       string `json:"message"`
}

// ask is one call of Cognito's unsigned JSON 1.1 protocol.
func (s *SignIn) ask(ctx context.Context, operation string, parameters any) (status int, answer cognitoAnswer, err error) {
	body, err := json.Marshal(parameters)
	if err != nil {
		return 0, answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, answer, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	res, err := s.http.Do(req)
	if err != nil {
		return 0, answer, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxSignInBody))
	if err != nil {
		return 0, answer, fmt.Errorf("status %d, reading the answer: %w", res.StatusCode, err)
	}
	if len(data) == 0 { // RevokeToken answers with nothing
		return res.StatusCode, answer, nil
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return 0, answer, fmt.Errorf("status %d, the answer is not JSON: %w", res.StatusCode, err)
	}
	return res.StatusCode, answer, nil
}

// retryable tells Cognito's passing errors, which also come with status 400, from its refusals.
func retryable(errorType string) bool {
	return strings.HasSuffix(errorType, "TooManyRequestsException") || strings.HasSuffix(errorType, "InternalErrorException")
}
