package appsync

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"

	"hotseat/backend/auth"
	"hotseat/backend/events"
)

// sigV4Prefix begins the Authorization header of a signed request.
const sigV4Prefix = "AWS4-HMAC-SHA256"

// caller is who asks for something, and how that was proved.
type caller struct {
	mode     AuthMode
	identity auth.Identity
}

// authorize checks the authorization of a connection or one operation. Payload is what an
// IAM signature covers. A refusal says nothing about its reason, as on AWS; the log does.
func (s *Server) authorize(ctx context.Context, given events.Authorization, payload []byte) (caller, *EventError) {
	who, err := s.identify(ctx, given, payload)
	switch {
	case err == nil:
		return who, nil
	case errors.Is(err, auth.ErrUnavailable):
		s.log.Warn("event channels: a token could not be checked", "error", err)
		return who, errSignInAway
	}
	s.log.Debug("event channels: not authorized", "mode", who.mode, "error", err)
	return who, errUnauthorized
}

// identify finds the mode by the fields that are there.
func (s *Server) identify(ctx context.Context, given events.Authorization, payload []byte) (caller, error) {
	if host := given.Get("host"); s.cfg.Host != "" && !s.isOurs(host) {
		return caller{}, errors.New("the authorization is for host " + strings.ToValidUTF8(host[:min(len(host), 100)], "?") + ", not " + s.cfg.Host)
	}
	if key := given.Get("x-api-key"); key != "" {
		return caller{mode: ModeAPIKey}, s.checkKey(key)
	}
	token := given.Get("Authorization")
	switch {
	case token == "":
		return caller{}, errors.New("no authorization")
	case strings.HasPrefix(token, sigV4Prefix):
		if s.cfg.VerifyIAM == nil {
			return caller{mode: ModeIAM}, errors.New("signatures are not accepted here")
		}
		return caller{mode: ModeIAM}, s.cfg.VerifyIAM(given, payload)
	case s.cfg.Verify == nil:
		return caller{mode: ModeCognito}, errors.New("tokens are not accepted here")
	}
	identity, err := s.cfg.Verify(ctx, token)
	if err != nil {
		return caller{mode: ModeCognito}, err
	}
	mode := ModeCognito
	if identity.TokenUse == auth.UseMachine || identity.TokenUse == auth.UsePerson {
		mode = ModeLambda // not of a user pool: a Lambda authorizer reads them on AWS
	}
	return caller{mode: mode, identity: identity}, nil
}

// isOurs reports whether a client named this server as the host of its authorization.
func (s *Server) isOurs(host string) bool {
	return host != "" && (strings.EqualFold(host, s.cfg.Host) || strings.EqualFold(host, s.cfg.PublicHost))
}

// checkKey compares with every key, in constant time.
func (s *Server) checkKey(given string) error {
	err := errors.New("unknown API key")
	for key, expires := range s.cfg.APIKeys {
		if subtle.ConstantTimeCompare([]byte(key), []byte(given)) != 1 {
			continue
		}
		if !s.cfg.Now().Before(expires) {
			return errors.New("the API key has expired")
		}
		err = nil
	}
	return err
}

// allows tells whether a mode is in a list; a nil list holds all modes.
func allows(modes []AuthMode, mode AuthMode) bool {
	return modes == nil || slices.Contains(modes, mode)
}
