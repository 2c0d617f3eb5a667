package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hotseat/backend/auth"
)

var sshLead = auth.Person{ID: "ssh-0123456789abcdef", Name: "night shift", Role: auth.RoleQALead}

// personTokenClaims are those of a good token of MintPerson.
func personTokenClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "hotseat", "aud": "hotseat-person", "token_use": "person", "sub": sshLead.ID, "name": sshLead.Name,
		"role": "qa-lead", "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
}

func TestPersonTokensSayWhichPerson(t *testing.T) {
	p := newPool(t)
	c := newClock(noon)
	v := newVerifier(p, c)
	for _, role := range []auth.Role{auth.RoleQALead, auth.RolePlayer, auth.RoleViewer} {
		who := sshLead
		who.Role = role
		minted, err := auth.MintPerson(machineSecret, who, time.Hour, noon)
		if err != nil {
			t.Fatal(err)
		}
		claims := personTokenClaims()
		claims["role"] = string(role)
		for _, token := range []string{minted, sign(t, jwt.SigningMethodHS256, machineSecret, "", claims)} {
			got, err := v.Verify(context.Background(), "Bearer "+token)
			if err != nil {
				t.Fatal(err)
			}
			if got.Person != who || got.TokenUse != auth.UsePerson || got.Session != "" || !got.Expires.Equal(noon.Add(time.Hour)) {
				t.Fatalf("got %+v", got)
			}
		}
	}
	if p.fetches.Load() != 0 {
		t.Errorf("the pool was asked %d times", p.fetches.Load())
	}
	minted, _ := auth.MintPerson(machineSecret, sshLead, time.Hour, noon)
	c.Advance(time.Hour)
	wantError(t, v, minted, auth.ErrExpired)
}

func TestAPersonTokensNameIsSafeToPrint(t *testing.T) {
	who := sshLead
	who.Name = "\x1b[31mred\u202e  lead"
	token, err := auth.MintPerson(machineSecret, who, time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newVerifier(newPool(t), newClock(noon)).Verify(context.Background(), token)
	if err != nil || got.Name != "[31mred lead" {
		t.Fatalf("name %q, %v", got.Name, err)
	}
}

func TestOnlyMeaningfulPersonTokensAreMade(t *testing.T) {
	for name, c := range map[string]struct {
		secret []byte
		person auth.Person
		life   time.Duration
	}{
		"short secret":   {machineSecret[:31], sshLead, time.Hour},
		"no life":        {machineSecret, sshLead, 0},
		"a long life":    {machineSecret, sshLead, time.Hour + time.Second},
		"no id":          {machineSecret, auth.Person{Name: "x", Role: auth.RoleViewer}, time.Hour},
		"backend's id":   {machineSecret, auth.Person{ID: "backend", Name: "x", Role: auth.RoleViewer}, time.Hour},
		"sidecar's id":   {machineSecret, auth.Person{ID: "sidecar-s-1", Name: "x", Role: auth.RoleViewer}, time.Hour},
		"endless id":     {machineSecret, auth.Person{ID: strings.Repeat("i", 129), Name: "x", Role: auth.RoleViewer}, time.Hour},
		"no name":        {machineSecret, auth.Person{ID: "ssh-1", Name: "\u200b", Role: auth.RoleViewer}, time.Hour},
		"backend's role": {machineSecret, auth.Person{ID: "ssh-1", Name: "x", Role: auth.RoleBackend}, time.Hour},
		"sidecar's role": {machineSecret, auth.Person{ID: "ssh-1", Name: "x", Role: auth.RoleSidecar}, time.Hour},
		"no role":        {machineSecret, auth.Person{ID: "ssh-1", Name: "x"}, time.Hour},
	} {
		if _, err := auth.MintPerson(c.secret, c.person, c.life, noon); err == nil {
			t.Errorf("%s: a token was made", name)
		}
	}
}

func TestAShortSecretAcceptsNobody(t *testing.T) {
	token, err := auth.MintPerson(machineSecret, sshLead, time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{nil, machineSecret[:31]} {
		v := auth.NewVerifier(auth.Config{Issuer: issuer, ClientID: clientID, MachineSecret: secret, Now: newClock(noon).Now})
		wantError(t, v, token, auth.ErrInvalid)
	}
}
