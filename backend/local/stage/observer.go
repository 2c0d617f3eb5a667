package stage

import "time"

// EventName is what IVS calls a participant event (ListParticipantEvents of the IVS Real-Time API).
type EventName string

// The participant events that this server can cause.
const (
	Joined           EventName = "JOINED"
	Left             EventName = "LEFT"
	PublishStarted   EventName = "PUBLISH_STARTED"
	PublishStopped   EventName = "PUBLISH_STOPPED"
	PublishError     EventName = "PUBLISH_ERROR"
	SubscribeStarted EventName = "SUBSCRIBE_STARTED"
	SubscribeStopped EventName = "SUBSCRIBE_STOPPED"
	SubscribeError   EventName = "SUBSCRIBE_ERROR"
)

// ErrorCode is IVS's word for why publishing or subscribing failed (EventErrorCode of the API).
type ErrorCode string

// The error codes that this server gives.
const (
	InsufficientCapabilities ErrorCode = "INSUFFICIENT_CAPABILITIES"
	QuotaExceeded            ErrorCode = "QUOTA_EXCEEDED"
	PublisherNotFound        ErrorCode = "PUBLISHER_NOT_FOUND"
	BitrateExceeded          ErrorCode = "BITRATE_EXCEEDED"
	ResolutionExceeded       ErrorCode = "RESOLUTION_EXCEEDED"
	StreamDurationExceeded   ErrorCode = "STREAM_DURATION_EXCEEDED"
	InvalidAudioCodec        ErrorCode = "INVALID_AUDIO_CODEC"
	InvalidVideoCodec        ErrorCode = "INVALID_VIDEO_CODEC"
	BFramePresent            ErrorCode = "B_FRAME_PRESENT"
	InvalidInput             ErrorCode = "INVALID_INPUT"
	InternalServerException  ErrorCode = "INTERNAL_SERVER_EXCEPTION"
)

// Event is one thing that happened to one participant.
type Event struct {
	Name  EventName
	Token Token  // of the participant it happened to
	From  string // SUBSCRIBE_*: the participant that is received
	Code  ErrorCode
	At    time.Time
}

// Observer hears every event, in order. Observe is called with the server's lock held: it must be
// quick and must not call the Server.
type Observer interface {
	Observe(Event)
}

type nobody struct{}

func (nobody) Observe(Event) {}
