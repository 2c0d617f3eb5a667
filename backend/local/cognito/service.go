package cognito

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Config describes the pool and its one app client, which has no secret.
type Config struct {
	Endpoint string           // public base URL with the path prefix, e.g. http://127.0.0.1:8470/cognito
	PoolID   string           // e.g. us-west-2_Hotseat01
	ClientID string           // 1-128 letters, digits, _ or +
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: nothing is logged. Never gets passwords or tokens
}

// Patterns of the API reference (UserPoolId, ClientId).
var (
	poolIDPattern   = regexp.MustCompile(`^[A-Za-z0-9-]{1,45}_[0-9a-zA-Z]{1,32}$`)
	clientIDPattern = regexp.MustCompile(`^[\w+]{1,128}$`)
)

// Service is the pool. It is safe for use by many goroutines and has none of
// its own, so there is nothing to close.
type Service struct {
	config   Config
	poolName string // the part of the pool id that SRP hashes in
	users    *directory
	keys     signingKeys
	sessions *sessionStore
	pending  *challengeStore
	limits   *limits
}

// New makes a pool with these users. It generates the signing keys, which takes
// some hundred milliseconds.
func New(config Config, users []User) (*Service, error) {
	keys, err := generateKeys()
	if err != nil {
		return nil, err
	}
	return newWithKeys(config, users, keys)
}

func newWithKeys(config Config, users []User, keys signingKeys) (*Service, error) {
	config.Endpoint = strings.TrimRight(config.Endpoint, "/")
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if endpoint, err := url.Parse(config.Endpoint); err != nil || endpoint.Host == "" {
		return nil, fmt.Errorf("user pool: the endpoint %q is not a full address such as http://127.0.0.1:8470/cognito", config.Endpoint)
	}
	if !poolIDPattern.MatchString(config.PoolID) {
		return nil, fmt.Errorf("user pool: the pool id %q does not look like us-west-2_Hotseat01", config.PoolID)
	}
	if !clientIDPattern.MatchString(config.ClientID) {
		return nil, errors.New("user pool: the client id must be 1 to 128 letters, digits, _ or +")
	}
	_, poolName, _ := strings.Cut(config.PoolID, "_")

	people, err := newDirectory(config.PoolID, poolName, users)
	if err != nil {
		return nil, err
	}
	return &Service{
		config:   config,
		poolName: poolName,
		users:    people,
		keys:     keys,
		sessions: newSessionStore(),
		pending:  newChallengeStore(),
		limits:   newLimits(),
	}, nil
}

// Issuer returns the iss of the pool's tokens.
func (s *Service) Issuer() string { return s.config.Endpoint + "/" + s.config.PoolID }

// JWKSURL returns where the pool's public keys are.
func (s *Service) JWKSURL() string { return s.Issuer() + "/.well-known/jwks.json" }
