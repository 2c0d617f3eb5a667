package playtest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Live is what travels on /live: stamped, broadcast, forgotten. Like Event it is one flat JSON
// object; fields that an action does not use are absent, and a number that is absent is 0.
type Live struct {
	Session   string `json:"session"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds, stamped by the gate
	Actor     Person `json:"actor"`
	Action    Action `json:"action"`
	User      string `json:"user,omitempty"`
	// LogSeq is the number of the log's last event when this was stamped. Who hears it and, a moment later,
	// still lacks that event reads the log: an event can be appended and yet not broadcast, when a
	// backend dies between the two.
	LogSeq int64 `json:"logSeq,omitempty"`

	Reaction string `json:"reaction,omitempty"`

	Watching bool   `json:"watching,omitempty"`
	Client   string `json:"client,omitempty"` // "page" or "console"

	State         string  `json:"state,omitempty"` // "connecting", "live" or "failing"
	Error         string  `json:"error,omitempty"`
	FPS           float64 `json:"fps,omitempty"`
	BitrateKbps   float64 `json:"bitrateKbps,omitempty"`
	EncodeMs      float64 `json:"encodeMs,omitempty"`
	RTTMs         float64 `json:"rttMs,omitempty"`
	LossPercent   float64 `json:"lossPercent,omitempty"`
	KeyFrameAgeMs float64 `json:"keyFrameAgeMs,omitempty"`
	Encoder       string  `json:"encoder,omitempty"` // "x264" or "nvenc"
	Fallback      bool    `json:"fallback,omitempty"`
	UptimeSeconds float64 `json:"uptimeSeconds,omitempty"`
	Restarts      int     `json:"restarts,omitempty"`
	Width         int     `json:"width,omitempty"`
	Height        int     `json:"height,omitempty"`
	Framerate     float64 `json:"framerate,omitempty"`
	TargetKbps    float64 `json:"targetKbps,omitempty"`
	EstimateKbps  float64 `json:"estimateKbps,omitempty"` // 0: not known
	Limit         string  `json:"limit,omitempty"`        // "network", "processor" or "recovering"; "": nothing limits
	Dropped       uint64  `json:"dropped,omitempty"`      // pictures encoded and not sent

	JPEG string `json:"jpeg,omitempty"` // base64

	RequestID string `json:"requestId,omitempty"`
	Step      string `json:"step,omitempty"`
	ElapsedMs int64  `json:"elapsedMs,omitempty"`

	Message string          `json:"message,omitempty"` // a caption, or a co-op move
	Game    json.RawMessage `json:"game,omitempty"`    // what the game tells of itself: an object
}

const (
	// maxCaption is the length of a game's line to its audience in characters.
	maxCaption = 140
	// maxMove is the length of a co-op move in characters: {"keys":["ArrowUp","ArrowLeft"]} and air.
	maxMove = 200
	// maxGameState is the size of what a game tells of itself in bytes.
	maxGameState = 2 << 10
)

// maxThumbnail is the length of a thumbnail in base64: 24 KiB of JPEG.
const maxThumbnail = 32 << 10

// DecideLive says what of a live publication is broadcast, or why nothing is. Unknown fields are
// dropped with the decoding into Live; here the sender's right to the action is checked and what
// only the gate may write is overwritten. The caller stamps session and time.
func DecideLive(who Person, ask Live) (*Live, *Refusal) {
	ask.Actor, ask.User = who, ""
	allowed := false
	switch ask.Action {
	case ActionReact:
		allowed = who.Role.IsPerson()
		if !known(ask.Reaction) {
			return nil, refuse(CodeBadRequest, "%q is no reaction; send one of %v", clean(truncate(ask.Reaction, 20)), Reactions)
		}
		ask = Live{Actor: who, Action: ask.Action, User: who.Name, Reaction: ask.Reaction}
	case ActionPresence:
		allowed = who.Role.IsPerson()
		if ask.Client != "page" && ask.Client != "console" {
			return nil, refuse(CodeBadRequest, "client is page or console")
		}
		ask = Live{Actor: who, Action: ask.Action, Watching: ask.Watching, Client: ask.Client}
	case ActionSidecarHealth:
		allowed = who.Role == RoleSidecar
		ask = Live{
			Actor: who, Action: ask.Action, State: truncate(clean(ask.State), 20), Error: truncate(clean(ask.Error), MaxReason),
			FPS: ask.FPS, BitrateKbps: ask.BitrateKbps, EncodeMs: ask.EncodeMs, RTTMs: ask.RTTMs, LossPercent: ask.LossPercent,
			KeyFrameAgeMs: ask.KeyFrameAgeMs, Encoder: truncate(clean(ask.Encoder), 20), Fallback: ask.Fallback,
			UptimeSeconds: ask.UptimeSeconds, Restarts: ask.Restarts, Width: ask.Width, Height: ask.Height, Framerate: ask.Framerate,
			TargetKbps: ask.TargetKbps, EstimateKbps: ask.EstimateKbps, Limit: truncate(clean(ask.Limit), 20), Dropped: ask.Dropped,
		}
	case ActionThumbnail:
		allowed = who.Role == RoleSidecar
		if len(ask.JPEG) > maxThumbnail {
			return nil, refuse(CodeTooLarge, "a thumbnail has at most %d bytes of base64", maxThumbnail)
		}
		if _, err := base64.StdEncoding.DecodeString(ask.JPEG); err != nil {
			return nil, refuse(CodeBadRequest, "a thumbnail is a JPEG in base64")
		}
		ask = Live{Actor: who, Action: ask.Action, JPEG: ask.JPEG, Width: ask.Width, Height: ask.Height}
	case ActionGameCaption:
		allowed = who.Role == RoleSidecar
		ask = Live{Actor: who, Action: ask.Action, Message: truncate(clean(ask.Message), maxCaption)}
	case ActionGameState:
		allowed = who.Role == RoleSidecar
		if len(ask.Game) > maxGameState || !strings.HasPrefix(string(ask.Game), "{") {
			return nil, refuse(CodeBadRequest, "game is an object of at most %d bytes", maxGameState)
		}
		ask = Live{Actor: who, Action: ask.Action, Game: ask.Game}
	case ActionSpawnPlayer, ActionMovePlayer, ActionDespawnPlayer:
		allowed = who.Role.IsPerson()
		ask = Live{Actor: who, Action: ask.Action, User: who.Name, Message: truncate(clean(ask.Message), maxMove)}
	case ActionHandoverStep:
		allowed = who.Role == RoleBackend
		ask = Live{Actor: who, Action: ask.Action, RequestID: truncate(clean(ask.RequestID), 40), Step: truncate(clean(ask.Step), 20), ElapsedMs: ask.ElapsedMs}
	}
	if !allowed {
		return nil, refuse(CodeNotAllowed, "%q is not something a %s can publish on the live channel", clean(truncate(string(ask.Action), 40)), who.Role)
	}
	return &ask, nil
}

func known(reaction string) bool {
	for _, r := range Reactions {
		if r == reaction {
			return true
		}
	}
	return false
}
