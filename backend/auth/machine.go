package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	machineIssuer = "hotseat"

	// minMachineSecretBytes is the size of the hash: RFC 7518 section 3.2 allows
	// no shorter key for HS256.
	minMachineSecretBytes = 32

	backendSubject = "backend"
	sidecarPrefix  = "sidecar-"

	// rulesSubject is the actor of decisions that the rules made alone (see
	// docs/protocol.md, an empty seat).
	rulesSubject = "rules"
)

type machineClaims struct {
	jwt.RegisteredClaims
	Role     Role   `json:"role"`
	Session  string `json:"session"`
	TokenUse string `json:"token_use,omitempty"` // none: see verifyMachine
}

// MintMachine makes a machine token, good for life from now on. role is
// RoleSidecar, with the one session it may touch, or RoleBackend, with an empty
// session. The secret has at least 32 bytes.
func MintMachine(secret []byte, role Role, session string, life time.Duration, now time.Time) (string, error) {
	if len(secret) < minMachineSecretBytes {
		return "", fmt.Errorf("mint a machine token: the secret has %d bytes, %d are needed", len(secret), minMachineSecretBytes)
	}
	if life <= 0 {
		return "", fmt.Errorf("mint a machine token: its life of %v is over at once", life)
	}
	subject, err := machineSubject(role, session)
	if err != nil {
		return "", fmt.Errorf("mint a machine token: %w", err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, machineClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    machineIssuer,
			Subject:   subject,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(life)),
		},
		Role:    role,
		Session: session,
	})
	signed, err := token.SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("sign a machine token: %w", err)
	}
	return signed, nil
}

func (v *Verifier) verifyMachine(token string) (Identity, error) {
	var claims machineClaims
	if err := v.parseOwn(v.machine, token, &claims); err != nil {
		return Identity{}, err
	}
	if claims.TokenUse != "" || len(claims.Audience) > 0 {
		return Identity{}, fmt.Errorf("%w (not made for a machine)", ErrInvalid)
	}
	subject, err := machineSubject(claims.Role, claims.Session)
	if err != nil || subject != claims.Subject {
		return Identity{}, fmt.Errorf("%w (subject, role and session do not belong together)", ErrInvalid)
	}
	return Identity{
		Person:   Person{ID: subject, Name: string(claims.Role), Role: claims.Role},
		Session:  claims.Session,
		Expires:  claims.ExpiresAt.Time,
		TokenUse: UseMachine,
	}, nil
}

// parseOwn checks the signature of a token that the backend made itself, and what its parser asks for.
func (v *Verifier) parseOwn(parser *jwt.Parser, token string, claims jwt.Claims) error {
	if len(v.config.MachineSecret) < minMachineSecretBytes {
		return fmt.Errorf("%w (the backend's own tokens are not accepted here)", ErrInvalid)
	}
	_, err := parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) {
		return v.config.MachineSecret, nil
	})
	if err != nil {
		return classify(err)
	}
	return nil
}

// machineSubject returns the only subject that a role and a session may have.
func machineSubject(role Role, session string) (string, error) {
	switch {
	case role == RoleBackend && session == "":
		return backendSubject, nil
	case role == RoleSidecar && session != "" && len(session) <= 64 && validSubject(session):
		return sidecarPrefix + session, nil
	case role == RoleBackend:
		return "", errors.New("the backend's token is for all sessions, not for one")
	case role == RoleSidecar:
		return "", errors.New("a sidecar needs the id of its session, at most 64 printable characters")
	default:
		return "", errors.New("the role is not that of a machine")
	}
}

// reservedSubject reports whether a subject belongs to a machine or the rules,
// so that no pool can issue a person that looks like one in the log.
func reservedSubject(subject string) bool {
	return subject == backendSubject || subject == rulesSubject || strings.HasPrefix(subject, sidecarPrefix)
}
