// Package gate stands between publish and broadcast: it knows who is publishing from the token,
// decides by the rules of the session, stamps and appends what it accepts, and says why it
// refuses the rest.
//
// The local AppSync Events calls it in process, or, as Remote, in another process in the envelope that
// AppSync has for Lambda functions; on AWS it is to be the onPublish handler of the channel namespaces.
// What it returns is
// already in the log; whoever calls it broadcasts it, in the order of the calls for one session.
package gate

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// The channel namespaces.
const (
	NamespacePlaytest = "playtest" // the log
	NamespaceLive     = "live"     // what may be forgotten
)

const (
	// maxPersonPayload bounds what a person publishes: 500 characters of chat are at most 2,000
	// bytes, the rest is room for field names and for clients that send more than they need.
	maxPersonPayload = 6 << 10
	// maxMachinePayload leaves room for a thumbnail of 24 KiB in base64.
	maxMachinePayload = 48 << 10
	// conflictTries bounds how often an append is decided anew because another backend was faster.
	conflictTries = 8
)

// Log is where accepted events go: backend/store, or a table with conditional puts.
type Log interface {
	Append(ctx context.Context, e playtest.Event) error
	Fold(ctx context.Context, session string, from playtest.State) (playtest.State, error)
	Session(ctx context.Context, id string) (store.Session, error)
}

// Gate decides. It is safe for use by several goroutines; each session is decided by one at a
// time.
type Gate struct {
	log    Log
	now    func() time.Time
	limits *limits

	mu       sync.Mutex // protects sessions
	sessions map[string]*session
}

// session is the cached fold of one log. Its lock is held over the append: serialising decide
// and append is what it is for, and ErrConflict covers other processes.
type session struct {
	mu    sync.Mutex
	state playtest.State
	read  time.Time // when state was last brought up to the log's end for live traffic
}

// New makes a gate on a log.
func New(log Log, now func() time.Time) *Gate {
	return &Gate{log: log, now: now, limits: newLimits(now), sessions: map[string]*session{}}
}

