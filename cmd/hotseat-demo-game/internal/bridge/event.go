package bridge

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind of an Event.
type Kind int

// The kinds of events a game cares about.
const (
	Seat     Kind = iota // Epoch, Holder
	Chat                 // Person, Text
	Reaction             // Person, Text is the reaction
	Request              // Person asks for the seat
	Handover             // Person is about to get the seat
	Failed               // a hand-over failed; Person was to get the seat; Epoch, Holder
	Ended                // the session is over; Text is the reason
)

// Person is somebody in the session. Name is clean and short.
type Person struct{ ID, Name string }

// Event is one event of the session, as far as the game cares.
type Event struct {
	Kind      Kind
	Person    Person
	Text      string
	Epoch     uint64
	Holder    *Person // nil: the seat is free
	Timestamp int64   // Unix milliseconds of the gate's stamp; 0: none
}

// Lengths in characters after cleaning, for the screen: the channel allows 40
// and 500.
const (
	maxName = 24
	maxText = 120
	maxID   = 128 // bytes
)

type wirePerson struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type wireEvent struct {
	Action    string      `json:"action"`
	Actor     *wirePerson `json:"actor"`
	User      string      `json:"user"`
	Message   string      `json:"message"`
	Reaction  string      `json:"reaction"`
	Reason    string      `json:"reason"`
	Epoch     uint64      `json:"epoch"`
	Holder    *wirePerson `json:"holder"`
	Requester *wirePerson `json:"requester"`
	Timestamp int64       `json:"timestamp"`
}

// Parse reads one line. ok is false for anything the game has no use for,
// broken lines included.
func Parse(line []byte) (e Event, ok bool) {
	var wire wireEvent
	if json.Unmarshal(line, &wire) != nil {
		return Event{}, false
	}
	e = Event{Person: person(wire.Actor, wire.User), Timestamp: wire.Timestamp}
	switch wire.Action {
	case "SEAT", "SEAT_TAKEN":
		e.Kind, e.Epoch = Seat, wire.Epoch
		if wire.Holder != nil {
			p := person(wire.Holder, "")
			e.Holder = &p
		}
		return e, wire.Action == "SEAT" || e.Holder != nil
	case "SEAT_RELEASED":
		e.Kind, e.Epoch = Seat, wire.Epoch
		return e, true
	case "USER_CHAT_MESSAGE":
		e.Kind, e.Text = Chat, Clean(wire.Message, maxText)
		return e, e.Text != ""
	case "STREAM_REACT":
		e.Kind, e.Text = Reaction, Clean(wire.Reaction, maxName)
		return e, e.Text != ""
	case "TAKEOVER_REQUEST", "TAKEOVER_APPROVED":
		e.Kind = Request
		if wire.Action == "TAKEOVER_APPROVED" {
			e.Kind = Handover
		}
		e.Person = person(wire.Requester, "")
		return e, true
	case "HANDOVER_FAILED":
		e.Kind, e.Epoch = Failed, wire.Epoch
		e.Person = person(wire.Requester, "")
		if wire.Holder != nil {
			p := person(wire.Holder, "")
			e.Holder = &p
		}
		return e, true
	case "SESSION_ENDED":
		e.Kind, e.Text = Ended, Clean(wire.Reason, maxText)
		return e, true
	}
	return Event{}, false
}

func person(p *wirePerson, fallback string) Person {
	if p == nil {
		p = &wirePerson{Name: fallback}
	}
	out := Person{ID: p.ID, Name: Clean(p.Name, maxName)}
	if len(out.ID) > maxID {
		out.ID = strings.ToValidUTF8(out.ID[:maxID], "")
	}
	if out.Name == "" {
		out.Name = "someone"
	}
	return out
}

// Clean makes text of a stranger fit for a screen: valid UTF-8, one line,
// nothing invisible that turns or hides other text (control and format
// characters such as direction overrides), at most two combining marks in a row,
// spaces collapsed, no more than limit characters.
func Clean(s string, limit int) string {
	var b strings.Builder
	n, marks := 0, 0
	space := false
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		bad := r == utf8.RuneError && size <= 1
		s = s[size:]
		switch {
		case bad:
			continue
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Variation_Selector):
			continue
		case unicode.Is(unicode.M, r):
			if marks++; marks > 2 || n == 0 {
				continue
			}
		default:
			marks = 0
		}
		need := 1
		if space {
			need = 2
		}
		if n+need > limit {
			// Room for the sign that something is missing.
			out := []rune(b.String())
			if len(out) >= limit && limit > 0 {
				out = out[:limit-1]
			}
			return string(out) + "…"
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
		n += need
	}
	return b.String()
}
