package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxTokenBytes bounds a token before it is parsed. Cognito's tokens are 1 to
// 2 KiB; a person in very many groups may need twice that.
const maxTokenBytes = 8 << 10

// Config says whose tokens are accepted.
type Config struct {
	Issuer   string // exact iss of the user pool, without a slash at the end
	ClientID string // the app client that tokens must be made for
	JWKSURL  string // address of the pool's keys; empty: Issuer + "/.well-known/jwks.json"

	// MachineSecret makes and checks the backend's own tokens, those of machines and those of
	// MintPerson, at least 32 bytes. When it is shorter, all of them are refused.
	MachineSecret []byte

	HTTPClient *http.Client     // nil: http.DefaultClient; a fetch is bounded in time and size anyway
	Now        func() time.Time // nil: time.Now
}

// Verifier checks tokens. It is safe for use by many goroutines.
type Verifier struct {
	config    Config
	keys      *keySet
	people    *jwt.Parser
	machine   *jwt.Parser
	ownPeople *jwt.Parser
}

// NewVerifier makes a verifier. It fetches nothing: the pool's keys are fetched
// when the first token needs them, so the pool may start later.
func NewVerifier(config Config) *Verifier {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.HTTPClient == nil {
		config.HTTPClient = http.DefaultClient
	}
	if config.JWKSURL == "" {
		config.JWKSURL = config.Issuer + "/.well-known/jwks.json"
	}
	common := []jwt.ParserOption{
		jwt.WithTimeFunc(config.Now),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(), // one token, one spelling
	}
	return &Verifier{
		config: config,
		keys:   newKeySet(config.JWKSURL, config.HTTPClient, config.Now),
		people: jwt.NewParser(append(common,
			jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer(config.Issuer))...),
		machine: jwt.NewParser(append(common,
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(machineIssuer))...),
		ownPeople: jwt.NewParser(append(common,
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(machineIssuer),
			jwt.WithAudience(personAudience), jwt.WithIssuedAt())...),
	}
}

// Verify returns the identity in a token, given alone or after "Bearer ". The
// error is ErrExpired, ErrInvalid or ErrUnavailable, wrapped with the reason,
// or ctx's own; it never holds the token.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	token = withoutScheme(token)
	switch {
	case token == "":
		return Identity{}, fmt.Errorf("%w (no token)", ErrInvalid)
	case len(token) > maxTokenBytes:
		return Identity{}, fmt.Errorf("%w (longer than %d bytes)", ErrInvalid, maxTokenBytes)
	case strings.ContainsFunc(token, foreign):
		return Identity{}, fmt.Errorf("%w (it holds what no token has)", ErrInvalid)
	}

	// The header, and one claim, are read before anything is trusted, for one
	// decision: which of the kinds the token claims to be. Each kind has its own
	// parser, which accepts one algorithm and is given one sort of key (RFC 8725
	// section 3.1), and asks for what the other kinds do not have (section 3.12).
	algorithm, use, err := claimed(token)
	if err != nil {
		return Identity{}, err
	}
	switch {
	case algorithm == jwt.SigningMethodRS256.Alg():
		return v.verifyPerson(ctx, token)
	case algorithm == jwt.SigningMethodHS256.Alg() && use == UsePerson:
		return v.verifyOwnPerson(token)
	case algorithm == jwt.SigningMethodHS256.Alg():
		return v.verifyMachine(token)
	default:
		return Identity{}, fmt.Errorf("%w (algorithm not accepted)", ErrInvalid)
	}
}

// foreign reports a character that no JWT in its compact form has: only base64url without padding, and dots
// (RFC 7515 section 7.1). Go's base64 passes over line breaks, so that one token would have many spellings.
func foreign(c rune) bool {
	return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

// withoutScheme takes off "Bearer ", whose case does not matter (RFC 9110
// section 11.1).
func withoutScheme(token string) string {
	token = strings.TrimSpace(token)
	const scheme = "bearer "
	if len(token) >= len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
		token = strings.TrimSpace(token[len(scheme):])
	}
	return token
}

