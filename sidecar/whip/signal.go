package whip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxRedirects: the global WHIP address of IVS sends publishers to a node with one 307.
	maxRedirects = 5
	// maxAnswer bounds what a server may answer; an SDP answer has 1 to 3 KiB.
	maxAnswer = 64 << 10
	// httpWait bounds one request.
	httpWait = 5 * time.Second
)

// newHTTPClient follows no redirects: net/http would drop the Authorization header on the way
// to another host, and turn POST into GET for 301, 302 and 303.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       httpWait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSHandshakeTimeout: httpWait,
			IdleConnTimeout:     30 * time.Second,
		},
	}
}

// StatusError is a refusal by the stage.
type StatusError struct {
	Status     int
	Text       string        // what the server said, shortened, printable
	RetryAfter time.Duration // 0: it did not say
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("whip: the stage answered %d: %s", e.Status, statusHint(e.Status))
	if e.Text != "" {
		s += fmt.Sprintf(" (it says: %s)", e.Text)
	}
	return s
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

// permanent says whether trying again is pointless. A stage that has carried the stream
// before may come back from a restart, so then only a refused token is final.
func (e *StatusError) permanent(wasLive bool) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return !wasLive && e.Status >= 300 && e.Status < 500
}

// post sends an offer (RFC 9725 section 4.2), going after redirects with body and token, and
// returns the answer and the address of the resource to DELETE.
func (p *Publisher) post(ctx context.Context, offer string) (answer string, resource *url.URL, err error) {
	at, err := url.Parse(p.cfg.Endpoint)
	if err != nil {
		return "", nil, fmt.Errorf("whip: endpoint: %w", err)
	}
	for range maxRedirects + 1 {
		body, status, header, err := p.do(ctx, http.MethodPost, at, offer)
		if err != nil {
			return "", nil, err
		}
		switch status {
		case http.StatusCreated:
			resource, err := location(at, header)
			if err != nil {
				return "", nil, err
			}
			return body, resource, nil
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
			http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			if at, err = location(at, header); err != nil {
				return "", nil, err
			}
		default:
			return "", nil, &StatusError{Status: status, Text: printable(body), RetryAfter: retryAfter(header)}
		}
	}
	return "", nil, fmt.Errorf("whip: more than %d redirects, the last to %s", maxRedirects, at.Redacted())
}

// delete ends a session (RFC 9725 section 4.2).
func (p *Publisher) delete(ctx context.Context, resource *url.URL) error {
	_, status, _, err := p.do(ctx, http.MethodDelete, resource, "")
	if err != nil {
		return err
	}
	if status/100 != 2 && status != http.StatusNotFound && status != http.StatusGone {
		return &StatusError{Status: status}
	}
	return nil
}

func (p *Publisher) do(ctx context.Context, method string, to *url.URL, body string) (string, int, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(body))
	if err != nil {
		return "", 0, nil, fmt.Errorf("whip: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+p.cfg.Token)
	if body != "" {
		req.Header.Set("Content-Type", "application/sdp")
		req.Header.Set("Accept", "application/sdp")
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return "", 0, nil, fmt.Errorf("whip: cannot reach the stage: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return "", 0, nil, fmt.Errorf("whip: read the answer of the stage: %w", err)
	}
	if len(data) > maxAnswer {
		return "", 0, nil, fmt.Errorf("whip: the stage answered more than %d bytes", maxAnswer)
	}
	return string(data), resp.StatusCode, resp.Header, nil
}

// location reads a Location header, which may be relative. It refuses to carry the token from
// https to http.
func location(base *url.URL, h http.Header) (*url.URL, error) {
	text := h.Get("Location")
	if text == "" {
		return nil, errors.New("whip: the stage answered without a Location header")
	}
	to, err := base.Parse(text)
	if err != nil || to.Host == "" || (to.Scheme != "https" && to.Scheme != "http") {
		return nil, errors.New("whip: the stage answered with a Location header that is no http address")
	}
	if to.Scheme == "http" && !isLoopback(to.Hostname()) {
		return nil, fmt.Errorf("whip: the stage sends us to %s, where the token would travel in clear text", to.Redacted())
	}
	return to, nil
}

// retryAfter reads the header in its form in seconds; the form with a date is ignored.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
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

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
