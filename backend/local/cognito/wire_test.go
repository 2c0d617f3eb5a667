package cognito

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestErrorsHaveTheShapeOfTheService(t *testing.T) {
	p := newPool(t)
	for name, c := range map[string]struct {
		operation, body string
		status          int
		exception       string
	}{
		"no operation":        {"", `{}`, 400, "UnknownOperationException"},
		"unknown operation":   {"AdminCreateUser", `{}`, 400, "UnknownOperationException"},
		"empty body":          {"InitiateAuth", ``, 400, "SerializationException"},
		"not JSON":            {"InitiateAuth", `{`, 400, "SerializationException"},
		"not an object":       {"InitiateAuth", `[]`, 400, "SerializationException"},
		"two objects":         {"InitiateAuth", `{}{}`, 400, "SerializationException"},
		"parameter not text":  {"InitiateAuth", `{"AuthParameters":{"USERNAME":1}}`, 400, "SerializationException"},
		"no client":           {"InitiateAuth", `{}`, 400, "InvalidParameterException"},
		"client not a name":   {"InitiateAuth", `{"ClientId":"<a>"}`, 400, "InvalidParameterException"},
		"another client":      {"InitiateAuth", `{"ClientId":"other"}`, 400, "ResourceNotFoundException"},
		"no flow":             {"InitiateAuth", `{"ClientId":"%s"}`, 400, "InvalidParameterException"},
		"admin flow":          {"InitiateAuth", `{"ClientId":"%s","AuthFlow":"ADMIN_NO_SRP_AUTH"}`, 400, "InvalidParameterException"},
		"custom flow":         {"InitiateAuth", `{"ClientId":"%s","AuthFlow":"CUSTOM_AUTH"}`, 400, "InvalidParameterException"},
		"no password":         {"InitiateAuth", `{"ClientId":"%s","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"a"}}`, 400, "InvalidParameterException"},
		"endless password":    {"InitiateAuth", `{"ClientId":"%s","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"a","PASSWORD":"` + strings.Repeat("p", 300) + `"}}`, 400, "NotAuthorizedException"},
		"no refresh token":    {"InitiateAuth", `{"ClientId":"%s","AuthFlow":"REFRESH_TOKEN_AUTH"}`, 400, "InvalidParameterException"},
		"SRP_A no number":     {"InitiateAuth", `{"ClientId":"%s","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"a","SRP_A":"xyz"}}`, 400, "InvalidParameterException"},
		"other challenge":     {"RespondToAuthChallenge", `{"ClientId":"%s","ChallengeName":"SMS_MFA"}`, 400, "InvalidParameterException"},
		"no access token":     {"GetUser", `{}`, 400, "InvalidParameterException"},
		"access token broken": {"GetUser", `{"AccessToken":"a.b.c"}`, 400, "NotAuthorizedException"},
		"nothing to revoke":   {"RevokeToken", `{"ClientId":"%s"}`, 400, "InvalidParameterException"},
		"too large":           {"InitiateAuth", `{"ClientId":"` + strings.Repeat("x", maxBodyBytes) + `"}`, 413, "RequestEntityTooLargeException"},
	} {
		t.Run(name, func(t *testing.T) {
			body := c.body
			if strings.Contains(body, "%s") {
				body = fmt.Sprintf(body, clientID)
			}
			response, parsed := p.post(t, targetPrefix+c.operation, body)
			if response.StatusCode != c.status || parsed["__type"] != c.exception || parsed["message"] == "" {
				t.Fatalf("got %d %v, want %d %s", response.StatusCode, parsed, c.status, c.exception)
			}
			if got := response.Header.Get("X-Amzn-Errortype"); got != c.exception+":" {
				t.Fatalf("x-amzn-ErrorType is %q", got)
			}
			if response.Header.Get("Content-Type") != contentType || response.Header.Get("X-Amzn-Requestid") == "" {
				t.Fatalf("headers %v", response.Header)
			}
		})
	}
}

