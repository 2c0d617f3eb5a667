package auth

import (
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// personAudience and UsePerson are on every person token and on no machine token, so that
	// neither passes for the other although one secret signs both.
	personAudience = "hotseat-person"

	// MaxPersonLife bounds a person token's life. There is no list of revoked tokens: who loses
	// their access loses it when the present token ends.
	MaxPersonLife = time.Hour
)

type ownPersonClaims struct {
	jwt.RegisteredClaims
	TokenUse string `json:"token_use"`
	Name     string `json:"name"`
	Role     Role   `json:"role"`
}

// MintPerson makes a token for a person whom no user pool knows, such as one who comes with an SSH
// key; it is good for life from now on, at most MaxPersonLife. The person has the id by which they
// are known from session to session (printable ASCII, at most 128 characters, none of the machines'),
// a name of which something is left once it is cleaned, and a role of people. The secret is the one
// of MintMachine.
func MintPerson(secret []byte, p Person, life time.Duration, now time.Time) (string, error) {
	name := displayName(p.Name)
	switch {
	case len(secret) < minMachineSecretBytes:
		return "", fmt.Errorf("mint a person token: the secret has %d bytes, %d are needed", len(secret), minMachineSecretBytes)
	case life <= 0 || life > MaxPersonLife:
		return "", fmt.Errorf("mint a person token: its life is more than nothing and at most %v, not %v", MaxPersonLife, life)
	case !validSubject(p.ID):
		return "", fmt.Errorf("mint a person token: the id of %q is not one of a person", name)
	case name == "":
		return "", fmt.Errorf("mint a person token: the person %s has no printable name", p.ID)
	case !slices.Contains(peopleRoles, p.Role):
		return "", fmt.Errorf("mint a person token: %q is no role of people", p.Role)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, ownPersonClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    machineIssuer,
			Subject:   p.ID,
			Audience:  jwt.ClaimStrings{personAudience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(life)),
		},
		TokenUse: UsePerson,
		Name:     name,
		Role:     p.Role,
	})
	signed, err := token.SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("sign a person token: %w", err)
	}
	return signed, nil
}

// verifyOwnPerson checks a token of MintPerson.
func (v *Verifier) verifyOwnPerson(token string) (Identity, error) {
	var claims ownPersonClaims
	if err := v.parseOwn(v.ownPeople, token, &claims); err != nil {
		return Identity{}, err
	}
	switch {
	case claims.TokenUse != UsePerson, len(claims.Audience) != 1: // which one, the parser has checked
		return Identity{}, fmt.Errorf("%w (not made for a person)", ErrInvalid)
	case claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > MaxPersonLife:
		return Identity{}, fmt.Errorf("%w (it lives longer than a person's token may)", ErrInvalid)
	case !validSubject(claims.Subject):
		return Identity{}, fmt.Errorf("%w (no usable subject)", ErrInvalid)
	case !slices.Contains(peopleRoles, claims.Role):
		return Identity{}, fmt.Errorf("%w (the role is not that of a person)", ErrInvalid)
	}
	return Identity{
		Person:   Person{ID: claims.Subject, Name: displayName(claims.Name, claims.Subject), Role: claims.Role},
		Expires:  claims.ExpiresAt.Time,
		TokenUse: UsePerson,
	}, nil
}
