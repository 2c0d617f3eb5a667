package cognito

import (
	"strings"
	"time"
)

// Operations of people who are signed in: refresh, look at oneself, sign out.

// refresh answers with new tokens and, like a client without refresh token
// rotation, without a new refresh token.
func (s *Service) refresh(token string, now time.Time) (any, error) {
	if len(token) > maxTokenBytes {
		return nil, errRefreshToken
	}
	of, err := s.sessions.refresh(token, now)
	if err != nil {
		return nil, err
	}
	tokens, err := s.mint(of, now)
	if err != nil {
		return nil, err
	}
	return authOutput{AuthenticationResult: tokens, ChallengeParameters: map[string]string{}}, nil
}

func (s *Service) getTokensFromRefreshToken(c call) (any, error) {
	var in struct {
		RefreshToken string
		ClientID     string `json:"ClientId"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := s.checkClient(in.ClientID); err != nil {
		return nil, err
	}
	now := s.config.Now()
	if !s.limits.allowAddress(c.remote, now) {
		return nil, errTooMany
	}
	if in.RefreshToken == "" {
		return nil, missingParameter("RefreshToken")
	}
	return s.refresh(in.RefreshToken, now)
}

// attribute is AttributeType of the API reference.
type attribute struct{ Name, Value string }

func (s *Service) getUser(c call) (any, error) {
	of, err := s.caller(c)
	if err != nil {
		return nil, err
	}
	attributes := []attribute{
		{"email", of.user.email},
		{"email_verified", "true"},
		{"sub", of.user.id},
	}
	if of.user.name != "" {
		attributes = append(attributes, attribute{"name", of.user.name})
	}
	return struct {
		Username       string
		UserAttributes []attribute
	}{of.user.id, attributes}, nil
}

func (s *Service) globalSignOut(c call) (any, error) {
	of, err := s.caller(c)
	if err != nil {
		return nil, err
	}
	s.sessions.revokeAll(of.user)
	s.config.Log.Info("signed out everywhere", "user", of.user.id)
	return struct{}{}, nil
}

// caller returns the session of the AccessToken in a request.
func (s *Service) caller(c call) (session, error) {
	var in struct{ AccessToken string }
	if err := c.decode(&in); err != nil {
		return session{}, err
	}
	now := s.config.Now()
	if !s.limits.allowAddress(c.remote, now) {
		return session{}, errTooMany
	}
	return s.accessSession(in.AccessToken, now)
}

// revokeToken ends the session of a refresh token. A token that is unknown or
// over is no error (RFC 7009 section 2.2).
func (s *Service) revokeToken(c call) (any, error) {
	var in struct {
		Token    string
		ClientID string `json:"ClientId"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := s.checkClient(in.ClientID); err != nil {
		return nil, err
	}
	switch {
	case in.Token == "":
		return nil, missingParameter("Token")
	case strings.Count(in.Token, ".") == 2: // a JWT: an ID or access token
		return nil, errUnsupportedToken
	case len(in.Token) <= maxTokenBytes:
		s.sessions.revoke(in.Token)
	}
	return struct{}{}, nil
}
