// Package capture turns an X display and a PulseAudio sound server into H.264 access units,
// Opus packets and small JPEG pictures, with GStreamer doing the work inside this process.
//
// It serves two programs: the sidecar, which broadcasts a game, and the game instance, which
// streams it to the person who plays. So it must not know who reads the samples: no RTP, no
// WHIP, no session, no network.
//
// What is delivered and what is dropped:
//
//   - Video: access units in order. A reader that falls behind by more than Config.QueueFrames
//     loses everything that waits and everything up to the next key frame, which is requested
//     at once. So a reader never sees an access unit whose reference it did not get.
//   - Audio: packets in order; for a slow reader the oldest is dropped.
//   - Thumbnails: only the newest waits for the reader.
//
// The streaming threads of GStreamer are never blocked by a reader.
//
// Video and audio are two GStreamer pipelines on one clock with one base time, so that a sound
// server that is missing, or dies, costs the sound and not the picture.
//
// This is the only package of Hotseat, with the programs that import it, that needs cgo.
package capture
