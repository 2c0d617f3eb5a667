package ivsrealtime

import "time"

// The shapes of the API, named as in its model. Absent members are left out, as the service does.

type stageEndpoints struct {
	Events string `json:"events,omitempty"`
	Whip   string `json:"whip,omitempty"`
}

type stageShape struct {
	ARN             string            `json:"arn"`
	Name            string            `json:"name"`
	ActiveSessionID string            `json:"activeSessionId,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	Endpoints       *stageEndpoints   `json:"endpoints,omitempty"` // absent in a summary
}

type participantToken struct {
	ParticipantID  string            `json:"participantId"`
	Token          string            `json:"token"`
	UserID         string            `json:"userId,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"`
	Duration       int32             `json:"duration"` // minutes
	Capabilities   []string          `json:"capabilities"`
	ExpirationTime timestamp         `json:"expirationTime"`
}

type stageSession struct {
	SessionID string     `json:"sessionId"`
	StartTime timestamp  `json:"startTime"`
	EndTime   *timestamp `json:"endTime,omitempty"`
}

type participant struct {
	ParticipantID   string            `json:"participantId"`
	UserID          string            `json:"userId,omitempty"`
	State           string            `json:"state"` // CONNECTED or DISCONNECTED
	FirstJoinTime   *timestamp        `json:"firstJoinTime,omitempty"`
	Published       bool              `json:"published"` // ever, in this stage session
	RecordingState  string            `json:"recordingState"`
	ReplicationType string            `json:"replicationType"`
	Attributes      map[string]string `json:"attributes,omitempty"` // absent in a summary
	Protocol        string            `json:"protocol,omitempty"`   // absent in a summary
}

type participantEvent struct {
	Name                string    `json:"name"`
	ParticipantID       string    `json:"participantId"`
	EventTime           timestamp `json:"eventTime"`
	RemoteParticipantID string    `json:"remoteParticipantId,omitempty"`
	ErrorCode           string    `json:"errorCode,omitempty"`
}

// timestamp is a time in the wire's form: ISO 8601, UTC, milliseconds.
type timestamp time.Time

func (t timestamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

func optional(t time.Time) *timestamp {
	if t.IsZero() {
		return nil
	}
	out := timestamp(t)
	return &out
}
