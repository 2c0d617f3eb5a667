// Package backend asks Hotseat's backend what a sidecar may know of its own session: who is in the
// seat, what it missed, and a fresh token for the broadcast. It reads answers only as far as it
// needs them, and bounds them.
package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// wait bounds one question.
	wait = 5 * time.Second
	// maxAnswer bounds one answer: a page of the log has 1000 events of some hundred bytes.
	maxAnswer = 4 << 20
	// page is the most that the API gives at once.
	page = 1000
)

// ErrNotAllowed: the backend does not tell sidecars, or has no such route.
var ErrNotAllowed = errors.New("the backend does not answer a sidecar")

// Client asks.
type Client struct {
	URL     string // of the backend, http:// or https://
	Session string
	Token   func() string // of the sidecar
	HTTP    *http.Client  // nil: one that follows no redirects, so that the token stays where it belongs
}

// Session is what a sidecar needs of a session.
type Session struct {
	LastSeq int64 `json:"lastSeq"`
	Seat    struct {
		Epoch  int64           `json:"epoch"`
		Holder json.RawMessage `json:"holder"`
	} `json:"seat"`
}

// State reads who is in the seat, and up to which event of the log that is so.
func (c *Client) State(ctx context.Context) (s Session, err error) {
	err = c.do(ctx, http.MethodGet, "", nil, &s)
	return s, err
}

// Log reads the events after seq, oldest first, a page at a time.
func (c *Client) Log(ctx context.Context, after int64) (events []json.RawMessage, more bool, err error) {
	var answer struct {
		Events []json.RawMessage `json:"events"`
		More   bool              `json:"more"`
	}
	query := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(page)}}
	err = c.do(ctx, http.MethodGet, "/log", query, &answer)
	return answer.Events, answer.More, err
}

// StageToken asks for a fresh token for the broadcast.
func (c *Client) StageToken(ctx context.Context) (string, error) {
	var answer struct {
		Token string `json:"token"`
	}
	err := c.do(ctx, http.MethodPost, "/broadcast-token", nil, &answer)
	if err == nil && answer.Token == "" {
		err = errors.New("ask the backend: the answer holds no token")
	}
	return answer.Token, err
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	address := strings.TrimSuffix(c.URL, "/") + "/api/sessions/" + url.PathEscape(c.Session) + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return fmt.Errorf("ask the backend: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token())
	client := c.HTTP
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the backend: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusForbidden, resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %s", ErrNotAllowed, resp.Status)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("ask the backend: it answered %s", resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("ask the backend: read its answer: %w", err)
	}
	return nil
}
