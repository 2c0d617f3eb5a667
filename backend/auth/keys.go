package auth

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// maxKeyAge: keys older than this are fetched again at their next use, so
	// that a key which the pool no longer publishes stops being accepted.
	// Cognito rotates keys rarely and announces no period.
	maxKeyAge = time.Hour

	// minRefetch bounds what strangers can cause with tokens of invented key
	// ids: one fetch in this time, whatever arrives.
	minRefetch = 5 * time.Second

	// retryAfterFailure is shorter, so that a pool that starts a moment after
	// its first client does not shut people out for long.
	retryAfterFailure = time.Second

	// fetchTimeout bounds one fetch; the document is small and usually near.
	fetchTimeout = 5 * time.Second

	// maxJWKSBytes bounds the document: Cognito's has two keys, below 1 KiB.
	maxJWKSBytes = 64 << 10

	maxKeys      = 32
	maxKidBytes  = 256
	minRSABits   = 2048 // RFC 7518 section 3.3
	maxRSABits   = 8192 // a longer key only costs time
	rsaPublicExp = 65537
)

// keySet holds the public keys of the pool. Keys are fetched when they are
// needed: on first use, when they are older than maxKeyAge, and when a token
// names a key that is not there. However many tokens ask, one fetch runs.
//
// A token whose key is at hand never waits: the refresh of old keys runs beside
// it, and when it fails the keys stay in use, so that people who are in a
// playtest are not thrown out by a short failure of the pool.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu       sync.Mutex // guards the fields below; never held over a fetch
	keys     map[string]*rsa.PublicKey
	fetched  time.Time // the last fetch that succeeded
	nextTry  time.Time // no fetch before
	lastFail error
}

func newKeySet(url string, client *http.Client, now func() time.Time) *keySet {
	return &keySet{url: url, client: client, now: now}
}

// find returns the key of a key id, or an error that wraps ErrUnavailable or
// ErrInvalid.
func (k *keySet) find(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	if kid == "" || len(kid) > maxKidBytes {
		return nil, fmt.Errorf("%w (no usable key id)", ErrInvalid)
	}
	key, fresh := k.lookup(kid)
	if key != nil && fresh {
		return key, nil
	}
	// The fetch does not belong to this caller: others wait for the same one,
	// so it goes on when this caller gives up.
	done := k.flight.DoChan("jwks", func() (any, error) { return nil, k.refetch() })
	if key != nil {
		return key, nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for signing keys: %w", ctx.Err())
	}
	key, _ = k.lookup(kid)
	if key != nil {
		return key, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lastFail != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, k.lastFail)
	}
	return nil, fmt.Errorf("%w (unknown key)", ErrInvalid)
}

func (k *keySet) lookup(kid string) (key *rsa.PublicKey, fresh bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[kid], k.now().Sub(k.fetched) < maxKeyAge
}

// refetch replaces the keys, unless it is too early for another try.
func (k *keySet) refetch() error {
	k.mu.Lock()
	early := k.now().Before(k.nextTry)
	k.mu.Unlock()
	if early {
		return nil
	}
	keys, err := fetchKeys(k.client, k.url)

	k.mu.Lock()
	defer k.mu.Unlock()
	k.lastFail = err
	if err != nil {
		k.nextTry = k.now().Add(retryAfterFailure)
		return err
	}
	k.keys, k.fetched, k.nextTry = keys, k.now(), k.now().Add(minRefetch)
	return nil
}

func fetchKeys(client *http.Client, url string) (map[string]*rsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch signing keys: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch signing keys: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch signing keys from %s: status %d", url, response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxJWKSBytes+1))
	if err != nil {
		return nil, fmt.Errorf("fetch signing keys: %w", err)
	}
	if len(document) > maxJWKSBytes {
		return nil, fmt.Errorf("fetch signing keys from %s: more than %d bytes", url, maxJWKSBytes)
	}
	keys, err := parseJWKS(document)
	if err != nil {
		return nil, fmt.Errorf("read signing keys from %s: %w", url, err)
	}
	return keys, nil
}

// parseJWKS reads a JWK set (RFC 7517) and keeps its usable RS256 keys. Keys of
// other sorts are skipped (section 5 asks for that); none at all is an error.
func parseJWKS(document []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []struct {
			Kid, Kty, Alg, Use, N, E string
		} `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("not a JWK set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, at most %d are read", len(set.Keys), maxKeys)
	}
	keys := make(map[string]*rsa.PublicKey, len(set.Keys))
	for _, jwk := range set.Keys {
		if jwk.Kty != "RSA" || jwk.Kid == "" || len(jwk.Kid) > maxKidBytes ||
			(jwk.Use != "" && jwk.Use != "sig") || (jwk.Alg != "" && jwk.Alg != "RS256") {
			continue
		}
		if key, err := rsaKey(jwk.N, jwk.E); err == nil {
			keys[jwk.Kid] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no usable RS256 key")
	}
	return keys, nil
}

// rsaKey builds a public key from the base64url numbers of RFC 7518 section 6.3.1.
func rsaKey(modulus, exponent string) (*rsa.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(modulus)
	if err != nil {
		return nil, fmt.Errorf("modulus: %w", err)
	}
	e, err := base64.RawURLEncoding.DecodeString(exponent)
	if err != nil {
		return nil, fmt.Errorf("exponent: %w", err)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("a key of %d bits", bits)
	}
	// Cognito's exponent; the only one in wide use.
	if exp := new(big.Int).SetBytes(e); !exp.IsInt64() || exp.Int64() != rsaPublicExp {
		return nil, errors.New("an unusual public exponent")
	}
	key.E = rsaPublicExp
	return key, nil
}
