/**
 * What tests and the debug overlay (?debug=1) can look at: the age of the frames on screen
 * by the demo game's time code, frame rate, and the statistics of the connection.
 */
import { readTimecode } from '../timecode';

export interface DebugSources {
  /** The video that is on screen, and which stream it shows. */
  readonly video: () => HTMLVideoElement | null;
  readonly source: () => 'broadcast' | 'game';
  readonly peer: () => RTCPeerConnection | null;
  readonly state: () => unknown;
}

export interface HotseatDebug {
  readonly readTimecode: typeof readTimecode;
  /** Ages in milliseconds of the newest frames that were read, oldest first, at most 600. */
  latencies: number[];
  /** Frames that were shown but whose time code could not be read. */
  unreadable: number;
  /** Frames shown in the last second. */
  fps: number;
  /** performance.now() of the newest shown frame of each source. */
  readonly lastFrame: { broadcast: number; game: number };
  video(): HTMLVideoElement | null;
  source(): 'broadcast' | 'game';
  /** The folded state of the session, the seat's stream, the link. */
  state(): unknown;
  /** All reports of RTCPeerConnection.getStats() of the connection on screen. */
  stats(): Promise<Record<string, unknown>[]>;
  percentile(p: number): number | null;
  /** Forgets the latencies so far. */
  reset(): void;
}

const KEPT = 600;

export function wantsDebug(): boolean {
  return new URLSearchParams(location.search).get('debug') === '1';
}

/** Installs window.hotseatDebug; returns how to remove it. */
export function installDebug(sources: DebugSources): () => void {
  const shown: number[] = [];
  let stopped = false;
  let watched: HTMLVideoElement | null = null;

  const debug: HotseatDebug = {
    readTimecode,
    latencies: [],
    unreadable: 0,
    fps: 0,
    lastFrame: { broadcast: 0, game: 0 },
    video: sources.video,
    source: sources.source,
    state: sources.state,
    stats: async () => {
      const report = await sources.peer()?.getStats();
      return report ? ([...report.values()] as Record<string, unknown>[]) : [];
    },
    percentile: (p) => {
      const sorted = [...debug.latencies].sort((a, b) => a - b);
      return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? null;
    },
    reset: () => {
      debug.latencies = [];
      debug.unreadable = 0;
    },
  };

  const onFrame = (video: HTMLVideoElement) => {
    if (stopped || video !== sources.video()) return;
    const now = performance.now();
    debug.lastFrame[sources.source()] = now;
    shown.push(now);
    while (shown[0] !== undefined && shown[0] < now - 1000) shown.shift();
    debug.fps = shown.length;
    const read = readTimecode(video);
    if (read) debug.latencies = [...debug.latencies.slice(-(KEPT - 1)), Date.now() - read.ms];
    else debug.unreadable += 1;
    video.requestVideoFrameCallback(() => onFrame(video));
  };

  // The video on screen changes with a hand-over; looking for it is cheap.
  const timer = setInterval(() => {
    const video = sources.video();
    if (video === watched) return;
    watched = video;
    video?.requestVideoFrameCallback(() => onFrame(video));
  }, 20);

  window.hotseatDebug = debug;
  return () => {
    stopped = true;
    clearInterval(timer);
    if (window.hotseatDebug === debug) delete window.hotseatDebug;
  };
}
