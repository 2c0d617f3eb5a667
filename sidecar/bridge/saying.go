package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

// What a game may say.
const (
	SayMark    = "MARK"    // a moment worth finding again: Message
	SayCaption = "CAPTION" // a line for the audience: Message, "" takes it away
	SayState   = "STATE"   // what goes on in the game: State, a JSON object
)

// Saying is one line of a game, checked.
type Saying struct {
	Kind    string
	Message string
	At      int64           // Unix milliseconds that a mark points at, 0: now
	State   json.RawMessage // an object
}

// Codes of an ERROR line.
const (
	CodeBadRequest = "BadRequest" // no JSON object, or not with what its action needs
	CodeUnknown    = "Unknown"    // an action that the bridge does not know
	CodeTooLarge   = "TooLarge"
	CodeTooFast    = "TooFast"
	CodeNoSession  = "NoSession" // nobody listens: the sidecar has no session, or is offline
)

// Refusal is why something was not said. Its message is for the game's developer.
type Refusal struct{ Code, Message string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, format string, a ...any) *Refusal { return &Refusal{code, fmt.Sprintf(format, a...)} }

const (
	// maxLine bounds a line of a game.
	maxLine = 4 << 10
	// maxMark is the session's limit for a reason or a mark.
	maxMark = 200 // characters
	// maxCaption fits two lines of a page.
	maxCaption = 140 // characters
	// maxState is what a page shows of a game, some dozen numbers.
	maxState = 2 << 10 // bytes
	// maxID is what comes back in the answer.
	maxID = 64 // bytes
	// sayWait bounds one saying: the game shall hear an answer while it still cares.
	sayWait = 5 * time.Second
	// sayQueue is how many sayings of a game may wait for the session.
	sayQueue = 8
)

// limits are the rates of one game: those of a person who speaks, a caption that can be read, a
// state that moves.
func limits() map[string]*rate.Limiter {
	return map[string]*rate.Limiter{
		SayMark:    rate.NewLimiter(1, 5),
		SayCaption: rate.NewLimiter(2, 5),
		SayState:   rate.NewLimiter(4, 8),
	}
}

// answersPerSecond bounds ERROR lines for nonsense, so that a broken game cannot keep the sidecar
// busy with telling it so.
const answersPerSecond = 10

type spoken struct {
	ID      json.RawMessage `json:"id"`
	Action  string          `json:"action"`
	Message string          `json:"message"`
	At      int64           `json:"at"`
	State   json.RawMessage `json:"state"`
}

// read understands a line of the game. id is to be sent back with the answer: null when there is none.
func read(line []byte) (s Saying, id json.RawMessage, refusal *Refusal) {
	id = json.RawMessage("null")
	var said spoken
	if err := json.Unmarshal(line, &said); err != nil {
		return Saying{}, id, refuse(CodeBadRequest, `a line is one JSON object with an "action"`)
	}
	switch {
	case len(said.ID) > maxID:
		return Saying{}, id, refuse(CodeTooLarge, "an id has at most %d bytes", maxID)
	case len(said.ID) > 0:
		if said.ID[0] == '{' || said.ID[0] == '[' {
			return Saying{}, id, refuse(CodeBadRequest, "an id is a text or a number")
		}
		id = said.ID
	}
	s = Saying{Kind: said.Action}
	var most int
	switch said.Action {
	case SayMark:
		s.Message, s.At, most = clean(said.Message), said.At, maxMark
		if s.Message == "" {
			return Saying{}, id, refuse(CodeBadRequest, "a MARK needs a message")
		}
		if s.At < 0 {
			return Saying{}, id, refuse(CodeBadRequest, "at is a time in Unix milliseconds")
		}
	case SayCaption:
		s.Message, most = clean(said.Message), maxCaption
	case SayState:
		var b bytes.Buffer
		if err := json.Compact(&b, said.State); err != nil || b.Len() == 0 || b.Bytes()[0] != '{' {
			return Saying{}, id, refuse(CodeBadRequest, `a STATE needs a "state" that is a JSON object`)
		}
		if b.Len() > maxState {
			return Saying{}, id, refuse(CodeTooLarge, "a state has at most %d bytes; this one has %d", maxState, b.Len())
		}
		s.State = b.Bytes()
	default:
		return Saying{}, id, refuse(CodeUnknown, "the bridge knows the actions MARK, CAPTION and STATE")
	}
	if n := utf8.RuneCountInString(s.Message); n > most && most > 0 {
		return Saying{}, id, refuse(CodeTooLarge, "the message of a %s has at most %d characters; this one has %d", s.Kind, most, n)
	}
	return s, id, nil
}

// clean makes one line without what terminals and pages would obey.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200d':
			return -1
		}
		return r
	}, s))
}

// answer is the line that says what became of one.
func answer(id json.RawMessage, err error) []byte {
	if err == nil {
		return encode(struct {
			Action string          `json:"action"`
			ID     json.RawMessage `json:"id"`
		}{"OK", id})
	}
	r := &Refusal{CodeNoSession, "the session was not reached; try again later"}
	_ = errors.As(err, &r)
	return encode(struct {
		Action  string          `json:"action"`
		ID      json.RawMessage `json:"id"`
		Code    string          `json:"code"`
		Message string          `json:"message"`
	}{"ERROR", id, r.Code, r.Message})
}

// nobody is the Say of a bridge that was given none.
func nobody(context.Context, Saying) error {
	return refuse(CodeNoSession, "this sidecar belongs to no session: nobody hears the game")
}
