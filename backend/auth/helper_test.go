package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"hotseat/backend/auth"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	issuer   = "http://127.0.0.1:8470/cognito/us-west-2_Hotseat01"
	clientID = "7hotseatclient0000000000001"
	subject  = "6f1c2a7e-0c4b-4e7c-9a55-3d1f0c9b7a10"
)

var (
	machineSecret = []byte("0123456789abcdef0123456789abcdef")
	noon          = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// poolKeys are made once: a key of this size takes a moment.
var poolKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 2)
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// pool publishes keys on a real socket and counts who asks.
type pool struct {
	url     string
	fetches atomic.Int32

	mu        sync.Mutex
	published map[string]*rsa.PublicKey
	status    int
}

func newPool(t *testing.T) *pool {
	t.Helper()
	p := &pool{published: map[string]*rsa.PublicKey{"first": &poolKeys()[0].PublicKey}, status: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		w.WriteHeader(p.status)
		_, _ = w.Write(jwks(p.published))
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *pool) set(status int, published map[string]*rsa.PublicKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.published = status, published
}

func jwks(keys map[string]*rsa.PublicKey) []byte {
	list := []map[string]string{}
	for kid, key := range keys {
		list = append(list, map[string]string{
			"kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		})
	}
	document, _ := json.Marshal(map[string]any{"keys": list})
	return document
}

// clock is a clock that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.nanos.Store(at.UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

func newVerifier(p *pool, c *clock) *auth.Verifier {
	return auth.NewVerifier(auth.Config{
		Issuer: issuer, ClientID: clientID, JWKSURL: p.url, MachineSecret: machineSecret, Now: c.Now,
	})
}

// idClaims are those of a good ID token; changes overwrite, nil removes.
func idClaims(changes jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{
		"sub": subject, "iss": issuer, "aud": clientID, "token_use": "id",
		"iat": noon.Unix(), "auth_time": noon.Unix(), "exp": noon.Add(15 * time.Minute).Unix(),
		"cognito:username": subject, "cognito:groups": []string{"viewer"},
		"email": "viewer@ivs.rocks", "email_verified": true,
	}
	return change(claims, changes)
}

func change(claims, changes jwt.MapClaims) jwt.MapClaims {
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func sign(t testing.TB, method jwt.SigningMethod, key any, kid string, claims jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func signID(t testing.TB, changes jwt.MapClaims) string {
	t.Helper()
	return sign(t, jwt.SigningMethodRS256, poolKeys()[0], "first", idClaims(changes))
}

func wantError(t *testing.T, v *auth.Verifier, token string, want error) {
	t.Helper()
	identity, err := v.Verify(context.Background(), token)
	if !errors.Is(err, want) {
		t.Fatalf("got %+v, %v; want the error %q", identity, err, want)
	}
	if identity != (auth.Identity{}) {
		t.Fatalf("a refused token left the identity %+v", identity)
	}
}
