package cognito

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"
)

const (
	// challengeLife is Cognito's default AuthSessionValidity.
	challengeLife = 3 * time.Minute

	// maxClockSkew: how far a client's TIMESTAMP may be from the clock.
	maxClockSkew = 5 * time.Minute

	// maxChallenges bounds the memory that people who never answer can take
	// (about 2 KiB each). The rate limits leave no honest use near it.
	maxChallenges = 2048

	// timestampLayout of PASSWORD_VERIFIER: English, always UTC, day without
	// a zero ("Sun Nov 22 10:50:39 UTC 2026").
	timestampLayout = "Mon Jan 2 15:04:05 UTC 2006"
)

type respondInput struct {
	ChallengeName      string
	ClientID           string `json:"ClientId"`
	ChallengeResponses map[string]string
}

func (s *Service) respondToAuthChallenge(c call) (any, error) {
	var in respondInput
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
	if in.ChallengeName != "PASSWORD_VERIFIER" {
		return nil, badRequest("InvalidParameterException", "The local user pool knows the challenge PASSWORD_VERIFIER.")
	}
	for _, name := range []string{"USERNAME", "PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"} {
		if in.ChallengeResponses[name] == "" {
			return nil, missingParameter(name)
		}
	}
	return s.verifyPassword(in.ChallengeResponses, now)
}

// verifyPassword checks the proof of PASSWORD_VERIFIER. A secret block is good
// for one answer, right or wrong.
func (s *Service) verifyPassword(responses map[string]string, now time.Time) (any, error) {
	pending, ok := s.pending.take(responses["PASSWORD_CLAIM_SECRET_BLOCK"], now)
	if !ok {
		return nil, errChallengeOver
	}
	u := pending.user
	if name := canonical(responses["USERNAME"]); name != u.id && name != pending.username {
		return nil, errWrongPassword
	}
	attempt, ok := s.limits.attempt(u.id, now)
	if !ok {
		return nil, errTooMany
	}
	timestamp := responses["TIMESTAMP"]
	at, err := time.Parse(timestampLayout, timestamp)
	if err != nil {
		return nil, badRequest("InvalidParameterException", "TIMESTAMP must look like %s", timestampLayout)
	}
	if skew := now.Sub(at); skew > maxClockSkew || skew < -maxClockSkew {
		return nil, badRequest("NotAuthorizedException", "The clock of the client is more than five minutes off.")
	}
	signature, err := base64.StdEncoding.DecodeString(responses["PASSWORD_CLAIM_SIGNATURE"])
	if err != nil {
		return nil, errWrongPassword
	}
	expected, err := pending.exchange.proof(s.poolName, u.id, pending.block, timestamp)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(expected, signature) || u.decoy {
		s.config.Log.Info("sign-in refused", "flow", "srp")
		return nil, errWrongPassword
	}
	attempt.succeeded(now)
	return s.signedIn(u, now)
}

// challenge is an SRP exchange whose client has not answered yet.
type challenge struct {
	user     *user
	username string // as the client spelled it, canonical
	exchange *exchange
	begun    time.Time
	block    []byte // the secret block, which names the challenge
}

// challengeStore holds the exchanges that wait for an answer.
type challengeStore struct {
	mu      sync.Mutex // guards the fields below
	waiting map[string]challenge
	order   []string // secret blocks, oldest first; some may be answered already
}

func newChallengeStore() *challengeStore {
	return &challengeStore{waiting: map[string]challenge{}}
}

// add keeps a challenge and returns its secret block in base64. When the store
// is full the oldest challenge goes.
func (s *challengeStore) add(c challenge) string {
	c.block = make([]byte, 64)
	rand.Read(c.block) // never fails, here and elsewhere (crypto/rand)
	name := base64.StdEncoding.EncodeToString(c.block)

	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.order) > 0 {
		oldest, waiting := s.waiting[s.order[0]]
		if waiting && len(s.order) < maxChallenges && c.begun.Sub(oldest.begun) < challengeLife {
			break
		}
		delete(s.waiting, s.order[0])
		s.order = s.order[1:]
	}
	s.waiting[name] = c
	s.order = append(s.order, name)
	return name
}

// take removes a challenge and returns it, unless it is unknown or too old.
func (s *challengeStore) take(block string, now time.Time) (challenge, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, waiting := s.waiting[block]
	delete(s.waiting, block)
	return c, waiting && now.Sub(c.begun) < challengeLife
}
