package auth_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hotseat/backend/auth"
)

func TestKeysAreFetchedOnceForManyTokens(t *testing.T) {
	p := newPool(t)
	v := newVerifier(p, newClock(noon))
	token := signID(t, nil)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := v.Verify(context.Background(), token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := p.fetches.Load(); n != 1 {
		t.Fatalf("%d fetches, want 1", n)
	}
}

func TestANewKeyIsFoundAndInventedKeyIDsDoNotFlood(t *testing.T) {
	p, c := newPool(t), newClock(noon)
	v := newVerifier(p, c)
	if _, err := v.Verify(context.Background(), signID(t, nil)); err != nil {
		t.Fatal(err)
	}
	second := sign(t, jwt.SigningMethodRS256, poolKeys()[1], "second", idClaims(nil))
	for range 50 {
		wantError(t, v, second, auth.ErrInvalid)
	}
	if n := p.fetches.Load(); n != 1 {
		t.Fatalf("%d fetches for an unknown key within a moment, want 1", n)
	}

	p.set(http.StatusOK, map[string]*rsa.PublicKey{"second": &poolKeys()[1].PublicKey})
	c.Advance(5 * time.Second)
	if _, err := v.Verify(context.Background(), second); err != nil {
		t.Fatal(err)
	}
	// The first key is gone with the same fetch.
	wantError(t, v, signID(t, nil), auth.ErrInvalid)
	if n := p.fetches.Load(); n != 2 {
		t.Fatalf("%d fetches, want 2", n)
	}
}

func TestAFailingPoolIsNotTheTokensFault(t *testing.T) {
	p, c := newPool(t), newClock(noon)
	first := map[string]*rsa.PublicKey{"first": &poolKeys()[0].PublicKey}
	v := newVerifier(p, c)

	p.set(http.StatusInternalServerError, first)
	for range 10 {
		wantError(t, v, signID(t, nil), auth.ErrUnavailable)
	}
	if n := p.fetches.Load(); n != 1 {
		t.Fatalf("%d fetches, want 1", n)
	}
	p.set(http.StatusOK, first)
	c.Advance(time.Second)
	if _, err := v.Verify(context.Background(), signID(t, nil)); err != nil {
		t.Fatal(err)
	}

	// Old keys stay in use while the pool fails, and go once it answers.
	p.set(http.StatusInternalServerError, first)
	c.Advance(2 * time.Hour)
	later := signID(t, jwt.MapClaims{"exp": noon.Add(12 * time.Hour).Unix()})
	if _, err := v.Verify(context.Background(), later); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return p.fetches.Load() == 3 })
	p.set(http.StatusOK, map[string]*rsa.PublicKey{"second": &poolKeys()[1].PublicKey})
	waitFor(t, func() bool {
		c.Advance(time.Second)
		_, err := v.Verify(context.Background(), later)
		return errors.Is(err, auth.ErrInvalid)
	})
}

func TestAWaitingCallerMayGiveUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	v := auth.NewVerifier(auth.Config{Issuer: issuer, ClientID: clientID, JWKSURL: server.URL, Now: newClock(noon).Now})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := v.Verify(ctx, signID(t, nil)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestStrangeKeyDocumentsAreRefused(t *testing.T) {
	for name, document := range map[string]string{
		"not JSON":    "<html>",
		"no keys":     `{"keys":[]}`,
		"endless":     `{"keys":[]}` + strings.Repeat(" ", 70<<10),
		"elliptic":    `{"keys":[{"kid":"first","kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`,
		"short key":   `{"keys":[{"kid":"first","kty":"RSA","n":"wJ7x","e":"AQAB"}]}`,
		"bad numbers": `{"keys":[{"kid":"first","kty":"RSA","n":"***","e":"AQAB"}]}`,
		"exponent 1":  strings.Replace(string(jwks(map[string]*rsa.PublicKey{"first": &poolKeys()[0].PublicKey})), "AQAB", "AQ", 1),
		"encryption":  strings.Replace(string(jwks(map[string]*rsa.PublicKey{"first": &poolKeys()[0].PublicKey})), `"sig"`, `"enc"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document)) }))
			defer server.Close()
			v := auth.NewVerifier(auth.Config{Issuer: issuer, ClientID: clientID, JWKSURL: server.URL, Now: newClock(noon).Now})
			wantError(t, v, signID(t, nil), auth.ErrUnavailable)
		})
	}
}

// waitFor polls for something that another goroutine brings about.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("did not happen within 5 s")
		}
		time.Sleep(time.Millisecond)
	}
}
