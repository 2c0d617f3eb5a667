package events

import "time"

// Phase is where a client is.
type Phase string

// The phases of a client. A new client is Offline with no error until Run is called.
const (
	Connecting Phase = "connecting" // an attempt is under way
	Online     Phase = "online"     // connected and acknowledged; subscriptions follow
	Offline    Phase = "offline"    // waiting for NextTry
	Closed     Phase = "closed"     // Run returned; there is no way back
)

// State is what a client tells about its connection.
type State struct {
	Phase   Phase
	Since   time.Time
	Attempt int // attempts since the last stable connection, from 0
	// Err is why the client is not online: a *RefusedError, ErrSilent, ErrSlowHandler, or
	// an error of the network. Nil while Online and before the first attempt failed.
	Err error
	// NextTry is when the next attempt begins; zero unless Offline.
	NextTry time.Time
}