func TestBrowsersMayCall(t *testing.T) {
	p := newPool(t)
	request, _ := http.NewRequest(http.MethodOptions, p.url, nil)
	request.Header.Set("Origin", "http://localhost:5173")
	request.Header.Set("Access-Control-Request-Method", "POST")
	request.Header.Set("Access-Control-Request-Headers", "content-type,x-amz-target,x-amz-user-agent,cache-control,amz-sdk-request")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	allowed := response.Header.Get("Access-Control-Allow-Headers")
	for wanted := range strings.SplitSeq(request.Header.Get("Access-Control-Request-Headers"), ",") {
		if !strings.Contains(allowed, wanted) {
			t.Errorf("the header %s is not allowed", wanted)
		}
	}
	if response.StatusCode != http.StatusNoContent || response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("got %d %v", response.StatusCode, response.Header)
	}
	refused, _ := p.post(t, targetPrefix+"GetUser", `{}`)
	if !strings.Contains(refused.Header.Get("Access-Control-Expose-Headers"), "x-amzn-errortype") {
		t.Fatal("a page cannot read the error's name")
	}
}

func TestDocumentsOfThePool(t *testing.T) {
	p := newPool(t)
	get := func(url string, into any) {
		t.Helper()
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", url, response.StatusCode)
		}
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	var openID struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	get(p.Issuer()+"/.well-known/openid-configuration", &openID)
	if openID.Issuer != p.Issuer() || openID.Keys != p.JWKSURL() || strings.Contains(p.Issuer(), "//us-west") {
		t.Fatalf("got %+v", openID)
	}
	var set struct{ Keys []map[string]string }
	get(p.JWKSURL(), &set)
	if len(set.Keys) != 2 || set.Keys[0]["kid"] == set.Keys[1]["kid"] || set.Keys[0]["e"] != "AQAB" || set.Keys[0]["d"] != "" {
		t.Fatalf("got %v", set.Keys)
	}
}

func TestOtherPathsAreNotThere(t *testing.T) {
	p := newPool(t)
	for _, c := range [][2]string{{"GET", ""}, {"GET", "us-west-2_Other/.well-known/jwks.json"}, {"POST", "login"}, {"POST", poolID + "/.well-known/jwks.json"}} {
		request, _ := http.NewRequest(c[0], p.url+c[1], nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%v: %d", c, response.StatusCode)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	good := Config{Endpoint: "http://127.0.0.1:8470/cognito", PoolID: poolID, ClientID: clientID}
	for name, change := range map[string]func(*Config){
		"no endpoint":       func(c *Config) { c.Endpoint = "" },
		"relative endpoint": func(c *Config) { c.Endpoint = "/cognito" },
		"pool without _":    func(c *Config) { c.PoolID = "hotseat" },
		"pool with a slash": func(c *Config) { c.PoolID = "us/west_1" },
		"no client":         func(c *Config) { c.ClientID = "" },
	} {
		config := good
		change(&config)
		if _, err := newWithKeys(config, testUsers, keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := newWithKeys(good, append(testUsers, testUsers[0]), keys); err == nil {
		t.Error("the same user twice: accepted")
	}
}

// FuzzOperations holds that no body makes the pool fail: every answer is a JSON
// object, and nobody is signed in who does not know a password.
func FuzzOperations(f *testing.F) {
	for operation := range operations {
		for _, body := range []string{
			``, `{}`, `[]`, `null`, `{"ClientId":"` + clientID + `"}`,
			`{"ClientId":"` + clientID + `","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"viewer@ivs.rocks","SRP_A":"0f"}}`,
			`{"ClientId":"` + clientID + `","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"viewer@ivs.rocks","PASSWORD":"x"}}`,
			`{"ClientId":"` + clientID + `","AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"x"}}`,
			`{"ClientId":"` + clientID + `","ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":{"USERNAME":"a","PASSWORD_CLAIM_SECRET_BLOCK":"AA==","PASSWORD_CLAIM_SIGNATURE":"AA==","TIMESTAMP":"Sun Nov 22 12:00:00 UTC 2026"}}`,
			`{"ClientId":"` + clientID + `","Token":"a.b.c","AccessToken":"eyJhbGciOiJub25lIn0.e30."}`,
		} {
			f.Add(operation, body)
		}
	}
	p := newPool(f)
	handler := p.Handler()
	f.Fuzz(func(t *testing.T, operation, body string) {
		p.Advance(1e9) // so that the limits do not end the search
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", targetPrefix+operation)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)

		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("the answer %q is no object: %v", w.Body, err)
		}
		switch w.Code {
		case http.StatusOK:
			if answer["AuthenticationResult"] != nil {
				t.Fatalf("signed in with %q", body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if answer["__type"] == "" {
				t.Fatalf("an error without a name: %v", answer)
			}
		default:
			t.Fatalf("status %d for %q", w.Code, body)
		}
	})
}
