package playtest

import "time"

// Action names an event. The names of chat, reactions and TAKEOVER_* are those of the article's
// sample, so that its clients can talk here.
type Action string

// Logged actions: they get a sequence number and are kept.
const (
	ActionSessionStarted  Action = "SESSION_STARTED"
	ActionSessionState    Action = "SESSION_STATE"
	ActionSessionMark     Action = "SESSION_MARK"
	ActionSessionEnded    Action = "SESSION_ENDED"
	ActionArrived         Action = "STREAM_SUBSCRIBE"
	ActionChat            Action = "USER_CHAT_MESSAGE"
	ActionTakeoverRequest Action = "TAKEOVER_REQUEST"
	ActionTakeoverCancel  Action = "TAKEOVER_CANCELLED"
	ActionTakeoverApprove Action = "TAKEOVER_APPROVED"
	ActionTakeoverDeny    Action = "TAKEOVER_DENIED"
	ActionSeatTaken       Action = "SEAT_TAKEN"
	ActionSeatReleased    Action = "SEAT_RELEASED"
	ActionHandoverFailed  Action = "HANDOVER_FAILED"
	// ActionHandoverConnecting notes that the old client is gone and the service has answered the new
	// one's offer: whoever is connected from here on is the new one, also for a backend that starts anew.
	ActionHandoverConnecting Action = "HANDOVER_CONNECTING"

	ActionLeft     Action = "PARTICIPANT_LEFT"
	ActionMute     Action = "PARTICIPANT_MUTED"
	ActionUnmute   Action = "PARTICIPANT_UNMUTED"
	ActionRemove   Action = "PARTICIPANT_REMOVED"
	ActionBan      Action = "PARTICIPANT_BANNED"
	ActionUnban    Action = "PARTICIPANT_UNBANNED"
	ActionLock     Action = "REQUESTS_LOCKED"
	ActionUnlock   Action = "REQUESTS_UNLOCKED"
	ActionSlowMode Action = "SLOW_MODE"
)

// ActionGive is asked for and never logged: giving the seat makes a TAKEOVER_APPROVED.
const ActionGive Action = "SEAT_GIVE"

// Live actions: stamped and broadcast, never logged.
const (
	ActionReact         Action = "STREAM_REACT"
	ActionPresence      Action = "PRESENCE"
	ActionSidecarHealth Action = "SIDECAR_HEALTH"
	ActionThumbnail     Action = "THUMBNAIL"
	ActionHandoverStep  Action = "HANDOVER_STEP"
	ActionGameCaption   Action = "GAME_CAPTION" // of the game, by its sidecar
	ActionGameState     Action = "GAME_STATE"
	ActionSpawnPlayer   Action = "SPAWN_PLAYER" // couch co-op of the article's sample
	ActionMovePlayer    Action = "MOVE_PLAYER"
	ActionDespawnPlayer Action = "DESPAWN_PLAYER"
)

// Reactions are the six kinds of the article's sample.
var Reactions = []string{"like", "fire", "star", "laugh", "clap", "wow"}

// Event is one line of the log, and, without Seq, Actor and Timestamp, what a publisher sends to
// ask for one. It is one flat JSON object; fields that an action does not use are absent.
type Event struct {
	Seq       int64  `json:"seq,omitempty"` // from 1, without gaps; 0 for live events
	Session   string `json:"session"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds, stamped by the gate
	Actor     Person `json:"actor"`
	Action    Action `json:"action"`
	User      string `json:"user,omitempty"` // Actor.Name again, for clients of the sample

	Message  string `json:"message,omitempty"`
	Reaction string `json:"reaction,omitempty"`

	RequestID         string  `json:"requestId,omitempty"`
	Requester         *Person `json:"requester,omitempty"`
	RequesterUsername string  `json:"requesterUsername,omitempty"`
	Deadline          int64   `json:"deadline,omitempty"` // Unix milliseconds
	From              *Person `json:"from,omitempty"`     // whose page closes its stream now
	Reason            string  `json:"reason,omitempty"`

	Epoch    int64   `json:"epoch,omitempty"`
	Holder   *Person `json:"holder,omitempty"`
	Previous *Person `json:"previous,omitempty"`
	TookMs   int64   `json:"tookMs,omitempty"`

	Title        string `json:"title,omitempty"`
	Application  string `json:"application,omitempty"`
	Width        int    `json:"width,omitempty"`
	Height       int    `json:"height,omitempty"`
	Framerate    int    `json:"framerate,omitempty"`
	EndsAt       int64  `json:"endsAt,omitempty"` // Unix milliseconds
	Status       string `json:"status,omitempty"` // GameLift Streams' word
	StatusReason string `json:"statusReason,omitempty"`
	At           int64  `json:"at,omitempty"` // Unix milliseconds that a mark points at

	Person  *Person `json:"person,omitempty"`  // whom a QA lead's action is about
	Seconds int     `json:"seconds,omitempty"` // of slow mode; 0: off
	Policy  *Policy `json:"policy,omitempty"`
}

// Time is the event's stamp.
func (e Event) Time() time.Time { return time.UnixMilli(e.Timestamp) }
