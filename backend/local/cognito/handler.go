package cognito

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

const (
	targetPrefix = "AWSCognitoIdentityProviderService."
	contentType  = "application/x-amz-json-1.1"

	// maxBodyBytes bounds a request. The largest one holds a few tokens.
	maxBodyBytes = 64 << 10

	// Browsers may call from any origin, as they may call the service: nothing
	// here relies on cookies, so another site gains nothing.
	allowedHeaders = "content-type, x-amz-target, x-amz-user-agent, cache-control, authorization, " +
		"amz-sdk-invocation-id, amz-sdk-request, x-amzn-trace-id"
	exposedHeaders = "x-amzn-errortype, x-amzn-errormessage, x-amzn-requestid"
)

// operation handles one X-Amz-Target.
type operation func(s *Service, c call) (any, error)

// call is a request, bounded but not parsed.
type call struct {
	body   []byte
	remote string // the caller's IP address, for limits
}

var operations = map[string]operation{
	"InitiateAuth":              (*Service).initiateAuth,
	"RespondToAuthChallenge":    (*Service).respondToAuthChallenge,
	"GetTokensFromRefreshToken": (*Service).getTokensFromRefreshToken,
	"GetUser":                   (*Service).getUser,
	"RevokeToken":               (*Service).revokeToken,
	"GlobalSignOut":             (*Service).globalSignOut,
}

// Handler serves the pool: POST / for the operations, and below /<pool id> the
// OpenID documents. Mount it behind [http.StripPrefix] with the path of
// Config.Endpoint.
func (s *Service) Handler() http.Handler {
	wellKnown := "/" + s.config.PoolID + "/.well-known/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowBrowsers(w.Header())
		switch {
		case r.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPost && (r.URL.Path == "/" || r.URL.Path == ""):
			s.serveOperation(w, r)
		case (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == wellKnown+"jwks.json":
			s.serveDocument(w, s.keys.jwks())
		case (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == wellKnown+"openid-configuration":
			s.serveDocument(w, s.openIDConfiguration())
		default:
			http.NotFound(w, r)
		}
	})
}

func allowBrowsers(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	h.Set("Access-Control-Max-Age", "600")
}

func (s *Service) serveOperation(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Amzn-RequestId", uuid.NewString())

	name, _ := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	out, err := s.run(w, r, name)
	if err != nil {
		var refused *apiError
		if !errors.As(err, &refused) {
			s.config.Log.Error("user pool operation failed", "operation", name, "error", err)
			refused = errInternal
		}
		h.Set("x-amzn-ErrorType", refused.name+":")
		h.Set("x-amzn-ErrorMessage", refused.message)
		w.WriteHeader(refused.status)
		out = map[string]string{"__type": refused.name, "message": refused.message}
	}
	// When this fails the client is gone, and nobody is left to tell.
	_ = json.NewEncoder(w).Encode(out)
}

func (s *Service) run(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	run, known := operations[name]
	if !known {
		return nil, badRequest("UnknownOperationException", "This operation is not part of the local user pool.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, badRequest("SerializationException", "The request could not be read.")
	}
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
	}
	return run(s, call{body: body, remote: remote})
}

// decode reads the bounded body of an operation.
func (c call) decode(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return badRequest("SerializationException", "The request is not the JSON object that this operation expects.")
	}
	return nil
}

func (s *Service) serveDocument(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	// Keys change when the pool starts again: a cache must not outlive that.
	w.Header().Set("Cache-Control", "no-cache")
	_ = json.NewEncoder(w).Encode(document)
}
