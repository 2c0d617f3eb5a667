// Package capture turns an X display, or one window of it, and a PulseAudio sound server into H.264
// access units, Opus packets and small JPEG pictures, with GStreamer doing the work inside this
// process; and sends the same pictures to an RTMP server when asked.
//
// It serves two programs: the sidecar, which broadcasts a game, and the game instance, which
// streams it to the person who plays. So it must not know who reads the samples: no RTP, no
// WHIP, no session.
//
// What is delivered and what is dropped:
//
//   - Pictures: one each period, whatever happens to the display. When no fresh one comes in time
//     the last is repeated, and before the first there is a dark one (Config.Endure says when the
//     capture ends instead). While the encoder is still at work on the last one, none is taken:
//     the machine is short of CPU, and the game comes first.
//   - Video: access units in order. A reader that falls behind by more than Config.QueueFrames
//     loses everything that waits and everything up to the next key frame, which is requested
//     at once. So a reader never sees an access unit whose reference it did not get. Another encoder,
//     size or frame rate begins with a key frame.
//   - Audio: packets in order, without a gap in running time: silence stands where there was no
//     sound. For a slow reader the oldest is dropped.
//   - RTMP: access units and AAC packets; a server that is slow or gone loses them up to the next key
//     frame, and nothing else notices.
//   - Thumbnails: only the newest waits for the reader.
//
// The streaming threads of GStreamer are never blocked by a reader, and nothing that takes pictures
// waits for the X server: one goroutine does, and is left behind if the server hangs.
//
// Pictures are taken with MIT-SHM straight into the memory that GStreamer reads, not with ximagesrc:
// that one hangs with the X server and ends the process with it, cannot follow a window, and would
// put display and encoder into one pipeline that can only be replaced as a whole.
//
// Video, audio and RTMP are GStreamer pipelines of their own on one clock with one base time, so that
// each can fail and be replaced while the others go on.
//
// This is the only package of Hotseat, with the programs that import it, that needs cgo. It captures X
// displays only; for Windows there is no more than a draft of the pipelines among the tests
// (windowstext_internal_test.go).
package capture
