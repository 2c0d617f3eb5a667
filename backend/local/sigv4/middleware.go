package sigv4

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// MaxBodyBytes bounds the body of a signed request, which must be held in
// memory to be hashed. The largest request of the emulated services is
// StartStreamSession, whose signal request is at most a few tens of KiB.
const MaxBodyBytes = 1 << 20

// Middleware lets through only requests signed with creds for service and
// region; the next handler finds the whole body in memory. The signature is
// checked against the address as the client sent it, so the middleware may
// stand behind [http.StripPrefix]. now is the clock; nil means [time.Now].
//
// onError writes the refusal in the shape of the service; code is one of the
// Code constants. nil means [WriteError].
func Middleware(service, region string, creds Credentials, now func() time.Time,
	onError func(w http.ResponseWriter, r *http.Request, code, message string),
) func(http.Handler) http.Handler {
	if now == nil {
		now = time.Now
	}
	if onError == nil {
		onError = WriteError
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := verifyIncoming(w, r, service, region, creds, now())
			var refused *Error
			switch {
			case err == nil:
				r.Body = io.NopCloser(bytes.NewReader(body))
				r.ContentLength = int64(len(body))
				next.ServeHTTP(w, r)
			case errors.As(err, &refused):
				onError(w, r, refused.Code, refused.Message)
			default:
				onError(w, r, CodeInvalidSignature, "The request could not be verified.")
			}
		})
	}
}

// verifyIncoming reads the body only of a request whose key, scope and date
// are right, so that a stranger cannot make the service buffer anything.
func verifyIncoming(w http.ResponseWriter, r *http.Request, service, region string, creds Credentials, now time.Time) ([]byte, error) {
	a, err := parseAuthorization(r.Header)
	if err != nil {
		return nil, err
	}
	if err := a.check(service, region, creds, now); err != nil {
		return nil, err
	}

	asSent := r
	if r.RequestURI != "" { // empty only for requests that no server received
		u, err := url.ParseRequestURI(r.RequestURI)
		if err != nil {
			return nil, refuse(CodeUnreadable, "The request's address cannot be parsed.")
		}
		asSent = &http.Request{Method: r.Method, URL: u, Host: r.Host, Header: r.Header}
	}

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, refuse(CodeTooLarge, "The request body is larger than 1 MiB.")
	}
	if err != nil {
		return nil, refuse(CodeUnreadable, "The request body could not be read.")
	}
	return body, a.verifySignature(asSent, body, creds)
}

// WriteError writes a refusal as the rest-json services do: the code in
// x-amzn-ErrorType, the message in the body.
func WriteError(w http.ResponseWriter, _ *http.Request, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("x-amzn-ErrorType", code)
	w.WriteHeader(Status(code))
	// The client is gone when this fails; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}
