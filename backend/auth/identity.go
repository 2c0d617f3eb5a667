package auth

import (
	"errors"
	"slices"
	"time"

	"hotseat/backend/playtest"
)

// Role is what a token's bearer is to a playtest.
type Role = playtest.Role

// The roles of people, strongest first, and of machines.
const (
	RoleQALead  = playtest.RoleLead
	RolePlayer  = playtest.RolePlayer
	RoleViewer  = playtest.RoleViewer
	RoleSidecar = playtest.RoleSidecar
	RoleBackend = playtest.RoleBackend
)

// peopleRoles are the groups of the user pool that mean something here,
// strongest first. The machines' roles are not among them: no group name makes
// a person a machine.
var peopleRoles = []Role{RoleQALead, RolePlayer, RoleViewer}

// Person is the public part of an identity, as other participants see it: an id of 1 to 128 bytes
// (the token's sub), a printable name of 1 to 40 characters on one line, a role.
type Person = playtest.Person

// Token uses in Identity.TokenUse: those of Cognito, and Hotseat's own.
const (
	UseID      = "id"
	UseAccess  = "access"
	UseMachine = "machine"
	UsePerson  = "person" // of MintPerson
)

// Identity is what a verified token says.
type Identity struct {
	Person
	Session  string    // machine tokens: the only session it may touch; empty: any
	Expires  time.Time // the token's exp
	TokenUse string    // UseID, UseAccess, UseMachine or UsePerson
}

// Errors of Verify, to be tested with errors.Is.
var (
	// ErrExpired: the token was good once; the client should refresh it.
	ErrExpired = errors.New("the token has expired: refresh it or sign in again")
	// ErrInvalid: the token is not one of ours or was changed.
	ErrInvalid = errors.New("the token is not valid: sign in again")
	// ErrUnavailable: the keys to check the token with cannot be fetched now.
	// It says nothing about the token; the same token may be good later.
	ErrUnavailable = errors.New("the sign-in service cannot be reached: try again")
)

// strongest returns the strongest role named in the groups of a person.
func strongest(groups []string) (Role, bool) {
	for _, role := range peopleRoles {
		if slices.Contains(groups, string(role)) {
			return role, true
		}
	}
	return "", false
}
