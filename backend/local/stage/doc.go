// Package stage is the media side of an IVS Real-Time stage on one machine: people publish to it with
// WHIP (RFC 9725) and receive from it with the same exchange in the other direction (as IVS's own
// {whip_url}/subscribe/{participantId} address does). Between the two stands a selective forwarding
// unit: nothing is decoded or re-encoded.
//
// What moves through it, and how:
//
//   - A publisher's RTP packets are collected into frames (video: up to the packet with the marker bit)
//     and each frame is written to one subscriber after the other over one shared UDP socket. UDP never
//     waits for a receiver, so a slow subscriber loses packets and nobody else notices.
//   - Delivered: every packet that reached the stage, once, to every subscriber that has been given a
//     key frame. Retransmitted: what a subscriber reports missing (NACK), from one ring of the newest 1024
//     packets a stream. Dropped: duplicates, packets older than the ring, and video before a subscriber's
//     first key frame.
//   - Coalesced: key frame requests. The publisher gets at most one in 500 ms, however many ask.
//   - A subscriber outlives its publisher. When the same participant publishes again, sequence numbers and
//     timestamps go on where the old stream stopped, beginning with a key frame, so a decoder never
//     sees the seam.
//
// The package must not know of the AWS control API, of people or of sessions of play: a token that
// Config.Verify accepts is all it asks for, and what happens is told to Config.Observer.
//
// Locks, in the order they may be taken: Server.mu, stream.mu or stream.outputsMu, keyFrameGate.mu. None is held over network
// input or output.
package stage
