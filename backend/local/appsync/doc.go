// Package appsync serves the protocol of AWS AppSync Events on this machine: the HTTP
// publish endpoint (POST /event) and the WebSocket (GET /event/realtime), with the
// service's frames, errors, limits and authorization modes. Clients written for the service
// work against it unchanged, Amplify's among them.
//
// It must not know what events mean. What a namespace accepts is decided by its Hooks,
// which stand where the onPublish and onSubscribe handlers of a channel namespace stand on
// AWS. It must not import the sign-in services either: tokens and signatures are checked by
// functions of the Config.
//
// # What is delivered, dropped, reordered or repeated
//
// Publishing to one channel is serial: hook, then fan-out, then the next publisher, whether
// by WebSocket or HTTP. So every subscriber of a channel, also one that hears it through a
// wildcard, gets its events in the order in which the hook returned them. (The service
// promises less: no order across publish requests. Nothing here may rely on more than the
// log does.) Between channels there is no order. A connection with two matching
// subscriptions gets an event twice, once for each, as on AWS.
//
// Fan-out never waits for a subscriber. Each connection has a queue bounded in frames and
// bytes (Limits.QueueFrames, QueueBytes); when it is full the connection is closed with
// CloseTooSlow and its queue is dropped. Nothing is dropped from the middle: a connection
// either gets every event of its subscriptions or ends, and its client fills the gap from
// the log when it is back. Nothing is kept for those who are not connected.
//
// # Authorization, and how long it holds
//
// A token is checked when a connection is opened and with each subscribe and publish, never in
// between. An open connection is not cut when its token expires, and its subscriptions go on:
// that is how the service is, so clients must move to a new connection themselves
// (backend/events and the page do). Only Limits.ConnectionLife ends them from here.
//
// # Close codes
//
// 1001 the server stops, or the connection is as old as Limits.ConnectionLife; 1009 a frame
// was larger than Limits.FrameBytes; 1013 (CloseTooSlow) the client read too slowly, connect
// again; 4401 (CloseUnauthorized) after a connection_error.
//
// # Lock order
//
// Server.mu, lanes.mu, hub.mu, outbox.mu. Only hub.mu is held while another is taken
// (outbox.mu, to queue a frame), and none over I/O or a hook. A channel's turn (lane) is
// held over its hook: that is what it is for.
package appsync
