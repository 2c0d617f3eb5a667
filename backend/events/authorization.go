package events

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// authProtocolPrefix starts the subprotocol that carries the authorization of a
// connection. A browser cannot set headers on a WebSocket, but it can offer subprotocols.
const authProtocolPrefix = "header-"

// MaxAuthProtocolBytes bounds the encoded authorization. A Cognito ID token has about
// 1.5 KB; net/http bounds all headers of a request at 1 MB.
const MaxAuthProtocolBytes = 16 * 1024

var (
	// ErrNoAuthProtocol says that a client offered no subprotocol with an authorization.
	ErrNoAuthProtocol = errors.New("no authorization among the WebSocket subprotocols")
	// ErrBadAuthProtocol says that the offered authorization cannot be read.
	ErrBadAuthProtocol = errors.New("the authorization among the WebSocket subprotocols cannot be read")
)

// EncodeAuthProtocol writes an authorization as a WebSocket subprotocol: "header-" and the
// JSON in base64url without padding ('=' is not allowed in a subprotocol, RFC 6455 4.1).
func EncodeAuthProtocol(auth Authorization) string {
	// A map of strings always marshals.
	data, _ := json.Marshal(auth)
	return authProtocolPrefix + base64.RawURLEncoding.EncodeToString(data)
}

// DecodeAuthProtocol finds and reads the authorization among the subprotocols that a client
// offered, in any order; the first one counts. Errors: ErrNoAuthProtocol, ErrBadAuthProtocol.
// They never hold the authorization itself.
func DecodeAuthProtocol(protocols []string) (Authorization, error) {
	for _, protocol := range protocols {
		encoded, ok := strings.CutPrefix(protocol, authProtocolPrefix)
		if !ok {
			continue
		}
		if len(encoded) > MaxAuthProtocolBytes {
			return nil, fmt.Errorf("%w: longer than %d bytes", ErrBadAuthProtocol, MaxAuthProtocolBytes)
		}
		data, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("%w: not base64url without padding", ErrBadAuthProtocol)
		}
		var auth Authorization
		if err := json.Unmarshal(data, &auth); err != nil || auth == nil {
			return nil, fmt.Errorf("%w: not a JSON object of strings", ErrBadAuthProtocol)
		}
		if len(auth) > MaxAuthorizationFields {
			return nil, fmt.Errorf("%w: more than %d fields", ErrBadAuthProtocol, MaxAuthorizationFields)
		}
		return auth, nil
	}
	return nil, ErrNoAuthProtocol
}

// Get returns a field by its HTTP header name, in any case.
func (a Authorization) Get(name string) string {
	if value, ok := a[name]; ok {
		return value
	}
	for key, value := range a {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}
