/** Parts of the browser that TypeScript's DOM library does not describe. */
interface RTCRtpReceiver {
  /** Seconds; Chromium only. */
  playoutDelayHint?: number;
}

interface Window {
  /** Present with ?debug=1; see src/debug/debug.ts. */
  hotseatDebug?: import('./debug/debug').HotseatDebug;
}
