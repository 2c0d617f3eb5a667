package stage

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is a refusal as the client sees it: application/problem+json (RFC 9457) with IVS's error code
// as an extension member.
type problem struct {
	Type       string    `json:"type"`
	Title      string    `json:"title"`
	Status     int       `json:"status"`
	Detail     string    `json:"detail"`
	Code       ErrorCode `json:"code,omitempty"`
	retryAfter int       // seconds; 0: none
}

// Codes of refused tokens. They are no event error codes of IVS: whoever sends them is no participant.
const (
	tokenMissing ErrorCode = "TOKEN_MISSING"
	tokenInvalid ErrorCode = "TOKEN_INVALID"
	tokenExpired ErrorCode = "TOKEN_EXPIRED"
)

func refusal(status int, code ErrorCode, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

func (p *problem) write(w http.ResponseWriter) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone: nobody left to tell
}
