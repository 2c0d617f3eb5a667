package whip

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// StatusError is a refusal by the stage.
type StatusError struct {
	Status     int
	Text       string        // what the server said, shortened, printable
	RetryAfter time.Duration // 0: it did not say
	quota      bool          // the stage is full, which passes
}

func (e *StatusError) Error() string {
	hint := statusHint(e.Status)
	if e.quota {
		hint = "the stage is full: it takes the broadcast when somebody leaves it"
	}
	s := fmt.Sprintf("whip: the stage answered %d: %s", e.Status, hint)
	if e.Text != "" {
		s += fmt.Sprintf(" (it says: %s)", e.Text)
	}
	return s
}

// TokenRefused says whether the stage refuses the token, so that nothing but another token helps.
func (e *StatusError) TokenRefused() bool {
	return (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) && !e.quota
}

// statusHint says what a status means for whoever has to repair it.
func statusHint(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "it does not understand the offer"
	case http.StatusUnauthorized:
		return "the stage token is missing, malformed or expired: create a new one"
	case http.StatusForbidden:
		return "the stage token does not allow publishing: create one with the PUBLISH capability"
	case http.StatusNotFound:
		return "no such stage or WHIP endpoint: check the address"
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return "this is no WHIP endpoint: check the address"
	case http.StatusNotAcceptable, http.StatusUnprocessableEntity:
		return "it refuses the offered codecs"
	case http.StatusConflict:
		return "the participant is publishing already"
	case http.StatusTooManyRequests:
		return "too many requests"
	}
	if status >= 500 {
		return "it has trouble of its own"
	}
	return "it refuses to publish the stream"
}

// permanent says whether trying again with the same token is pointless. A stage that has
// carried the stream before may come back from a restart, so then only a refused token is final.
func (e *StatusError) permanent(wasLive bool) bool {
	if e.quota {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return !wasLive && e.Status >= 300 && e.Status < 500
}

func newStatusError(status int, header http.Header, body string, now time.Time) *StatusError {
	return &StatusError{
		Status: status, Text: printable(body), RetryAfter: retryAfter(header, now),
		quota: status == http.StatusForbidden && saysQuota(body),
	}
}

// saysQuota finds the code of a stage that has its 12 publishers: IVS's event error code is
// QUOTA_EXCEEDED, its control plane's exception ServiceQuotaExceededException.
func saysQuota(body string) bool {
	return strings.Contains(strings.ToLower(strings.ReplaceAll(body, "_", "")), "quotaexceeded")
}

// retryAfter reads the header in both of its forms, seconds and date (RFC 9110 section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), 24*time.Hour)
	}
	return 0
}

// printable makes a server's words fit for a log: one line of at most 200 characters.
func printable(s string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		if b.Len() >= 200 {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
