// Package client is the console's side of the network: it signs in, calls the backend's HTTP
// API, hears the event channels, and hands everything over as Updates on one channel, so that
// the screen does no I/O. It must not know how anything looks.
//
// # What is delivered, dropped, coalesced
//
//   - Events of a session's log are delivered once each, in order of seq, without gaps: an event
//     that comes early waits, a gap is read from the log, a double is ignored. They are never
//     dropped. When the reader of Updates is slow, at most maxPendingEvents wait in memory; what
//     is beyond is let go of and read from the log again once the reader has caught up.
//   - Sidecar health, thumbnails and a person's presence: the newest replaces what waits.
//   - Reactions are added up per kind.
//   - Steps of a hand-over are delivered in order; beyond maxPendingSteps the oldest go.
//   - The list of sessions and the state of the connection: the newest.
//
// Updates come at most thirty times a second (Config.Interval), and none while nothing happens.
// After a lost connection the client connects again with back-off and reads what it missed from
// the log; live messages of the meantime are gone, as the protocol says.
//
// Actions travel over the connection, or, for commands that act once and end, over HTTP alone (Direct).
//
// One goroutine (loop.go) owns all state; everything else talks to it over channels.
package client
