package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

const (
	// requestTimeout bounds one HTTP request; the backend's slowest route that is used here,
	// starting a session, answers within a second.
	requestTimeout = 15 * time.Second
	// maxAnswer bounds an answer of the HTTP API: a page of 500 events of at most 4 KiB, and air.
	maxAnswer = 4 << 20
	// logPage is how many events one page of the log holds.
	logPage = 500
)

var errNotInOrder = errors.New("the answer is not a page of a log")

// Refusal is the backend saying no, with a sentence for the person who asked.
type Refusal struct {
	Code    string // "AlreadyDecided", "seat_locked", …
	Message string
	Status  int // of HTTP, 0 if it came over the event channel
}

func (r *Refusal) Error() string { return r.Message }

// api calls the backend's HTTP API.
type api struct {
	base  string // without a slash at the end
	http  *http.Client
	token func(context.Context) (string, time.Time, error) // nil: without Authorization
}

func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != nil {
		token, _, err := a.token(ctx)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("%s %s: the answer has more than %d bytes", method, path, maxAnswer)
	}
	if res.StatusCode >= 300 {
		return refusalOf(res.StatusCode, data)
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return nil
}

func refusalOf(status int, body []byte) *Refusal {
	var answer struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	r := &Refusal{Status: status, Code: http.StatusText(status), Message: fmt.Sprintf("the backend answered %d %s", status, http.StatusText(status))}
	if json.Unmarshal(body, &answer) == nil && answer.Error.Message != "" {
		r.Code, r.Message = answer.Error.Code, answer.Error.Message
	}
	return r
}

func (a *api) sessions(ctx context.Context) ([]Session, error) {
	var out struct{ Sessions []Session }
	if err := a.call(ctx, http.MethodGet, "/api/sessions", nil, &out); err != nil {
		return nil, err
	}
	if out.Sessions == nil {
		out.Sessions = []Session{} // known to be empty, which is not unknown
	}
	return out.Sessions, nil
}

// page is one page of a session's log.
type page struct {
	Events []json.RawMessage
	More   bool
}

func (a *api) log(ctx context.Context, session string, after int64) (page, error) {
	var out page
	path := fmt.Sprintf("/api/sessions/%s/log?after=%d&limit=%d", url.PathEscape(session), after, logPage)
	err := a.call(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// wholeLog reads every page of a session's log.
func (a *api) wholeLog(ctx context.Context, session string) ([]playtest.Event, error) {
	all := []playtest.Event{}
	for after := int64(0); ; {
		p, err := a.log(ctx, session, after)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Events {
			e, err := decodeEvent(raw)
			if err != nil || e.Seq <= after {
				return nil, fmt.Errorf("the log of %s cannot be read after event %d: %w", session, after, errors.Join(err, errNotInOrder))
			}
			all, after = append(all, e), e.Seq
		}
		if !p.More || len(p.Events) == 0 {
			return all, nil
		}
	}
}

// sentence turns an error of the events client into the refusal that it is, if it is one.
func sentence(err error) error {
	var refused *events.RefusedError
	switch {
	case errors.As(err, &refused):
		return &Refusal{Code: refused.Type, Message: refused.Message, Status: refused.Status}
	case errors.Is(err, events.ErrOffline):
		return errors.New("not connected right now, so nothing was sent; try again when the connection is back")
	case errors.Is(err, events.ErrUnconfirmed):
		return errors.New("the connection broke before the answer came: look at the log before you try again")
	}
	return err
}

// cognitoEndpoint is where InitiateAuth goes: the local service's address, or AWS's own.
func cognitoEndpoint(c config) string {
	endpoint := c.Cognito.Endpoint
	if endpoint == "" {
		endpoint = "https://cognito-idp." + c.Region + ".amazonaws.com/"
	}
	return strings.TrimSuffix(endpoint, "/") + "/"
}

// decodeEvent reads an event of the log or of the live channel.
func decodeEvent(raw []byte) (playtest.Event, error) {
	var e playtest.Event
	if len(raw) > maxEventBytes {
		return e, fmt.Errorf("an event of %d bytes", len(raw))
	}
	err := json.Unmarshal(raw, &e)
	return e, err
}
