package appsync

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/events"
)

// AuthMode is how a connection or an operation proved who it is.
type AuthMode string

// The modes, with the names of the service's API model (AuthenticationType).
const (
	ModeAPIKey  AuthMode = "API_KEY"
	ModeCognito AuthMode = "AMAZON_COGNITO_USER_POOLS" // people: ID or access token
	ModeLambda  AuthMode = "AWS_LAMBDA"                // machines: a token only a Lambda authorizer reads
	ModeIAM     AuthMode = "AWS_IAM"                   // SigV4
)

// Config of a Server.
type Config struct {
	// Host is what clients must name as host in their authorization, with the port. It is
	// part of what AWS signs; for tokens it only catches a wrong configuration early. Empty:
	// not checked.
	Host string
	// PublicHost is another name that does too: the host as clients reach it through a proxy. Empty: none.
	PublicHost string

	// APIKeys holds the accepted keys and when each expires.
	APIKeys map[string]time.Time
	// Verify checks a token of a person or a machine. Nil: tokens are refused.
	Verify func(ctx context.Context, token string) (auth.Identity, error)
	// VerifyIAM checks a SigV4 signature over "POST https://<host>/event" with this payload.
	// The map holds the signed headers, in any case. Nil: signatures are refused. The
	// publisher is an AWS principal and no person: hooks see an empty identity and ModeIAM.
	VerifyIAM func(headers map[string]string, payload []byte) error
	// ConnectionModes are the modes that may open a WebSocket. Nil: all.
	ConnectionModes []AuthMode

	Namespaces []Namespace
	Limits     Limits // zero fields take the service's defaults

	// CheckOrigin may refuse a WebSocket by its Origin header. Nil: every origin may
	// connect, as on AWS. Cross-site pages gain nothing by that: the authorization is in a
	// subprotocol that a page must know and write itself; no cookie travels along.
	CheckOrigin func(*http.Request) bool

	Now func() time.Time // for the expiry of API keys and the age of connections; default time.Now
	Log *slog.Logger
}

// Limits bound what clients can send, hold and cost. The zero value of a field means the
// default, which is the service's quota where one is known.
type Limits struct {
	EventsPerPublish int // default 5
	EventBytes       int // one event as JSON text; default 240 KiB
	// FrameBytes bounds a WebSocket message and an HTTP body before they are parsed. The
	// default, 4.8 MB, holds five events of the largest size, escaped as JSON text is, and
	// all of that twice: the Amplify client repeats an operation in the same frame.
	FrameBytes    int64
	Subscriptions int // of one connection; default 100
	Connections   int // of the server; default 10,000

	// PublishRate and PublishBurst are a token bucket of each connection, in publish
	// requests (a second). Defaults 25 and 50. The service has such a quota per client; its
	// size is our guess.
	PublishRate  float64
	PublishBurst int
	// EventRate is the service's quota of inbound events a second for the whole API; the
	// burst is the same number, or one full request. Default 10,000. HTTP publishers have no
	// connection, so this and the hooks are what bounds them.
	EventRate float64
	// FrameRate bounds frames of any type from one connection, a second: reading waits
	// beyond it, so that subscribing and failing in a loop costs only the client. Default 200.
	FrameRate float64

	QueueFrames int // frames waiting for one connection; default 1024
	QueueBytes  int // and their size; default 8 MiB, some thirty events of the largest size

	KeepAlive      time.Duration // between ka frames; default 60 s
	ConnectionLife time.Duration // by Config.Now; default 24 h
	HookTime       time.Duration // for one call of a hook; default 10 s
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.EventsPerPublish, events.MaxEventsPerPublish)
	setDefault(&l.EventBytes, events.MaxEventBytes)
	setDefault(&l.FrameBytes, int64(4*l.EventsPerPublish*l.EventBytes+64<<10))
	setDefault(&l.Subscriptions, events.MaxSubscriptions)
	setDefault(&l.Connections, 10_000)
	setDefault(&l.PublishRate, 25)
	setDefault(&l.PublishBurst, 50)
	setDefault(&l.EventRate, 10_000)
	setDefault(&l.FrameRate, 200)
	setDefault(&l.QueueFrames, 1024)
	setDefault(&l.QueueBytes, 8<<20)
	setDefault(&l.KeepAlive, events.KeepAliveInterval)
	setDefault(&l.ConnectionLife, events.MaxConnectionLife)
	setDefault(&l.HookTime, 10*time.Second)
	return l
}

func setDefault[T int | int64 | float64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Namespace is the first segment of channels, with its own rules.
type Namespace struct {
	Name string // letters, digits, inner dashes; 1 to 50 characters
	// PublishModes and SubscribeModes are the modes that may do so. Nil: all.
	PublishModes, SubscribeModes []AuthMode
	// Hooks decide about each publication and subscription. Nil: everything passes.
	Hooks Hooks
}

// namespacePattern is the service's own for namespace names.
var namespacePattern = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?$`)
