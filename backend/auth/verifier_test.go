package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hotseat/backend/auth"
)

func TestAPersonIsTakenFromTheToken(t *testing.T) {
	v := newVerifier(newPool(t), newClock(noon))
	id := signID(t, nil)
	access := sign(t, jwt.SigningMethodRS256, poolKeys()[0], "first", idClaims(jwt.MapClaims{
		"aud": nil, "client_id": clientID, "token_use": "access", "email": nil, "cognito:username": nil, "username": "u-1",
	}))

	for token, want := range map[string]auth.Identity{
		id:                     {Person: auth.Person{ID: subject, Name: "viewer", Role: auth.RoleViewer}, TokenUse: "id"},
		"Bearer " + id:         {Person: auth.Person{ID: subject, Name: "viewer", Role: auth.RoleViewer}, TokenUse: "id"},
		" bearer  " + id + " ": {Person: auth.Person{ID: subject, Name: "viewer", Role: auth.RoleViewer}, TokenUse: "id"},
		access:                 {Person: auth.Person{ID: subject, Name: "u-1", Role: auth.RoleViewer}, TokenUse: "access"},
	} {
		want.Expires = noon.Add(15 * time.Minute)
		got, err := v.Verify(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Expires.Equal(want.Expires) {
			t.Fatalf("expires %v, want %v", got.Expires, want.Expires)
		}
		if got.Expires = want.Expires; got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func TestTheStrongestGroupIsTheRole(t *testing.T) {
	v := newVerifier(newPool(t), newClock(noon))
	for _, c := range []struct {
		groups []string
		want   auth.Role
	}{
		{[]string{"viewer"}, auth.RoleViewer},
		{[]string{"viewer", "player"}, auth.RolePlayer},
		{[]string{"viewer", "qa-lead", "player"}, auth.RoleQALead},
		{[]string{"backend", "sidecar", "viewer"}, auth.RoleViewer},
	} {
		got, err := v.Verify(context.Background(), signID(t, jwt.MapClaims{"cognito:groups": c.groups}))
		if err != nil || got.Role != c.want {
			t.Fatalf("%v: got %q, %v; want %q", c.groups, got.Role, err, c.want)
		}
	}
}

func TestNamesFollowTheRuleAndAreSafeToPrint(t *testing.T) {
	v := newVerifier(newPool(t), newClock(noon))
	for name, c := range map[string]struct {
		changes jwt.MapClaims
		want    string
	}{
		"name first":            {jwt.MapClaims{"name": "Night Shift"}, "Night Shift"},
		"then e-mail":           {jwt.MapClaims{"name": " "}, "viewer"},
		"then username":         {jwt.MapClaims{"email": nil, "cognito:username": "u-1"}, "u-1"},
		"then subject":          {jwt.MapClaims{"email": nil, "cognito:username": nil}, subject},
		"cut to 40":             {jwt.MapClaims{"name": strings.Repeat("é", 60)}, strings.Repeat("é", 40)},
		"no space at the end":   {jwt.MapClaims{"name": strings.Repeat("a", 39) + " bc"}, strings.Repeat("a", 39) + "b"},
		"one line":              {jwt.MapClaims{"name": "a\r\n\tb"}, "a b"},
		"no terminal commands":  {jwt.MapClaims{"name": "\x1b[31mred\x07"}, "[31mred"},
		"no reversed direction": {jwt.MapClaims{"name": "ab\u202edc\u200b"}, "abdc"},
		"only invisible":        {jwt.MapClaims{"name": "\u200b\u202e\x00"}, "viewer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.Verify(context.Background(), signID(t, c.changes))
			if err != nil || got.Name != c.want {
				t.Fatalf("got %q, %v; want %q", got.Name, err, c.want)
			}
		})
	}
}

func TestExpiredTokensAreRefusedAsExpired(t *testing.T) {
	c := newClock(noon)
	v := newVerifier(newPool(t), c)
	person := signID(t, nil)
	machine, err := auth.MintMachine(machineSecret, auth.RoleBackend, "", 15*time.Minute, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{person, machine} {
		if _, err := v.Verify(context.Background(), token); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(15 * time.Minute)
	for _, token := range []string{person, machine} {
		wantError(t, v, token, auth.ErrExpired)
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	v := newVerifier(newPool(t), newClock(noon))
	good := signID(t, nil)
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	lead, _ := json.Marshal(idClaims(jwt.MapClaims{"cognito:groups": []string{"qa-lead"}}))

	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&poolKeys()[0].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	machine := jwt.MapClaims{"iss": "hotseat", "sub": "backend", "role": "backend", "session": "", "exp": noon.Add(time.Hour).Unix()}
	hs, rs := jwt.SigningMethodHS256, jwt.SigningMethodRS256
	withMachine := func(changes jwt.MapClaims) string {
		return sign(t, hs, machineSecret, "", change(jwt.MapClaims{"iss": "hotseat", "sub": "backend", "role": "backend", "session": "", "exp": noon.Add(time.Hour).Unix()}, changes))
	}

	withPerson := func(changes jwt.MapClaims) string {
		return sign(t, hs, machineSecret, "", change(personTokenClaims(), changes))
	}

	for name, token := range map[string]string{
		"nothing":                     "",
		"only a scheme":               "Bearer ",
		"not a token":                 "abc",
		"two parts":                   head + "." + payload,
		"very long":                   good + strings.Repeat("A", 9000),
		"bad base64":                  "!!!." + payload + "." + signature,
		"alg none":                    raw(`{"alg":"none","kid":"first"}`) + "." + payload + ".",
		"alg none, signature kept":    raw(`{"alg":"None","kid":"first"}`) + "." + payload + "." + signature,
		"no alg":                      raw(`{"kid":"first"}`) + "." + payload + "." + signature,
		"alg is a number":             raw(`{"alg":1,"kid":"first"}`) + "." + payload + "." + signature,
		"changed payload":             head + "." + raw(string(lead)) + "." + signature,
		"no signature":                head + "." + payload + ".",
		"signature of another key":    sign(t, rs, stranger, "first", idClaims(nil)),
		"key id unknown":              sign(t, rs, poolKeys()[0], "second", idClaims(nil)),
		"key id missing":              sign(t, rs, poolKeys()[0], "", idClaims(nil)),
		"stronger hash, same key":     sign(t, jwt.SigningMethodRS512, poolKeys()[0], "first", idClaims(nil)),
		"PSS, same key":               sign(t, jwt.SigningMethodPS256, poolKeys()[0], "first", idClaims(nil)),
		"HMAC with the public key":    sign(t, hs, publicPEM, "first", idClaims(nil)),
		"HMAC with the public DER":    sign(t, hs, publicDER, "first", machine),
		"HMAC with the modulus":       sign(t, hs, poolKeys()[0].N.Bytes(), "first", machine),
		"person claims, machine key":  sign(t, hs, machineSecret, "", idClaims(nil)),
		"machine claims, pool key":    sign(t, rs, poolKeys()[0], "first", machine),
		"machine, stronger hash":      sign(t, jwt.SigningMethodHS512, machineSecret, "", machine),
		"machine, other secret":       sign(t, hs, []byte(strings.Repeat("x", 32)), "", machine),
		"machine, empty secret":       sign(t, hs, []byte{}, "", machine),
		"machine without end":         withMachine(jwt.MapClaims{"exp": nil}),
		"machine of another issuer":   withMachine(jwt.MapClaims{"iss": issuer}),
		"machine with a person role":  withMachine(jwt.MapClaims{"role": "qa-lead"}),
		"machine without role":        withMachine(jwt.MapClaims{"role": nil}),
		"sidecar of every session":    withMachine(jwt.MapClaims{"role": "sidecar", "sub": "sidecar-"}),
		"sidecar of another session":  withMachine(jwt.MapClaims{"role": "sidecar", "sub": "sidecar-s-1", "session": "s-2"}),
		"backend of one session":      withMachine(jwt.MapClaims{"session": "s-1"}),
		"backend by another name":     withMachine(jwt.MapClaims{"sub": "sidecar-s-1"}),
		"machine for people":          withMachine(jwt.MapClaims{"aud": "hotseat-person"}),
		"machine used as person":      withMachine(jwt.MapClaims{"token_use": "person"}),
		"machine with both marks":     withMachine(jwt.MapClaims{"token_use": "person", "aud": "hotseat-person", "iat": noon.Unix()}),
		"machine that says machine":   withMachine(jwt.MapClaims{"token_use": "machine"}),
		"own person as a machine":     withPerson(jwt.MapClaims{"token_use": nil}),
		"own person, no audience":     withPerson(jwt.MapClaims{"aud": nil}),
		"own person, other audience":  withPerson(jwt.MapClaims{"aud": clientID}),
		"own person, two audiences":   withPerson(jwt.MapClaims{"aud": []string{"hotseat-person", clientID}}),
		"own person as ID token":      withPerson(jwt.MapClaims{"token_use": "id"}),
		"own person, pool key":        sign(t, rs, poolKeys()[0], "first", personTokenClaims()),
		"own person, pool's claims":   sign(t, rs, poolKeys()[0], "first", idClaims(jwt.MapClaims{"token_use": "person", "aud": "hotseat-person"})),
		"own person, public key":      sign(t, hs, publicPEM, "", personTokenClaims()),
		"own person, other secret":    sign(t, hs, []byte(strings.Repeat("x", 32)), "", personTokenClaims()),
		"own person, other issuer":    withPerson(jwt.MapClaims{"iss": issuer}),
		"own person, backend's role":  withPerson(jwt.MapClaims{"role": "backend"}),
		"own person, sidecar's role":  withPerson(jwt.MapClaims{"role": "sidecar", "session": "s-1"}),
		"own person without role":     withPerson(jwt.MapClaims{"role": nil}),
		"own person, groups":          withPerson(jwt.MapClaims{"role": nil, "cognito:groups": []string{"qa-lead"}}),
		"own person named backend":    withPerson(jwt.MapClaims{"sub": "backend"}),
		"own person named sidecar":    withPerson(jwt.MapClaims{"sub": "sidecar-s-1"}),
		"own person without end":      withPerson(jwt.MapClaims{"exp": nil}),
		"own person without start":    withPerson(jwt.MapClaims{"iat": nil}),
		"own person of tomorrow":      withPerson(jwt.MapClaims{"iat": noon.Add(time.Hour).Unix(), "exp": noon.Add(2 * time.Hour).Unix()}),
		"own person for a day":        withPerson(jwt.MapClaims{"exp": noon.Add(24 * time.Hour).Unix()}),
		"no end":                      signID(t, jwt.MapClaims{"exp": nil}),
		"end is text":                 signID(t, jwt.MapClaims{"exp": "tomorrow"}),
		"not valid yet":               signID(t, jwt.MapClaims{"nbf": noon.Add(time.Hour).Unix()}),
		"another issuer":              signID(t, jwt.MapClaims{"iss": issuer + "/"}),
		"another issuer, expired too": signID(t, jwt.MapClaims{"iss": "x", "exp": noon.Add(-time.Hour).Unix()}),
		"no issuer":                   signID(t, jwt.MapClaims{"iss": nil}),
		"another app client":          signID(t, jwt.MapClaims{"aud": "other"}),
		"more than one audience":      signID(t, jwt.MapClaims{"aud": []string{clientID, "other"}}),
		"no audience":                 signID(t, jwt.MapClaims{"aud": nil}),
		"ID token with client_id":     signID(t, jwt.MapClaims{"aud": nil, "client_id": clientID}),
		"access token with aud":       signID(t, jwt.MapClaims{"token_use": "access"}),
		"access token of another":     signID(t, jwt.MapClaims{"token_use": "access", "client_id": "other"}),
		"a refresh token":             signID(t, jwt.MapClaims{"token_use": "refresh"}),
		"no token use":                signID(t, jwt.MapClaims{"token_use": nil}),
		"person used as machine":      signID(t, jwt.MapClaims{"token_use": "machine"}),
		"no groups":                   signID(t, jwt.MapClaims{"cognito:groups": nil}),
		"groups without meaning":      signID(t, jwt.MapClaims{"cognito:groups": []string{"QA-LEAD", "backend"}}),
		"groups as text":              signID(t, jwt.MapClaims{"cognito:groups": "qa-lead"}),
		"no subject":                  signID(t, jwt.MapClaims{"sub": nil}),
		"subject of the backend":      signID(t, jwt.MapClaims{"sub": "backend"}),
		"subject of a sidecar":        signID(t, jwt.MapClaims{"sub": "sidecar-s-1"}),
		"subject of the rules":        signID(t, jwt.MapClaims{"sub": "rules"}),
		"subject with a line break":   signID(t, jwt.MapClaims{"sub": "a\nb"}),
	} {
		t.Run(name, func(t *testing.T) { wantError(t, v, token, auth.ErrInvalid) })
	}
}

func TestCriticalExtensionsAreRefused(t *testing.T) {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, idClaims(nil))
	token.Header["kid"], token.Header["crit"] = "first", []string{"b64"}
	signed, err := token.SignedString(poolKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, newVerifier(newPool(t), newClock(noon)), signed, auth.ErrInvalid)
}

func TestWithoutAPoolNoPersonIsAccepted(t *testing.T) {
	p := newPool(t)
	v := auth.NewVerifier(auth.Config{JWKSURL: p.url, Now: newClock(noon).Now})
	wantError(t, v, signID(t, jwt.MapClaims{"iss": nil, "aud": nil}), auth.ErrInvalid)
	wantError(t, v, signID(t, jwt.MapClaims{"iss": "", "aud": ""}), auth.ErrInvalid)
}

func TestErrorsNeverHoldTheToken(t *testing.T) {
	v := newVerifier(newPool(t), newClock(noon))
	token := signID(t, jwt.MapClaims{"aud": "other"})
	_, err := v.Verify(context.Background(), token)
	for part := range strings.SplitSeq(token, ".") {
		if strings.Contains(err.Error(), part) {
			t.Fatalf("the error %q holds a part of the token", err)
		}
	}
}
