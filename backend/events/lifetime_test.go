package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local/cognito"
)

// pool is the local Cognito with one person.
type pool struct {
	handler http.Handler
	signIns int // and refreshes
}

const (
	poolURL  = "http://cognito.test"
	clientID = "7hotseatclient0000000000001"
	email    = "viewer@ivs.rocks"
	password = "Kubof-zidan-tomuk-lihas7"
)

func newPool(t *testing.T) (*pool, *auth.Verifier) {
	t.Helper()
	service, err := cognito.New(cognito.Config{Endpoint: poolURL, PoolID: "us-west-2_Hotseat01", ClientID: clientID},
		[]cognito.User{{Email: email, Password: password, Group: "viewer"}})
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{handler: service.Handler()}
	return p, auth.NewVerifier(auth.Config{Issuer: service.Issuer(), ClientID: clientID, JWKSURL: service.JWKSURL(),
		HTTPClient: &http.Client{Transport: p}})
}

// RoundTrip answers without a network.
func (p *pool) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// initiate is InitiateAuth.
func (p *pool) initiate(ctx context.Context, flow string, parameters map[string]string) (id, refresh string, life time.Duration, err error) {
	p.signIns++
	body, err := json.Marshal(map[string]any{"AuthFlow": flow, "ClientId": clientID, "AuthParameters": parameters})
	if err != nil {
		return "", "", 0, err
	}
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, poolURL+"/", strings.NewReader(string(body)))
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth")
	response, err := p.RoundTrip(request)
	if err != nil {
		return "", "", 0, err
	}
	defer response.Body.Close()
	var answer struct {
		AuthenticationResult struct {
			IDToken      string `json:"IdToken"`
			RefreshToken string
			ExpiresIn    int
		}
		Message string `json:"message"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", "", 0, err
	}
	if response.StatusCode != http.StatusOK {
		return "", "", 0, fmt.Errorf("%w: %s", events.ErrSignedOut, answer.Message)
	}
	r := answer.AuthenticationResult
	return r.IDToken, r.RefreshToken, time.Duration(r.ExpiresIn) * time.Second, nil
}

// credentials signs in once and refreshes from then on.
func (p *pool) credentials() events.Credentials {
	var mu sync.Mutex
	var id, refresh string
	var expires time.Time
	return func(ctx context.Context) (string, time.Time, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Until(expires) > 2*time.Minute {
			return id, expires, nil
		}
		flow, parameters := "USER_PASSWORD_AUTH", map[string]string{"USERNAME": email, "PASSWORD": password}
		if refresh != "" {
			flow, parameters = "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": refresh}
		}
		fresh, again, life, err := p.initiate(ctx, flow, parameters)
		if err != nil {
			return "", time.Time{}, err
		}
		id, expires = fresh, time.Now().Add(life)
		if again != "" {
			refresh = again
		}
		return id, expires, nil
	}
}

func TestASubscriptionGoesThroughFourLivesOfCognitosTokens(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, verifier := newPool(t)
		w.identify = verifier.Verify
		l := w.listen(p.credentials())
		w.ready(l)
		first, _, err := p.credentials()(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 60 * 60 * 2 {
			w.say()
			time.Sleep(time.Second / 2)
		}
		if _, err := verifier.Verify(t.Context(), first); err == nil {
			t.Error("the first token is still good: this test shows nothing")
		}
		l.expectExactly()
		if w.connections() < 5 {
			t.Errorf("%d connections", w.connections())
		}
		t.Logf("%d events over %d connections, %d sign-ins and refreshes", w.size(), w.connections(), p.signIns)
		l.Close()
	})
}

func TestTheEndOfTheRefreshTokenEndsTheClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, verifier := newPool(t)
		w.identify = verifier.Verify
		began := time.Now()
		l := w.listen(p.credentials())
		l.expectRefused(func(err error) bool { return strings.Contains(err.Error(), events.ErrSignedOut.Error()) })
		if took := time.Since(began); took < 7*time.Hour || took > 9*time.Hour { // Cognito's refresh tokens here live 8 h
			t.Errorf("after %v", took)
		}
	})
}