// State returns the session's state as of the end of its log.
func (g *Gate) State(ctx context.Context, id string) (playtest.State, error) {
	s, err := g.session(ctx, id)
	if err != nil {
		return playtest.State{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := g.log.Fold(ctx, id, s.state)
	if err != nil {
		return playtest.State{}, err
	}
	s.state = state
	return state.Clone(), nil
}

// Publish decides one publication. It returns what to broadcast on the channel, nil when there is
// nothing to broadcast, or a *playtest.Refusal for the publisher. Any other error is the
// backend's own trouble.
func (g *Gate) Publish(ctx context.Context, namespace, sessionID string, who auth.Identity, payload json.RawMessage) (json.RawMessage, error) {
	if refusal := mayTouch(who, sessionID); refusal != nil {
		return nil, refusal
	}
	if limit := payloadLimit(who.Role); len(payload) > limit {
		return nil, tooLarge(limit, len(payload))
	}
	var head struct {
		Action playtest.Action `json:"action"`
	}
	if err := json.Unmarshal(payload, &head); err != nil || head.Action == "" {
		return nil, refusal(playtest.CodeBadRequest, `an event is a JSON object with an "action"`)
	}
	if refusal := g.limits.allow(who.Person, head.Action); refusal != nil {
		return nil, refusal
	}
	if namespace == NamespaceLive || head.Action == playtest.ActionReact {
		return g.live(ctx, sessionID, who, payload)
	}
	return g.append(ctx, sessionID, who, payload)
}

// Subscribe says whether the identity may hear a channel; session is "*" for all of a namespace.
func (g *Gate) Subscribe(ctx context.Context, sessionID string, who auth.Identity) error {
	if sessionID == "*" {
		if who.Role == playtest.RoleLead || who.Role == playtest.RoleBackend {
			return nil
		}
		return refusal(playtest.CodeUnauthorized, "only a QA lead hears all sessions; subscribe to one")
	}
	if refusal := mayTouch(who, sessionID); refusal != nil {
		return refusal
	}
	state, err := g.State(ctx, sessionID)
	if err != nil {
		return err
	}
	if refusal := state.MayWatch(who.Person); refusal != nil {
		return refusal
	}
	return nil
}

// mayTouch holds machines to their own session.
func mayTouch(who auth.Identity, sessionID string) *playtest.Refusal {
	switch {
	case who.Role.IsPerson(), who.Role == playtest.RoleBackend:
		return nil
	case who.Role == playtest.RoleSidecar && who.Session == sessionID:
		return nil
	}
	return refusal(playtest.CodeUnauthorized, "this token is not for this session")
}

func (g *Gate) live(ctx context.Context, sessionID string, who auth.Identity, payload json.RawMessage) (json.RawMessage, error) {
	var ask playtest.Live
	if err := json.Unmarshal(payload, &ask); err != nil {
		return nil, refusal(playtest.CodeBadRequest, "the event is not what its action needs: %s", fieldOf(err))
	}
	logSeq, err := g.mayLive(ctx, sessionID, who.Person, ask.Action)
	if err != nil {
		return nil, err
	}
	out, refused := playtest.DecideLive(who.Person, ask)
	if refused != nil {
		return nil, refused
	}
	out.Session, out.Timestamp, out.LogSeq = sessionID, g.now().UnixMilli(), logSeq
	return json.Marshal(out)
}

// staleness is how old a state may be that live traffic is decided by: within it, somebody who was just
// muted through another backend may send one more reaction, and a flood of them costs no reading.
const staleness = time.Second

// mayLive refuses the live traffic of people who are not to be seen or heard. It returns the number of the
// log's last event.
func (g *Gate) mayLive(ctx context.Context, id string, who playtest.Person, action playtest.Action) (logSeq int64, err error) {
	s, err := g.session(ctx, id)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := g.now(); now.Sub(s.read) > staleness {
		if s.state, err = g.log.Fold(ctx, id, s.state); err != nil {
			return 0, err
		}
		s.read = now
	}
	var refused *playtest.Refusal
	switch {
	case !who.Role.IsPerson():
	case action == playtest.ActionReact:
		refused = s.state.MaySpeak(who)
	default:
		refused = s.state.MayBeSeen(who)
	}
	if refused != nil {
		return 0, refused
	}
	return s.state.Seq, nil
}

func (g *Gate) append(ctx context.Context, sessionID string, who auth.Identity, payload json.RawMessage) (json.RawMessage, error) {
	var ask playtest.Event
	if err := json.Unmarshal(payload, &ask); err != nil {
		return nil, refusal(playtest.CodeBadRequest, "the event is not what its action needs: %s", fieldOf(err))
	}
	s, err := g.session(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := newID()
	for range conflictTries {
		now := g.now()
		event, refused := s.state.Decide(now, who.Person, ask, id)
		if event == nil {
			// A no must not come from an old state: another backend may have appended since.
			known := s.state.Seq
			if s.state, err = g.log.Fold(ctx, sessionID, s.state); err != nil {
				return nil, err
			}
			if s.state.Seq != known {
				continue
			}
			if refused != nil {
				return nil, refused
			}
			return nil, nil
		}
		event.Seq, event.Session, event.User = s.state.Seq+1, sessionID, event.Actor.Name
		event.Timestamp = max(now.UnixMilli(), s.state.Timestamp) // a clock set back must not reorder the log
		err := g.log.Append(ctx, *event)
		if errors.Is(err, store.ErrConflict) {
			if s.state, err = g.log.Fold(ctx, sessionID, s.state); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		s.state.Apply(*event)
		return json.Marshal(event)
	}
	return nil, fmt.Errorf("session %s: %w, %d times in a row", sessionID, store.ErrConflict, conflictTries)
}

// session finds or loads the cached fold.
func (g *Gate) session(ctx context.Context, id string) (*session, error) {
	g.mu.Lock()
	s, ok := g.sessions[id]
	g.mu.Unlock()
	if ok {
		return s, nil
	}
	if _, err := g.log.Session(ctx, id); errors.Is(err, store.ErrNotFound) {
		return nil, refusal(playtest.CodeBadRequest, "there is no such session")
	} else if err != nil {
		return nil, err
	}
	state, err := g.log.Fold(ctx, id, playtest.State{})
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.sessions[id]; ok {
		return s, nil
	}
	s = &session{state: state}
	g.sessions[id] = s
	return s, nil
}

func refusal(code playtest.Code, format string, args ...any) *playtest.Refusal {
	return &playtest.Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// payloadLimit is the largest event that a role may publish, in bytes.
func payloadLimit(role playtest.Role) int {
	if role.IsPerson() {
		return maxPersonPayload
	}
	return maxMachinePayload
}

func tooLarge(limit, size int) *playtest.Refusal {
	return refusal(playtest.CodeTooLarge, "an event has at most %d bytes here; this one has %d", limit, size)
}

// fieldOf says which field was wrong without repeating what was sent.
func fieldOf(err error) string {
	var typeErr *json.UnmarshalTypeError
	if errors.As(err, &typeErr) && typeErr.Field != "" {
		return fmt.Sprintf("field %q is a %s", typeErr.Field, typeErr.Value)
	}
	return "it is not valid JSON"
}

// newID makes the identifier of a request: 80 random bits, so that it cannot be guessed.
func newID() string {
	var b [10]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return "r-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}
