// Package stage is the media side of an IVS Real-Time stage on one machine: people publish to it with
// WHIP (RFC 9725) and receive from it with the same exchange in the other direction (as IVS's own
// {whip_url}/subscribe/{participantId} address does). Between the two stands a selective forwarding
// unit: nothing is decoded or re-encoded.
//
// What moves through it, and how:
//
//   - A publisher's RTP packets are collected into frames (video: up to the packet with the marker bit)
//     and each frame is given to the lanes. A lane is a UDP socket with a goroutine, and writes the frame to
//     one of its subscribers after the other. UDP never waits for a receiver, so a slow subscriber loses
//     packets and nobody else notices. Who comes by TCP, because its network has no UDP, has a queue of
//     its own; when that is full, frames are dropped up to the next key frame, and the log says so.
//   - Kept: the newest key frame and what follows it, while it is short. A subscriber that comes is sent
//     that first, so that it sees the picture before the publisher has made another key frame.
//   - Delivered: every packet of a stream that reached the stage, once, to every subscriber of it that has been given a
//     key frame. Retransmitted: what a subscriber reports missing (NACK), from one ring of the newest 1024
//     packets a stream. Dropped: duplicates, packets older than the ring, and video before a subscriber's
//     first key frame. When a lane cannot keep up, whole frames are dropped, up to the next key frame, and
//     the log says so.
//   - Paced: nobody is sent more than 32 packets of a stream in 4 ms, so that a key frame does not overrun the queue where a
//     viewer's line gets narrow. What is more waits, in order, and everybody has a turn before anybody's second.
//   - A publisher may send up to three encodings of its picture at once (simulcast). Each of these layers has all that a
//     stream has: a ring, a newest key frame, requests of its own. A subscriber is given one layer, the largest that its
//     line takes, and is moved with a key frame of the other layer, within one RTP stream: sequence numbers go on,
//     timestamps keep the distance of the pictures, and what it misses from before is still sent again. What its line
//     takes is what it says itself (REMB, measured by the send times in the packets; else what it reports lost, or what
//     its queue did not take). Down goes at once, up only when the estimate has allowed it for seconds or a probe with
//     padding went well; what fails is tried again later and later. A layer that is silent for a second is replaced
//     for all who had it. Until a
//     publisher has sent a second layer none of this takes part.
//   - Coalesced: key frame requests. The publisher gets at most one in 500 ms for a layer, however many ask, and a
//     subscriber with a bad line causes no more than one in four seconds, and one a second while it waits to be moved to
//     another layer: key frames cost the others.
//   - A subscriber outlives its publisher. When the same participant publishes again, sequence numbers and
//     timestamps go on where the old stream stopped, beginning with a key frame, so a decoder never
//     sees the seam.
//   - A session outlives the addresses of its client. ICE is restarted by PATCH (RFC 9725 section 4.3.3), and
//     the stream goes on over whatever way there is then. A client that answers no check for six seconds has
//     withdrawn its consent (RFC 7675), and its session ends.
//
// The package must not know of the AWS control API, of people or of sessions of play: a token that
// Config.Verify accepts is all it asks for, and what happens is told to Config.Observer.
//
// Locks, in the order they may be taken: session.ice; Server.mu; ladder.mu; stream.order, then lane.mu; stream.mu;
// keyFrameGate.mu, throttle.mu, deliveryCounts.mu, pace.mu, line.mu. None but session.ice, which lets one PATCH of a
// session follow the other, is held over network input or output.
package stage
