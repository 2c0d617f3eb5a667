package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"hotseat/backend/auth"
)

func TestMachineTokensSayWhichMachine(t *testing.T) {
	v := newVerifier(newPool(t), newClock(noon))
	for _, want := range []auth.Identity{
		{Person: auth.Person{ID: "sidecar-s-7h2k9x4q1m", Name: "sidecar", Role: auth.RoleSidecar}, Session: "s-7h2k9x4q1m"},
		{Person: auth.Person{ID: "backend", Name: "backend", Role: auth.RoleBackend}},
	} {
		token, err := auth.MintMachine(machineSecret, want.Role, want.Session, time.Hour, noon)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Expires.Equal(noon.Add(time.Hour)) {
			t.Fatalf("expires %v", got.Expires)
		}
		want.TokenUse, want.Expires = auth.UseMachine, got.Expires
		if got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func TestMachineTokensAreCheckedWithoutThePool(t *testing.T) {
	p := newPool(t)
	v := newVerifier(p, newClock(noon))
	token, err := auth.MintMachine(machineSecret, auth.RoleBackend, "", time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(context.Background(), token); err != nil || p.fetches.Load() != 0 {
		t.Fatalf("%v, %d fetches", err, p.fetches.Load())
	}
}

func TestOnlyMeaningfulMachineTokensAreMade(t *testing.T) {
	for name, c := range map[string]struct {
		secret  []byte
		role    auth.Role
		session string
		life    time.Duration
	}{
		"short secret":         {machineSecret[:31], auth.RoleBackend, "", time.Hour},
		"no secret":            {nil, auth.RoleBackend, "", time.Hour},
		"no life":              {machineSecret, auth.RoleBackend, "", 0},
		"a person's role":      {machineSecret, auth.RoleQALead, "", time.Hour},
		"sidecar of nothing":   {machineSecret, auth.RoleSidecar, "", time.Hour},
		"backend of a session": {machineSecret, auth.RoleBackend, "s-1", time.Hour},
		"endless session id":   {machineSecret, auth.RoleSidecar, strings.Repeat("s", 65), time.Hour},
		"wild session id":      {machineSecret, auth.RoleSidecar, "s 1", time.Hour},
	} {
		if _, err := auth.MintMachine(c.secret, c.role, c.session, c.life, noon); err == nil {
			t.Errorf("%s: a token was made", name)
		}
	}
}

func TestAShortSecretAcceptsNoMachine(t *testing.T) {
	token, err := auth.MintMachine(machineSecret, auth.RoleBackend, "", time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{nil, machineSecret[:31]} {
		v := auth.NewVerifier(auth.Config{Issuer: issuer, ClientID: clientID, MachineSecret: secret, Now: newClock(noon).Now})
		wantError(t, v, token, auth.ErrInvalid)
	}
}
