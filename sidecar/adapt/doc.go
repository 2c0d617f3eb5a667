// Package adapt decides what an encoder is asked for: bitrate, frame rate and size that the
// network carries and the machine can make, and never more than the operator allows.
//
// It is a pure value: Step takes the time and what was measured, and returns a Target. It must
// not know encoders, connections or clocks, so that every decision can be repeated in a test.
//
// What it does, in this order:
//
//   - The network is short (the estimate is below what is sent, or packets are lost, or the round
//     trip grows): first the bitrate falls, at once; to a little less than what arrived, where reports say
//     that, once in 2 s at most, and only if about as much was sent as was asked for. When the bitrate is too low for the pictures,
//     the frame rate falls a step (full, two thirds, half), and when it still is, the size (full,
//     three quarters, half). A blurred picture at full rate serves a game worse than a sharp one
//     at two thirds of it, and a small one is the last resort. NewFixedSize leaves that out.
//   - The processor is short (encoding takes most of a frame's time, or others wait for a
//     processor and pictures are late): the frame rate falls, then the size: both cost less
//     processor, and the bitrate is let be. The game has the machine; the broadcast yields.
//   - Everything is well for a while: up again, slowly, one thing at a time and the cheapest to take
//     back first. A step up that fails doubles the time until it is tried again.
package adapt