// claimed returns the alg and the token_use of a token whose signature is not checked yet.
func claimed(token string) (algorithm, use string, err error) {
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, claims)
	if err != nil {
		return "", "", fmt.Errorf("%w (cannot be read)", ErrInvalid)
	}
	if _, critical := parsed.Header["crit"]; critical {
		// Extensions that must be understood; none are (RFC 7515 section 4.1.11).
		return "", "", fmt.Errorf("%w (critical extensions are not supported)", ErrInvalid)
	}
	algorithm, _ = parsed.Header["alg"].(string)
	use, _ = claims["token_use"].(string)
	return algorithm, use, nil
}

// personClaims are the claims of Cognito's ID and access tokens that matter here.
type personClaims struct {
	jwt.RegisteredClaims
	TokenUse string   `json:"token_use"`
	ClientID string   `json:"client_id"` // access tokens have this in place of aud
	Groups   []string `json:"cognito:groups"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Username string   `json:"cognito:username"`
	Login    string   `json:"username"` // the same, in access tokens
}

func (v *Verifier) verifyPerson(ctx context.Context, token string) (Identity, error) {
	if v.config.Issuer == "" || v.config.ClientID == "" {
		return Identity{}, fmt.Errorf("%w (no user pool is configured)", ErrInvalid)
	}
	var claims personClaims
	var keyErr error
	_, err := v.people.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, err := v.keys.find(ctx, kid)
		keyErr = err
		return key, err
	})
	switch {
	case keyErr != nil:
		return Identity{}, keyErr
	case err != nil:
		return Identity{}, classify(err)
	}

	// Cognito: an ID token names the app client in aud, an access token in
	// client_id. A token made for another client of the pool is refused.
	switch claims.TokenUse {
	case UseID:
		if len(claims.Audience) != 1 || claims.Audience[0] != v.config.ClientID {
			return Identity{}, fmt.Errorf("%w (made for another app client)", ErrInvalid)
		}
	case UseAccess:
		if claims.ClientID != v.config.ClientID {
			return Identity{}, fmt.Errorf("%w (made for another app client)", ErrInvalid)
		}
	default:
		return Identity{}, fmt.Errorf("%w (neither an ID nor an access token)", ErrInvalid)
	}
	person, err := claims.person()
	if err != nil {
		return Identity{}, err
	}
	return Identity{Person: person, Expires: claims.ExpiresAt.Time, TokenUse: claims.TokenUse}, nil
}

// person is who the claims name.
func (c *personClaims) person() (Person, error) {
	if !validSubject(c.Subject) {
		return Person{}, fmt.Errorf("%w (no usable subject)", ErrInvalid)
	}
	role, ok := strongest(c.Groups)
	if !ok {
		return Person{}, fmt.Errorf("%w (in none of the groups qa-lead, player, viewer: ask a qa-lead to be added)", ErrInvalid)
	}
	return Person{
		ID:   c.Subject,
		Name: displayName(c.Name, localPart(c.Email), c.Username, c.Login, c.Subject),
		Role: role,
	}, nil
}

// PersonOf is the person whom the claims of a user pool's token name, for callers whose token was
// verified before them, as AppSync does before it calls a Lambda function.
func PersonOf(claims map[string]any) (Person, error) {
	encoded, err := json.Marshal(claims)
	if err != nil {
		return Person{}, fmt.Errorf("%w (claims cannot be read)", ErrInvalid)
	}
	var c personClaims
	if err := json.Unmarshal(encoded, &c); err != nil {
		return Person{}, fmt.Errorf("%w (claims cannot be read)", ErrInvalid)
	}
	return c.person()
}

// validSubject accepts what identifies a person in logs and channels. Cognito's
// subjects are UUIDs; other issuers may use up to 128 printable characters.
func validSubject(subject string) bool {
	if subject == "" || len(subject) > 128 {
		return false
	}
	for _, r := range subject {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return !reservedSubject(subject)
}

// classify maps the parser's errors to the package's. The order counts: a token
// whose signature is wrong is invalid, even when it says that it expired; the
// parser checks claims only after the signature.
func classify(err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return fmt.Errorf("%w (signature)", ErrInvalid)
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return fmt.Errorf("%w (issuer)", ErrInvalid)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return fmt.Errorf("%w (a required claim is missing)", ErrInvalid)
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return fmt.Errorf("%w (not valid yet)", ErrInvalid)
	default:
		return fmt.Errorf("%w (cannot be read)", ErrInvalid)
	}
}
