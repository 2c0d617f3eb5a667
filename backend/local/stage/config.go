package stage

import (
	"errors"
	"log/slog"
	"time"
)

// Token says who is asking and what it may do. It is what Config.Verify found in a participant token.
type Token struct {
	ParticipantID string // the token's jti; one token is one participant
	UserID        string
	StageARN      string
	StageID       string
	Publish       bool
	Subscribe     bool
	Attributes    map[string]string
	Expires       time.Time // checked when joining only, as on IVS
}

// ErrTokenExpired may be wrapped by the error of Config.Verify, so that the answer can say that asking
// for a new token helps. Every other error of Verify reads as "not a token of this stage".
var ErrTokenExpired = errors.New("participant token has expired")

// ErrMediaAddress is wrapped by the error of New when a socket for media cannot be opened, beside what the system said
// (syscall.EADDRINUSE, syscall.EADDRNOTAVAIL).
var ErrMediaAddress = errors.New("cannot open a socket for media")

// MaxLanes is how many ports from that of Config.UDPAddress are used unless Config.Lanes says otherwise.
const MaxLanes = 8

// Config is everything a Server needs from outside.
type Config struct {
	// PublicURL is where Handler is reachable, with its path prefix, e.g. http://127.0.0.1:8470/whip.
	PublicURL string
	// UDPAddress is the first socket for media, the only one up to 400 subscribers; each further lane takes the next
	// port, or any if the port is 0. The host may be an IPv6 address. Empty: free ports of 127.0.0.1.
	UDPAddress string
	// TCPAddress is one port for media from and to networks without UDP (ICE over TCP, RFC 6544). Empty: none.
	TCPAddress string
	// PublicIPs stand for the sockets' own addresses in answers, when a NAT maps them one to one: one address of each
	// family that UDPAddress has, which is one.
	PublicIPs []string
	// ICEServers are handed out to clients with each answer (Link headers, RFC 9725 section 4.6). The server itself
	// uses none: it is where clients can reach it.
	ICEServers []ICEServer
	// Lanes is how many sockets, each with a goroutine, send to subscribers. 0: one per processor, at most MaxLanes.
	Lanes int
	// Verify checks a participant token. It must be safe for concurrent use.
	Verify func(token string) (Token, error)
	// Observer hears what happens. Nil: nobody.
	Observer Observer
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: slog.Default
}

// ICEServer is a STUN or TURN server for clients.
type ICEServer struct {
	URL        string // e.g. turn:turn.example.net?transport=udp (RFC 7064, RFC 7065)
	Username   string // TURN only
	Credential string // TURN only: its long-term password
}

// Limits of an IVS Real-Time stage ("Service Quotas" and "Stage publish limits" of the IVS Real-Time
// Streaming User Guide), and of this server where IVS states none.
const (
	// MaxPublishers is the fixed quota of publishers on a stage.
	MaxPublishers = 12
	// MaxSubscribers is the default quota of subscribers on a stage.
	MaxSubscribers = 10_000
	// MaxPixels is 720p; any shape of that area will do, so portrait too.
	MaxPixels = 1280 * 720
	// MaxBitsPerSecond is the quota of one participant's audio and video together.
	MaxBitsPerSecond = 8_500_000
	// MaxDuration is how long one may publish or subscribe without a break.
	MaxDuration = 24 * time.Hour

	// maxOfferBytes bounds an SDP offer; browsers send 2 to 8 KiB.
	maxOfferBytes = 64 << 10
	// maxCandidates bounds the addresses an offer may make us probe.
	maxCandidates = 64
	// offerReadTime is how long a client may take to send its offer.
	offerReadTime = 10 * time.Second
	// connectTime is how long a client may take from the answer to a running connection; beyond it the
	// session is forgotten, so that abandoned offers cost little.
	connectTime = 10 * time.Second
	// iceDisconnected and iceFailed: a peer that answers no check for their sum is gone. Together
	// just long enough for a paused laptop process to come back.
	iceDisconnected = 3 * time.Second
	iceFailed       = 3 * time.Second
	// iceKeepAlive is the time between two checks of a subscriber's way, and publisherKeepAlive of a publisher's: there
	// are hundreds of the one, and of the other everybody is to see within a moment that it is gone.
	iceKeepAlive       = 2 * time.Second
	publisherKeepAlive = time.Second
	// keyFrameInterval is the least time between two key frame requests to one publisher. A key frame
	// is ten times the size of another frame: more often and the bitrate is spent on them alone.
	keyFrameInterval = 500 * time.Millisecond
)
