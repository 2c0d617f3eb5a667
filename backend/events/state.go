package events

import "time"

// Phase is where a client is.
type Phase string

// The phases of a client. A new client is Offline with no error until Run is called.
const (
	Connecting Phase = "connecting" // an attempt is under way
	Online     Phase = "online"     // connected and acknowledged; subscriptions follow. Renewals do not show
	Offline    Phase = "offline"    // waiting for NextTry
	// Refused: the service refuses every token that there is, or there is none any more
	// (ErrSignedOut). Run returned State.Err; there is no way back but a new client.
	Refused Phase = "refused"
	Closed  Phase = "closed" // Run returned; there is no way back
)

// State is what a client tells about its connection.
type State struct {
	Phase   Phase
	Since   time.Time
	Attempt int // attempts since the last stable connection, from 0
	// Err is why the client is not online: a *RefusedError, ErrSignedOut, ErrSilent,
	// ErrSlowHandler, or an error of the network. Nil while Online and before the first
	// attempt failed.
	Err error
	// NextTry is when the next attempt begins; zero unless Offline.
	NextTry time.Time
}
