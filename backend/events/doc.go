// Package events is the wire of AWS AppSync Events, and a client for it.
//
// The console, the sidecar and the backend speak to the channels of a playtest through
// Client; backend/local/appsync reads and writes the same frame types from the other side,
// and on AWS the service itself does. The package knows channels and JSON values. It must
// not know what an event means: no session, no seat, no chat.
//
// # What is delivered, dropped, reordered or repeated
//
// AppSync Events keeps nothing: an event published while a client was not subscribed is not
// delivered to it later. Within one connection the client hands events to handlers in the
// order of arrival, one at a time, on one goroutine for all subscriptions. It drops nothing
// silently: when handlers fall behind by more than Config.QueueLength events, or the
// connection breaks, the client gives the connection up, connects again, subscribes again,
// and calls Config.OnReconnect. Events between the two connections may be missing, and none
// is delivered twice by the client itself. A caller that must be whole reads the log from
// the last sequence number it has seen in OnReconnect, and ignores sequence numbers it
// already has. Events of the new connection may reach handlers before OnReconnect is called.
//
// # Renewal: before a token expires, and before a connection is a day old
//
// The service checks a token when a connection is opened and with each operation. It does not
// cut an open socket when the token expires, and it ends every connection after 24 hours. The
// client moves to a new connection, with the token of that time, before either. It makes
// before it breaks: it opens the new connection, subscribes to everything, waits for all
// answers and half a second more, unsubscribes on the old one, waits for those answers, and
// lets the new one take its place. Neither State nor OnReconnect tells of it.
//
// At this seam each subscription gets what the old connection brings, up to its answer to
// unsubscribe, in order; then what the new one brought and the old one did not, in order; then
// what the new one brings. Where the service delivers to each connection in the order of
// publication and answers unsubscribe after what went before (the local one does), that is
// every event once and in order. Where it does not, an event that one of the two connections
// lacks still comes, late at most.
//
// Two copies of an event are known by their bytes, because the wire gives events no identity.
// So while a seam is open, and until five seconds after the first event that only the new
// connection brought (three minutes where none comes), an event whose bytes equal those of
// another one of the same subscription may be taken for its copy and dropped. Events with a
// sequence number, or a time stamp and an author, are not concerned.
//
// If the old connection is lost before it has answered, the new one takes over, what it held
// is delivered, and OnReconnect is called before that: something may be missing. If the new
// one fails, the old one goes on, and the client tries again after 5 to 30 s, also beyond
// the expiry of the old token. What is published goes over the connection that is present when
// it is handed to a socket; the old connection is closed when the last of its publications is
// answered. Nothing is sent a second time that may have been sent.
//
// A subscription that is refused at the renewal, because somebody was banned meanwhile, ends
// with the refusal (Subscription.Done, Err); the others go on. When the service refuses three
// connections in a row for want of authority, each with the newest token, or the credentials
// say ErrSignedOut, the client ends: State.Phase is Refused, and Run returns the reason.
//
// # Locks
//
// Client.mu, then link.mu or router.mu; none is held over I/O, waiting, or callbacks.
//
// Source for the protocol: "Understanding the Event API WebSocket protocol" and "Publish
// events via HTTP/WebSocket", AWS AppSync Events developer guide.
package events
