package cognito

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// maxTokenBytes bounds tokens that come back, before they are parsed.
const maxTokenBytes = 8 << 10

// accessScope is the scope of access tokens that were got through the API.
const accessScope = "aws.cognito.signin.user.admin"

// signingKey is an RSA key with its published name.
type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// signingKeys are the pool's two keys: like Cognito, it signs ID tokens with
// one and access tokens with the other.
type signingKeys struct{ id, access signingKey }

func generateKeys() (signingKeys, error) {
	var keys signingKeys
	for _, key := range []*signingKey{&keys.id, &keys.access} {
		private, err := rsa.GenerateKey(rand.Reader, 2048) // Cognito's size
		if err != nil {
			return keys, fmt.Errorf("user pool: generate a signing key: %w", err)
		}
		name := sha256.Sum256(private.N.Bytes())
		*key = signingKey{id: base64.StdEncoding.EncodeToString(name[:]), private: private}
	}
	return keys, nil
}

type jwk struct {
	Algorithm string `json:"alg"`
	Exponent  string `json:"e"`
	KeyID     string `json:"kid"`
	KeyType   string `json:"kty"`
	Modulus   string `json:"n"`
	Use       string `json:"use"`
}

// jwks is the document of published keys (RFC 7517).
func (k signingKeys) jwks() map[string][]jwk {
	var list []jwk
	for _, key := range []signingKey{k.id, k.access} {
		list = append(list, jwk{
			Algorithm: "RS256", KeyType: "RSA", Use: "sig", KeyID: key.id,
			Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.private.E)).Bytes()),
			Modulus:  base64.RawURLEncoding.EncodeToString(key.private.N.Bytes()),
		})
	}
	return map[string][]jwk{"keys": list}
}

func (s *Service) openIDConfiguration() map[string]any {
	return map[string]any{
		"issuer":                                s.Issuer(),
		"jwks_uri":                              s.JWKSURL(),
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "token"},
		"scopes_supported":                      []string{"openid", "email", "phone", "profile"},
		"subject_types_supported":               []string{"public"},
	}
}

// mint makes the ID and the access token of a session.
func (s *Service) mint(of session, now time.Time) (*tokenSet, error) {
	eventID := uuid.NewString()
	common := func(use string) jwt.MapClaims {
		claims := jwt.MapClaims{
			"sub":        of.user.id,
			"iss":        s.Issuer(),
			"token_use":  use,
			"auth_time":  of.authTime.Unix(),
			"iat":        now.Unix(),
			"exp":        now.Add(accessLife).Unix(),
			"jti":        uuid.NewString(),
			"origin_jti": of.originJTI,
			"event_id":   eventID,
		}
		if of.user.group != "" {
			claims["cognito:groups"] = []string{of.user.group}
		}
		return claims
	}

	id := common("id")
	id["aud"] = s.config.ClientID
	id["cognito:username"] = of.user.id
	id["email"] = of.user.email
	id["email_verified"] = true
	if of.user.name != "" {
		id["name"] = of.user.name
	}
	idToken, err := s.keys.id.sign(id)
	if err != nil {
		return nil, err
	}

	access := common("access")
	access["client_id"] = s.config.ClientID
	access["username"] = of.user.id
	access["scope"] = accessScope
	accessToken, err := s.keys.access.sign(access)
	if err != nil {
		return nil, err
	}
	return &tokenSet{
		AccessToken: accessToken, IDToken: idToken,
		ExpiresIn: int(accessLife / time.Second), TokenType: "Bearer",
	}, nil
}

func (k signingKey) sign(claims jwt.MapClaims) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = k.id
	delete(token.Header, "typ") // Cognito's tokens have only kid and alg
	signed, err := token.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

type accessClaims struct {
	jwt.RegisteredClaims
	TokenUse  string `json:"token_use"`
	ClientID  string `json:"client_id"`
	OriginJTI string `json:"origin_jti"`
}

// accessSession returns the session of an access token that came back.
func (s *Service) accessSession(token string, now time.Time) (session, error) {
	if token == "" {
		return session{}, missingParameter("AccessToken")
	}
	if len(token) > maxTokenBytes || strings.ContainsAny(token, "\r\n") { // base64 passes over line breaks
		return session{}, errAccessToken
	}
	var claims accessClaims
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(s.Issuer()), jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time { return now }))
	_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return &s.keys.access.private.PublicKey, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenInvalidClaims) && errors.Is(err, jwt.ErrTokenExpired):
		return session{}, errAccessTokenExpired
	case err != nil, claims.TokenUse != "access", claims.ClientID != s.config.ClientID:
		return session{}, errAccessToken
	}
	live, ok := s.sessions.live(claims.OriginJTI)
	if !ok {
		return session{}, errAccessTokenRevoked
	}
	return live, nil
}
