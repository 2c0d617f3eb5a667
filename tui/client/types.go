package client

import (
	"image"
	"time"

	"hotseat/backend/playtest"
)

// Session is a playtest as the list of sessions tells it. The state that a person acts on is the
// fold of its log (playtest.State); this is what is known before the log was read.
type Session struct {
	ID           string        `json:"id"`
	Application  string        `json:"application"`
	Title        string        `json:"title"`
	Location     string        `json:"location"` // where the game runs: a region
	CreatedAt    time.Time     `json:"createdAt"`
	CreatedBy    string        `json:"createdBy"`
	Status       string        `json:"status"` // GameLift Streams' word
	StatusReason string        `json:"statusReason"`
	EndsAt       time.Time     `json:"endsAt"`
	EndedAt      *time.Time    `json:"endedAt"` // nil while it runs
	Width        int           `json:"width"`
	Height       int           `json:"height"`
	Framerate    int           `json:"framerate"`
	LastSeq      int64         `json:"lastSeq"`
	Seat         playtest.Seat `json:"seat"`
	Waiting      int           `json:"waiting"`
	Broadcast    struct {
		Published bool `json:"published"`
	} `json:"broadcast"`
}

// Ended reports whether the playtest is over.
func (s Session) Ended() bool {
	return s.EndedAt != nil || s.Status == "TERMINATED" || s.Status == "ERROR"
}

// Application is a game that can be started.
type Application struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	Status      string `json:"status"`
}

// Catalogue is what can be started, and where.
type Catalogue struct {
	Applications []Application `json:"applications"`
	Locations    []string      `json:"locations"` // regions; the first is taken where none is named
}

// Start is what a new playtest is asked for with; zero values take the backend's defaults.
type Start struct {
	Application          string `json:"application"`
	Location             string `json:"location,omitempty"` // one of Catalogue.Locations
	Width                int    `json:"width,omitempty"`
	Height               int    `json:"height,omitempty"`
	Framerate            int    `json:"framerate,omitempty"`
	VideoBitrateKbps     int    `json:"videoBitrateKbps,omitempty"`
	Encoder              string `json:"encoder,omitempty"` // "gpu" or "cpu"
	SessionLengthSeconds int    `json:"sessionLengthSeconds,omitempty"`

	Policy *playtest.Policy `json:"policy,omitempty"`
}

// Phase is where the connection is.
type Phase string

// The phases of a connection, in the order of a good start.
const (
	SigningIn    Phase = "signing in"
	Connecting   Phase = "connecting"
	Live         Phase = "live"
	Reconnecting Phase = "reconnecting"
)

// Connection is the state of the connection. Err is why it is not live, nil if it is.
type Connection struct {
	Phase Phase
	Since time.Time
	Err   error
}

// Health is the sidecar's heartbeat, one a second.
type Health struct {
	At            time.Time `json:"-"` // when it was heard
	State         string    `json:"state"`
	Error         string    `json:"error"`
	FPS           float64   `json:"fps"`
	BitrateKbps   float64   `json:"bitrateKbps"`
	EncodeMs      float64   `json:"encodeMs"`
	RTTMs         float64   `json:"rttMs"`
	LossPercent   float64   `json:"lossPercent"`
	KeyFrameAgeMs float64   `json:"keyFrameAgeMs"`
	Encoder       string    `json:"encoder"`
	Fallback      bool      `json:"fallback"`
	UptimeSeconds float64   `json:"uptimeSeconds"`
	Restarts      int       `json:"restarts"`
	Width         int       `json:"width"`
	Height        int       `json:"height"`
	Framerate     float64   `json:"framerate"` // asked for now: less than the operator's when Limit says why
	Limit         string    `json:"limit"`     // "network", "processor", "recovering", or nothing
}

// Presence is a person's sign of life from a page or a console, every five seconds.
type Presence struct {
	Person   playtest.Person
	At       time.Time
	Watching bool
	Client   string // "page" or "console"
}

// Step is one step of a running hand-over.
type Step struct {
	At        time.Time
	RequestID string
	Step      string // "approved", "closing", "released", "connecting", "connected"
	Elapsed   time.Duration
}

// Picture is a thumbnail of the game, decoded.
type Picture struct {
	At    time.Time
	Image image.Image
}

// Reaction is one person's reactions of one kind since the last update.
type Reaction struct {
	Person playtest.Person
	Kind   string
	Count  int
}

// LiveUpdate is what came on a session's live channel since the last update.
type LiveUpdate struct {
	Health    *Health // the newest, nil if none came
	Heartbeat int     // how many heartbeats Health stands for
	Picture   *Picture
	Presence  []Presence // the newest of each person
	Steps     []Step
	Reactions []Reaction
}

// Update is everything that is new since the last one. Nil fields are unchanged.
type Update struct {
	Connection *Connection
	Me         *playtest.Person
	Sessions   []Session // the whole list, newest first; nil: unchanged
	Events     []playtest.Event
	Raw        [][]byte // the JSON of Events and live events, if Config.KeepRaw
	Live       map[string]*LiveUpdate
}
