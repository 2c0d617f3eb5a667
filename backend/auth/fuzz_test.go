package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hotseat/backend/auth"
)

// FuzzVerify holds that only what was signed is accepted: whatever is made of
// good tokens, either it is one of them or it is refused with a known error.
func FuzzVerify(f *testing.F) {
	machine, err := auth.MintMachine(machineSecret, auth.RoleSidecar, "s-1", time.Hour, noon)
	if err != nil {
		f.Fatal(err)
	}
	own, err := auth.MintPerson(machineSecret, sshLead, time.Hour, noon)
	if err != nil {
		f.Fatal(err)
	}
	// The key cannot be fetched, so no RS256 token can be good.
	person := sign(f, jwt.SigningMethodRS256, poolKeys()[0], "first", idClaims(nil))
	for _, seed := range []string{
		machine, person, own, "Bearer " + machine, own + "A", "", "Bearer", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.",
		strings.Replace(machine, ".", "..", 1), machine + "=", strings.ToUpper(machine), machine[:len(machine)-30] + "\r\n" + machine[len(machine)-30:],
	} {
		f.Add(seed)
	}
	v := auth.NewVerifier(auth.Config{
		Issuer: issuer, ClientID: clientID, JWKSURL: "http://127.0.0.1:1/none", MachineSecret: machineSecret,
		Now: newClock(noon).Now,
	})
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.Verify(context.Background(), token)
		switch {
		case err == nil && !strings.HasSuffix(strings.TrimSpace(token), machine) && !strings.HasSuffix(strings.TrimSpace(token), own):
			t.Fatalf("accepted %q", token)
		case err != nil && !errors.Is(err, auth.ErrInvalid) && !errors.Is(err, auth.ErrExpired) && !errors.Is(err, auth.ErrUnavailable):
			t.Fatalf("an unknown error: %v", err)
		}
	})
}
