package cognito

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

const (
	poolID       = "us-west-2_Hotseat01"
	clientID     = "7hotseatclient0000000000001"
	viewerEmail  = "viewer@ivs.rocks"
	viewerSecret = "Kubof-zidan-tomuk-lihas7"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var testUsers = []User{
	{Email: viewerEmail, Password: viewerSecret, Group: "viewer"},
	{Email: "Lead@ivs.rocks", Name: "Night Shift", Password: "Another-secret-1", Group: "qa-lead"},
}

// testKeys are made once: they take a moment.
var testKeys = sync.OnceValues(generateKeys)

// clock is a clock that tests move.
type clock struct{ nanos atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// pool is a service on a real socket, below a path prefix, with the official
// client in front of it.
type pool struct {
	*Service
	*idp.Client
	url string
	clock
}

func newPool(t testing.TB) *pool {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{}
	p.clock.nanos.Store(noon.UnixNano())
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL + "/cognito/"
	p.Service, err = newWithKeys(Config{Endpoint: p.url, PoolID: poolID, ClientID: clientID, Now: p.Now}, testUsers, keys)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/cognito/", http.StripPrefix("/cognito", p.Handler()))
	p.Client = idp.New(idp.Options{Region: "us-west-2", BaseEndpoint: aws.String(p.url), Retryer: aws.NopRetryer{}})
	return p
}

func (p *pool) signIn(username, password string) (*types.AuthenticationResultType, error) {
	out, err := p.InitiateAuth(context.Background(), &idp.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(clientID),
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
	})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

func (p *pool) mustSignIn(t testing.TB) *types.AuthenticationResultType {
	t.Helper()
	tokens, err := p.signIn(viewerEmail, viewerSecret)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func (p *pool) refreshWith(token string) (*types.AuthenticationResultType, error) {
	out, err := p.InitiateAuth(context.Background(), &idp.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeRefreshTokenAuth, ClientId: aws.String(clientID),
		AuthParameters: map[string]string{"REFRESH_TOKEN": token},
	})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

func (p *pool) userOf(accessToken *string) (*idp.GetUserOutput, error) {
	return p.GetUser(context.Background(), &idp.GetUserInput{AccessToken: accessToken})
}

// wantError checks an error's name and a part of its message.
func wantError(t testing.TB, err error, name, messagePart string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want %s", err, name)
	}
	if api.ErrorCode() != name || !strings.Contains(api.ErrorMessage(), messagePart) {
		t.Fatalf("got %s %q, want %s with %q", api.ErrorCode(), api.ErrorMessage(), name, messagePart)
	}
}

// post sends a body as it is.
func (p *pool) post(t testing.TB, target, body string) (*http.Response, map[string]any) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, p.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("X-Amz-Target", target)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := json.Unmarshal(content, &parsed); err != nil {
		t.Fatalf("%s: %v", content, err)
	}
	return response, parsed
}
