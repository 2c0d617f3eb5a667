package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"hotseat/backend/playtest"
)

// errNotReady answers actions before the first sign-in.
var errNotReady = errors.New("not signed in yet; try again in a moment")

// Actions are what a person can do and ask for, the same over a lasting connection (Client) and over
// single requests (Direct). They may be called from any goroutine. Each waits for the answer and
// returns nil, a *Refusal, or an error that says what to do.
type Actions struct{ by way }

// way is how actions travel.
type way interface {
	caller() (*api, error)
	publish(ctx context.Context, session string, event json.RawMessage) error
	changed() // a session was started or ended: what is listed may be old
}

// Approve gives the seat to a waiting request; an empty id means the first of the queue.
func (a Actions) Approve(ctx context.Context, session, requestID string) error {
	return a.say(ctx, session, playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: requestID})
}

// Deny refuses a waiting request, with a reason for the person or none.
func (a Actions) Deny(ctx context.Context, session, requestID, reason string) error {
	return a.say(ctx, session, playtest.Event{Action: playtest.ActionTakeoverDeny, RequestID: requestID, Reason: reason})
}

// TakeBack empties the seat of an epoch: if it has changed hands meanwhile, the next holder keeps it and this
// is refused. Epoch 0 is whatever seat there is.
func (a Actions) TakeBack(ctx context.Context, session string, epoch int64, reason string) error {
	return a.say(ctx, session, playtest.Event{Action: playtest.ActionSeatReleased, Epoch: epoch, Reason: reason})
}

// Give gives the seat to somebody who is in the session, ahead of the queue and unasked if need be.
func (a Actions) Give(ctx context.Context, session, userID, reason string) error {
	return a.aboutPerson(ctx, session, playtest.ActionGive, userID, reason)
}

// Lock keeps everybody but QA leads from asking for the seat, or lets them again. What is so
// already is no error, here and below.
func (a Actions) Lock(ctx context.Context, session string, locked bool, reason string) error {
	return a.say(ctx, session, playtest.Event{Action: either(locked, playtest.ActionLock, playtest.ActionUnlock), Reason: reason})
}

// Mute keeps a person's chat lines and reactions from being heard, or lets them again.
func (a Actions) Mute(ctx context.Context, session, userID string, muted bool, reason string) error {
	return a.aboutPerson(ctx, session, either(muted, playtest.ActionMute, playtest.ActionUnmute), userID, reason)
}

// Remove puts a person out, until they arrive again.
func (a Actions) Remove(ctx context.Context, session, userID, reason string) error {
	return a.aboutPerson(ctx, session, playtest.ActionRemove, userID, reason)
}

// Ban puts a person out for good, or takes that back.
func (a Actions) Ban(ctx context.Context, session, userID string, banned bool, reason string) error {
	return a.aboutPerson(ctx, session, either(banned, playtest.ActionBan, playtest.ActionUnban), userID, reason)
}

// SlowMode sets the pause between two chat lines of a person, in whole seconds up to
// playtest.MaxSlow; 0 ends it. QA leads are exempt.
func (a Actions) SlowMode(ctx context.Context, session string, every time.Duration) error {
	if every < 0 || every%time.Second != 0 {
		return fmt.Errorf("slow mode counts whole seconds, or 0 for off; not %s", every)
	}
	return a.say(ctx, session, playtest.Event{Action: playtest.ActionSlowMode, Seconds: int(every / time.Second)})
}

func either(yes bool, a, b playtest.Action) playtest.Action {
	if yes {
		return a
	}
	return b
}

func (a Actions) aboutPerson(ctx context.Context, session string, action playtest.Action, userID, reason string) error {
	return a.say(ctx, session, playtest.Event{Action: action, Person: &playtest.Person{ID: userID}, Reason: reason})
}

// Mark notes a moment, with a word; a zero time is the moment at which the gate reads it.
func (a Actions) Mark(ctx context.Context, session, word string, at time.Time) error {
	e := playtest.Event{Action: playtest.ActionSessionMark, Message: word}
	if !at.IsZero() {
		e.At = at.UnixMilli()
	}
	return a.say(ctx, session, e)
}

// Chat says something.
func (a Actions) Chat(ctx context.Context, session, text string) error {
	return a.say(ctx, session, playtest.Event{Action: playtest.ActionChat, Message: text})
}

// Sessions lists the playtests, newest first.
func (a Actions) Sessions(ctx context.Context) ([]Session, error) {
	api, err := a.by.caller()
	if err != nil {
		return nil, err
	}
	return api.sessions(ctx)
}

// Catalogue tells which games can be started, and where.
func (a Actions) Catalogue(ctx context.Context) (Catalogue, error) {
	api, err := a.by.caller()
	if err != nil {
		return Catalogue{}, err
	}
	var out Catalogue
	err = api.call(ctx, http.MethodGet, "/api/applications", nil, &out)
	return out, err
}

// StartSession starts a playtest and asks for a fresh list.
func (a Actions) StartSession(ctx context.Context, start Start) (Session, error) {
	api, err := a.by.caller()
	if err != nil {
		return Session{}, err
	}
	var s Session
	err = api.call(ctx, http.MethodPost, "/api/sessions", start, &s)
	a.by.changed()
	return s, err
}

// EndSession ends a playtest for everybody.
func (a Actions) EndSession(ctx context.Context, session string) error {
	api, err := a.by.caller()
	if err != nil {
		return err
	}
	err = api.call(ctx, http.MethodDelete, "/api/sessions/"+url.PathEscape(session), nil, nil)
	a.by.changed()
	return err
}

// Log reads the whole log of a session, page by page, for a report. It holds the log in memory: a
// day's playtest with a chat line every second has some 100,000 events.
func (a Actions) Log(ctx context.Context, session string) ([]playtest.Event, error) {
	api, err := a.by.caller()
	if err != nil {
		return nil, err
	}
	return api.wholeLog(ctx, session)
}

// ask is what a publisher may set of an event; the gate stamps the rest.
type ask struct {
	Action    playtest.Action `json:"action"`
	Message   string          `json:"message,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	At        int64           `json:"at,omitempty"` // Unix milliseconds
	Person    *named          `json:"person,omitempty"`
	Epoch     int64           `json:"epoch,omitempty"`
	Seconds   *int            `json:"seconds,omitempty"` // slow mode's; 0 is a value
}

// named is somebody whom an action is about; the gate knows the rest.
type named struct {
	ID string `json:"id"`
}

func askFor(e playtest.Event) ask {
	out := ask{Action: e.Action, Message: e.Message, RequestID: e.RequestID, Reason: e.Reason, At: e.At, Epoch: e.Epoch}
	if e.Person != nil {
		out.Person = &named{e.Person.ID}
	}
	if e.Action == playtest.ActionSlowMode {
		out.Seconds = &e.Seconds
	}
	return out
}

func (a Actions) say(ctx context.Context, session string, e playtest.Event) error {
	data, err := json.Marshal(askFor(e))
	if err != nil {
		return err
	}
	return a.by.publish(ctx, session, data)
}
