// Package bridge is between a game and its audience. It serves JSON lines on sockets of this
// machine: what happens in the playtest session, one object a line; and takes lines in which the
// game says something back. docs/bridge.md is the contract.
//
// It must not know where events come from, nor trust them: what it passes on is JSON by
// syntax only. Nor does it know where what the game says goes: it is given a function.
//
// What is delivered and what is dropped, to the game: events in the order of Offer. Health,
// presence, thumbnails and the game's own state are left out. Reactions are gathered: of each
// kind one line in 100 ms, with their number. The seat is told when a game connects, if it is
// known, and whenever it changes. For a game that reads too slowly the oldest lines are dropped,
// and 256 are kept; no other game, and no caller, waits for it.
//
// From the game: each line is answered by OK or ERROR, in the order of the lines of that
// connection. What comes too fast, or is too large, is refused and not kept; what the session
// refuses is told to the game with the session's own words. Nothing is repeated.
package bridge
