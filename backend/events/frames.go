package events

import (
	"encoding/json"
	"time"
)

// Subprotocol is the WebSocket subprotocol that the server selects. A client offers it
// beside the one that carries its authorization (see EncodeAuthProtocol).
const Subprotocol = "aws-appsync-event-ws"

// Limits of AppSync Events ("Quotas", AWS AppSync Events developer guide).
const (
	MaxEventsPerPublish = 5
	// MaxEventBytes is the size of one event as JSON text. The guide writes 240 KB.
	MaxEventBytes = 240 * 1024
	// MaxSubscriptions is the number of subscriptions of one connection.
	MaxSubscriptions = 100
	// MaxConnectionLife is the age at which the service closes a connection.
	MaxConnectionLife = 24 * time.Hour
	// KeepAliveInterval is the time between two keep-alive frames of the service.
	KeepAliveInterval = 60 * time.Second
	// ConnectionTimeout is what connection_ack tells the client: after this much silence
	// the connection is to be taken for dead.
	ConnectionTimeout = 300 * time.Second
)

// Frame types a client sends.
const (
	TypeConnectionInit = "connection_init"
	TypeSubscribe      = "subscribe"
	TypeUnsubscribe    = "unsubscribe"
	TypePublish        = "publish"
)

// Frame types a server sends.
const (
	TypeConnectionAck      = "connection_ack"
	TypeConnectionError    = "connection_error"
	TypeKeepAlive          = "ka"
	TypeSubscribeSuccess   = "subscribe_success"
	TypeSubscribeError     = "subscribe_error"
	TypeUnsubscribeSuccess = "unsubscribe_success"
	TypeUnsubscribeError   = "unsubscribe_error"
	TypePublishSuccess     = "publish_success"
	TypePublishError       = "publish_error"
	TypeData               = "data"
	TypeBroadcastError     = "broadcast_error"
	TypeError              = "error"
)

// Error types of the service itself. A handler of a namespace may use any other word.
const (
	ErrorTypeUnauthorizedException = "UnauthorizedException" // the token, key or signature is not accepted
	ErrorTypeUnauthorized          = "Unauthorized"          // a handler said no
	ErrorTypeBadRequest            = "BadRequestException"
	ErrorTypeUnsupported           = "UnsupportedOperation"
	ErrorTypeUnknownOperation      = "UnknownOperationError"
	ErrorTypeDuplicatedOperation   = "DuplicatedOperationError"
	ErrorTypeLimitExceeded         = "LimitExceededError"
	ErrorTypeProcessing            = "MessageProcessingError"
	ErrorTypeSubprotocol           = "SubProtocolNotSupportedError"
)

// Authorization is the JSON object that authorizes a connection or one operation. Its
// fields are HTTP header names: {"host","x-api-key"}, {"host","Authorization"}, or the
// headers of a SigV4 signed request.
type Authorization map[string]string

// TokenAuthorization authorizes with a token: a Cognito token or what a Lambda authorizer
// understands. Host is the host of the HTTP endpoint, with the port if it has one.
func TokenAuthorization(host, token string) Authorization {
	return Authorization{"host": host, "Authorization": token}
}

// KeyAuthorization authorizes with an API key.
func KeyAuthorization(host, key string) Authorization {
	return Authorization{"host": host, "x-api-key": key}
}

// ClientFrame is any frame that a client sends; which fields are used depends on Type.
type ClientFrame struct {
	Type          string        `json:"type"`
	ID            string        `json:"id,omitempty"`
	Channel       string        `json:"channel,omitempty"`
	Events        []string      `json:"events,omitempty"` // each a JSON value as text
	Authorization Authorization `json:"authorization,omitempty"`

	// Signed is the JSON body that an IAM signature of this operation covers, byte for
	// byte as the client wrote it. Set by ParseClientFrame, not on the wire.
	Signed []byte `json:"-"`
}

// ServerFrame is any frame that a server sends, as a client reads it. Servers that send
// many frames write them with the smaller types below.
type ServerFrame struct {
	Type                string          `json:"type"`
	ID                  string          `json:"id,omitempty"`
	Event               json.RawMessage `json:"event,omitempty"` // a JSON string that holds JSON text
	ConnectionTimeoutMs int64           `json:"connectionTimeoutMs,omitempty"`
	Successful          []Published     `json:"successful,omitempty"`
	Failed              []Failure       `json:"failed,omitempty"`
	Errors              []WireError     `json:"errors,omitempty"`
	// Payload holds the errors of a connection_error from servers that put them there, as
	// the older GraphQL protocol does.
	Payload *struct {
		Errors []WireError `json:"errors"`
	} `json:"payload,omitempty"`
}

// WireError is one error in a frame or an HTTP answer.
type WireError struct {
	ErrorType string `json:"errorType"`
	Message   string `json:"message"`
	ErrorCode int    `json:"errorCode,omitempty"` // an HTTP status; only in connection_error
}

// Published names one event that was accepted: its place in the publish request, and the
// identifier that the service gave it.
type Published struct {
	Identifier string `json:"identifier"`
	Index      int    `json:"index"`
}

// Failure names one event of a publish request that was refused while others were not.
type Failure struct {
	Identifier string `json:"identifier"`
	Index      int    `json:"index"`
	ErrorType  string `json:"errorType,omitempty"`
	Message    string `json:"message,omitempty"`
}

// PublishResult is the body of an HTTP publish answer. Both lists are always present.
type PublishResult struct {
	Failed     []Failure   `json:"failed"`
	Successful []Published `json:"successful"`
}

// PublishRequest is the body of an HTTP publish request.
type PublishRequest struct {
	Channel string   `json:"channel"`
	Events  []string `json:"events"` // each a JSON value as text
}

// ErrorBody is the body of an HTTP answer that refuses the whole request.
type ErrorBody struct {
	Errors []WireError `json:"errors"`
}
