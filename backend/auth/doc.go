// Package auth says who sent a request: it verifies tokens and turns them into
// an [Identity].
//
// Three kinds of token are known. People carry RS256 tokens of a Cognito user
// pool (ID or access tokens), checked against the pool's published keys.
// Machines (the sidecar, the backend) carry HS256 tokens that the backend made
// with a secret of its own, see [MintMachine]; so do people whom the pool does
// not know but the backend does, see [MintPerson]. The kinds never mix: what a
// token says of itself selects one kind, and with it the only key, the only
// issuer, the only audience and the only claims that are accepted.
//
// The package must not know what a role may do, which sessions exist, or
// whether the pool is Amazon's or the local one.
//
// Sources: RFC 7519 (JWT), RFC 7517 (JWK), RFC 8725 (JWT best practices),
// Amazon Cognito Developer Guide, "Verifying JSON web tokens".
package auth
