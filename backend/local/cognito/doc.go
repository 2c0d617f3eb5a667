// Package cognito is a local Amazon Cognito user pool: sign-in with a password
// or with SRP, refresh, sign-out, and the published keys. It speaks the wire of
// the service (AWS JSON 1.1), so that the official clients work unchanged; the
// operations that administer a pool are not there, users are given to [New].
//
// Passwords are not kept: a user is a salt and an SRP verifier. Keys and
// sessions live in memory; a restart signs everybody out.
//
// The package must not know what the groups mean, nor anything else of
// playtests. Whoever verifies its tokens does so with the published keys.
//
// Sources: Amazon Cognito user pools API reference; Developer Guide,
// "Understanding user pool JSON web tokens"; RFC 5054 and RFC 2945 (SRP).
package cognito
