package cognito

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// accessLife is the life of ID and access tokens: short, since they cannot
	// be taken back, and Cognito allows from 5 minutes to a day.
	accessLife = 15 * time.Minute

	// refreshLife lets a day of playtests pass without another sign-in.
	refreshLife = 8 * time.Hour

	// maxSessionsPerUser bounds the memory one person can take. A further
	// sign-in ends the oldest session.
	maxSessionsPerUser = 64

	refreshTokenBytes = 48
)

// session is one sign-in: a refresh token and all that came of it.
type session struct {
	user      *user
	originJTI string // names the sign-in in each of its tokens
	authTime  time.Time
	revoked   bool
}

func (s *session) refreshEnds() time.Time { return s.authTime.Add(refreshLife) }

// refreshHash is all that is kept of a refresh token.
type refreshHash [sha256.Size]byte

// sessionStore holds the sessions whose tokens may still be good. Revoked
// sessions stay until their last access token has expired.
type sessionStore struct {
	mu        sync.Mutex // guards the fields below, and revoked of sessions
	byRefresh map[refreshHash]*session
	byOrigin  map[string]*session
	byUser    map[*user][]userSession // oldest first
}

type userSession struct {
	session *session
	refresh refreshHash
}

func newSessionStore() *sessionStore {
	return &sessionStore{
		byRefresh: map[refreshHash]*session{},
		byOrigin:  map[string]*session{},
		byUser:    map[*user][]userSession{},
	}
}

// start begins a session and returns its refresh token, which is kept nowhere.
func (s *sessionStore) start(u *user, now time.Time) (session, string) {
	secret := make([]byte, refreshTokenBytes)
	rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)
	begun := &session{user: u, originJTI: uuid.NewString(), authTime: now}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetOld(u, now)
	hash := refreshHash(sha256.Sum256([]byte(token)))
	s.byRefresh[hash], s.byOrigin[begun.originJTI] = begun, begun
	s.byUser[u] = append(s.byUser[u], userSession{begun, hash})
	return *begun, token
}

// forgetOld drops sessions of a user that are over, and the oldest ones beyond
// the bound.
func (s *sessionStore) forgetOld(u *user, now time.Time) {
	list := s.byUser[u]
	for len(list) > 0 {
		oldest := list[0].session
		over := now.After(oldest.refreshEnds().Add(accessLife))
		if !over && len(list) < maxSessionsPerUser {
			break
		}
		delete(s.byRefresh, list[0].refresh)
		delete(s.byOrigin, oldest.originJTI)
		list = list[1:]
	}
	s.byUser[u] = list
}

// refresh returns the session of a refresh token.
func (s *sessionStore) refresh(token string, now time.Time) (session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byRefresh[sha256.Sum256([]byte(token))]
	switch {
	case found == nil:
		return session{}, errRefreshToken
	case found.revoked:
		return session{}, errRefreshRevoked
	case !now.Before(found.refreshEnds()):
		return session{}, errRefreshExpired
	}
	return *found, nil
}

// live returns the session of an access token, unless it was revoked.
func (s *sessionStore) live(originJTI string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byOrigin[originJTI]
	if found == nil || found.revoked {
		return session{}, false
	}
	return *found, true
}

// revoke ends the session of a refresh token; unknown ones are over already.
func (s *sessionStore) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.byRefresh[sha256.Sum256([]byte(token))]; found != nil {
		found.revoked = true
	}
}

// revokeAll ends all sessions of a user.
func (s *sessionStore) revokeAll(u *user) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.byUser[u] {
		each.session.revoked = true
	}
}
