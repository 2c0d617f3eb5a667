package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

// errNotReady answers actions before the first sign-in.
var errNotReady = errors.New("not signed in yet; try again in a moment")

// The actions below may be called from any goroutine while Run runs. Each waits for the answer
// and returns nil, a *Refusal, or an error that says what to do.

// Approve gives the seat to a waiting request; an empty id means the first of the queue.
func (c *Client) Approve(ctx context.Context, session, requestID string) error {
	return c.publish(ctx, session, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: requestID})
}

// Deny refuses a waiting request, with a reason for the person or none.
func (c *Client) Deny(ctx context.Context, session, requestID, reason string) error {
	return c.publish(ctx, session, playtest.Event{Action: playtest.ActionTakeoverDeny, RequestID: requestID, Reason: reason})
}

// TakeBack empties the seat.
func (c *Client) TakeBack(ctx context.Context, session, reason string) error {
	return c.publish(ctx, session, playtest.Event{Action: playtest.ActionSeatReleased, Reason: reason})
}

// Mark notes a moment, with a word.
func (c *Client) Mark(ctx context.Context, session, word string, at time.Time) error {
	return c.publish(ctx, session, playtest.Event{Action: playtest.ActionSessionMark, Message: word, At: at.UnixMilli()})
}

// Chat says something.
func (c *Client) Chat(ctx context.Context, session, text string) error {
	return c.publish(ctx, session, playtest.Event{Action: playtest.ActionChat, Message: text})
}

// Applications lists the games that can be started.
func (c *Client) Applications(ctx context.Context) ([]Application, error) {
	a, _, err := c.connected()
	if err != nil {
		return nil, err
	}
	var out struct{ Applications []Application }
	err = a.call(ctx, http.MethodGet, "/api/applications", nil, &out)
	return out.Applications, err
}

// StartSession starts a playtest and asks for a fresh list.
func (c *Client) StartSession(ctx context.Context, start Start) (Session, error) {
	a, _, err := c.connected()
	if err != nil {
		return Session{}, err
	}
	var s Session
	err = a.call(ctx, http.MethodPost, "/api/sessions", start, &s)
	c.refreshList()
	return s, err
}

// EndSession ends a playtest for everybody.
func (c *Client) EndSession(ctx context.Context, session string) error {
	a, _, err := c.connected()
	if err != nil {
		return err
	}
	err = a.call(ctx, http.MethodDelete, "/api/sessions/"+url.PathEscape(session), nil, nil)
	c.refreshList()
	return err
}

func (c *Client) connected() (*api, *events.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api == nil || c.bus == nil {
		return nil, nil, errNotReady
	}
	return c.api, c.bus, nil
}

// ask is what a publisher may set of an event; the gate stamps the rest.
type ask struct {
	Action    playtest.Action `json:"action"`
	Message   string          `json:"message,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	At        int64           `json:"at,omitempty"`
}

func (c *Client) publish(ctx context.Context, session string, e playtest.Event) error {
	_, bus, err := c.connected()
	if err != nil {
		return err
	}
	data, err := json.Marshal(ask{Action: e.Action, Message: e.Message, RequestID: e.RequestID, Reason: e.Reason, At: e.At})
	if err != nil {
		return err
	}
	return sentence(bus.Publish(ctx, "/playtest/"+session, data))
}
