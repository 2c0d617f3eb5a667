// Package conformance holds a WHIP server (RFC 9725), and the WHEP server beside it
// (draft-ietf-wish-whep), against the clauses of their specifications. It is a client like any other: it
// knows addresses and tokens and nothing of the server behind them, so that any server can be examined.
//
// Run publishes a small synthetic broadcast, receives it where it is told to, restarts ICE on both, and
// removes both, and looks at every answer on the way. A verdict comes with what was seen. What a server
// need not have is "not offered"; what could not be seen is "skipped", with the reason.
//
// What is published replaces whatever the token publishes at the time, as on most servers: do not point it at a
// broadcast that people watch.
package conformance
