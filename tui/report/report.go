package report

import (
	"time"

	"hotseat/backend/playtest"
)

// Of chat, what was said so long before and after a mark is shown with it: a person types what they saw
// some seconds later, and what they feared some seconds before.
const (
	ChatBefore = 15 * time.Second
	ChatAfter  = 10 * time.Second
)

// Ms is a length of time, or a time since the start of the playtest, in milliseconds.
type Ms int64

// Duration is the same as a time.Duration.
func (m Ms) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Report is a playtest in retrospect. Lists are in the order of time, people in the order of arrival.
type Report struct {
	Format      int       `json:"format"` // of this JSON: 1
	Session     string    `json:"session"`
	Title       string    `json:"title"`
	Application string    `json:"application"`
	Width       int       `json:"width"`
	Height      int       `json:"height"`
	Framerate   int       `json:"framerate"`
	Started     time.Time `json:"started"` // UTC
	// Length is until the end, or until the last event if Running.
	Length    Ms     `json:"lengthMs"`
	Running   bool   `json:"running"`
	EndReason string `json:"endReason,omitempty"`
	Events    int    `json:"events"` // in the log

	People    []Person      `json:"people"`
	Stays     []Stay        `json:"stays"`
	Seated    Ms            `json:"seatedMs"` // the sum of all stays
	Requests  []Request     `json:"requests"`
	Waiting   Summary       `json:"waiting"` // of the requests that were decided, or given up
	Handovers []Handover    `json:"handovers"`
	Taking    Summary       `json:"taking"` // of the hand-overs that reached the seat
	Drops     []Drop        `json:"drops"`
	Marks     []Mark        `json:"marks"`
	Timeline  []Entry       `json:"timeline"`
	Chat      []int         `json:"chatPerMinute"`
	Reactions ReactionCount `json:"reactions"`
	Stream    []StreamState `json:"stream"`
	// SidecarRecorded says whether the log has a history of the sidecar's figures. They travel on the live
	// channel, which nobody keeps, so that it is false for every log of today's actions.
	SidecarRecorded bool `json:"sidecarRecorded"`
}

// Person is somebody who was there, and what they did.
type Person struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Role     playtest.Role `json:"role"`
	Arrived  Ms            `json:"arrivedMs"`
	Stays    int           `json:"stays"`
	Seated   Ms            `json:"seatedMs"`
	Requests int           `json:"requests"`
	Lines    int           `json:"chatLines"`
	// Reactions is how many were counted; see ReactionCount.
	Reactions int `json:"reactions"`
}

// Stay is one time that somebody held the seat.
type Stay struct {
	Epoch  int64           `json:"epoch"`
	Person playtest.Person `json:"person"`
	From   Ms              `json:"fromMs"`
	To     Ms              `json:"toMs"`
	Ended  string          `json:"ended"` // in words
	Open   bool            `json:"open,omitempty"`
}

// Length is how long the stay was.
func (s Stay) Length() Ms { return s.To - s.From }

// The outcomes of a request.
const (
	Approved  = "approved"
	Given     = "given" // by a QA lead, to somebody who had not asked
	Denied    = "denied"
	Cancelled = "cancelled" // by whoever had asked
	Expired   = "expired"
	Left      = "left"
	Ended     = "ended"   // the playtest was over first
	Waiting   = "waiting" // still
)

// Request is one wish for the seat, and what became of it.
type Request struct {
	ID      string           `json:"id"`
	Person  playtest.Person  `json:"person"`
	At      Ms               `json:"atMs"`
	Waited  Ms               `json:"waitedMs"`
	Outcome string           `json:"outcome"`
	By      *playtest.Person `json:"by,omitempty"`
	Reason  string           `json:"reason,omitempty"`
}

// Handover is an approved request on its way to the seat.
type Handover struct {
	RequestID string           `json:"requestId"`
	At        Ms               `json:"atMs"` // of the approval
	From      *playtest.Person `json:"from,omitempty"`
	To        playtest.Person  `json:"to"`
	By        playtest.Person  `json:"by"`
	Took      Ms               `json:"tookMs"`
	// Outcome is "taken", "failed" or "unfinished".
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"` // of a failure
}

// Drop is a time in which the holder's connection was gone without a hand-over.
type Drop struct {
	At     Ms              `json:"atMs"`
	Person playtest.Person `json:"person"`
	Lasted Ms              `json:"lastedMs"`
	Back   bool            `json:"back"` // came back; else the seat was freed, or the playtest ended
}

// Mark is a moment that a QA lead marked, with what was said around it.
type Mark struct {
	At   Ms              `json:"atMs"`
	Word string          `json:"word"`
	By   playtest.Person `json:"by"`
	// Holder is who was in the seat then.
	Holder *playtest.Person `json:"holder,omitempty"`
	Chat   []Line           `json:"chat"`
}

// Line is something that somebody said.
type Line struct {
	At     Ms              `json:"atMs"`
	Person playtest.Person `json:"person"`
	Text   string          `json:"text"`
}

// Kinds of entries of the timeline.
const (
	KindStart      = "start"
	KindEnd        = "end"
	KindMark       = "mark"
	KindHandover   = "hand-over"
	KindFailure    = "hand-over failed"
	KindSeat       = "seat" // freed
	KindDrop       = "drop"
	KindStream     = "stream"
	KindModeration = "moderation"
)

// Entry is one line of the timeline.
type Entry struct {
	At     Ms               `json:"atMs"`
	Kind   string           `json:"kind"`
	By     playtest.Person  `json:"by"`
	Person *playtest.Person `json:"person,omitempty"` // whom it is about
	Text   string           `json:"text"`
	Reason string           `json:"reason,omitempty"`
	Epoch  int64            `json:"epoch,omitempty"` // that it began
	Took   Ms               `json:"tookMs,omitempty"`
}

// StreamState is a state of the stream session, in GameLift Streams' words, and how long it lasted.
type StreamState struct {
	At     Ms     `json:"atMs"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	Lasted Ms     `json:"lastedMs"`
}

// ReactionCount is how often people reacted. Reactions are not logged; they are counted if whoever calls
// Build has kept them and puts them among the events.
type ReactionCount struct {
	Recorded  bool           `json:"recorded"`
	Total     int            `json:"total"`
	ByKind    map[string]int `json:"byKind,omitempty"`
	PerMinute []int          `json:"perMinute,omitempty"`
}

// Summary is a number of lengths of time in short.
type Summary struct {
	Count   int `json:"count"`
	Median  Ms  `json:"medianMs"`
	Longest Ms  `json:"longestMs"`
}
