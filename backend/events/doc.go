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
// already has.
//
// Source for the protocol: "Understanding the Event API WebSocket protocol" and "Publish
// events via HTTP/WebSocket", AWS AppSync Events developer guide.
package events
