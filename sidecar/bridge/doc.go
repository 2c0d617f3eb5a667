// Package bridge lets a game hear its audience. It serves JSON lines over TCP on this machine:
// every event of the playtest session, one object a line, as it was broadcast. A game that
// can open a socket and read lines can show reactions, obey chat votes, or greet the next
// person in the seat. docs/protocol.md, "Beside the game", is the contract.
//
// It must not know where events come from, nor trust them: what it passes on is JSON by
// syntax only.
//
// What is delivered and what is dropped: events in the order of Offer. Health, presence and
// thumbnails are left out; a game has no use for them. For a game that reads too slowly the
// oldest lines are dropped, and 256 are kept; no other game, and no caller, waits for it.
// The first line a game gets says who is in the seat, and nothing that happened before it.
package bridge
