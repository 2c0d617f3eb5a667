// Package whip publishes H.264 and Opus to a WebRTC stage by WHIP (RFC 9725), as IVS Real-Time
// takes it, and stays on the air: when the connection is lost it is made anew with a back-off.
//
// It must not know where the samples come from, nor what a playtest session is.
//
// What is delivered and what is dropped: samples written while there is no connection are
// dropped, and so is everything before the first key frame of a connection, which is asked
// for. RTP packets are sent at once, without pacing; lost ones are sent again when the stage
// asks by NACK. Requests for key frames (PLI, FIR) are passed on at most once in 300 ms; those
// that come earlier become one, later.
package whip
