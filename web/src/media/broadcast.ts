/**
 * Keeps the broadcast of a session on screen: subscribes, notices when it is lost, and
 * subscribes again with growing waits. A publisher that is not there yet (404) is waited
 * for; a publisher that pauses keeps its viewers, because the sidecar comes back by itself
 * within seconds on the same subscription.
 */
import { Backoff, pause } from '../events/backoff';
import { Store } from '../store';
import { subscribe, WhepError, type WhepSubscription } from './whep';

export interface BroadcastView {
  /** `waiting`: nobody publishes yet. `stalled`: connected, but no packets. */
  readonly phase: 'off' | 'connecting' | 'waiting' | 'live' | 'stalled' | 'lost';
  readonly stream: MediaStream | null;
}

/** Packets come every few milliseconds; 2.5 s without one is worth saying. */
const STALLED_MS = 2500;
/** The sidecar is back within 3 s when it can be; after this the subscription is made anew. */
const GIVE_UP_MS = 12_000;
/** ICE reports `disconnected` on short hiccups and recovers by itself most of the time. */
const DISCONNECTED_MS = 4000;

export class Broadcast {
  readonly view = new Store<BroadcastView>({ phase: 'off', stream: null });
  private run: AbortController | null = null;
  private current: WhepSubscription | null = null;
  private hurry: (() => void) | null = null;

  constructor(
    private readonly address: (signal: AbortSignal) => Promise<{ readonly whepUrl: string; readonly token: string }>,
  ) {}

  get peer(): RTCPeerConnection | null {
    return this.current?.peer ?? null;
  }

  start(): void {
    if (this.run) return;
    this.run = new AbortController();
    this.view.set({ phase: 'connecting', stream: null });
    void this.keep(this.run.signal);
  }

  stop(): void {
    this.run?.abort();
    this.run = null;
    this.current?.close();
    this.current = null;
    this.view.set({ phase: 'off', stream: null });
  }

  /** Tries again now: the broadcast was just announced, or the browser is online again. */
  retryNow(): void {
    this.hurry?.();
  }

  private async keep(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(300, 5000);
    while (!signal.aborted) {
      try {
        const subscription = await subscribe(() => this.address(signal), signal);
        this.current = subscription;
        this.view.set({ phase: 'connecting', stream: subscription.stream });
        await this.watch(subscription, signal, () => backoff.reset());
      } catch (error) {
        if (signal.aborted) return;
        const absent = error instanceof WhepError && (error.status === 404 || error.status === 409);
        this.view.set({ phase: absent ? 'waiting' : 'lost', stream: null });
      }
      if (signal.aborted) return;
      this.current?.close();
      this.current = null;
      if (this.view.get().phase !== 'waiting') this.view.set({ phase: 'lost', stream: null });
      const hurried = new AbortController();
      this.hurry = () => hurried.abort();
      await pause(backoff.next(), AbortSignal.any([signal, hurried.signal]));
      this.hurry = null;
    }
  }

  /** Resolves when the subscription is over. */
  private async watch(subscription: WhepSubscription, signal: AbortSignal, onLive: () => void): Promise<void> {
    const { peer, stream } = subscription;
    const started = performance.now();
    let packets = 0;
    let heard = started;
    let connected = started;
    while (!signal.aborted) {
      await pause(packets === 0 ? 50 : 500, signal);
      if (signal.aborted) return;
      const now = performance.now();
      const state = peer.connectionState;
      if (state === 'failed' || state === 'closed') return;
      if (state === 'connected' || packets === 0) connected = now;
      if (now - connected > DISCONNECTED_MS) return;
      const count = await packetsReceived(peer);
      if (count > packets) {
        packets = count;
        heard = now;
        onLive();
        if (this.view.get().phase !== 'live') this.view.set({ phase: 'live', stream });
      } else if (now - heard > GIVE_UP_MS) {
        return;
      } else if (now - heard > STALLED_MS && packets > 0 && this.view.get().phase === 'live') {
        this.view.set({ phase: 'stalled', stream });
      }
    }
  }
}

async function packetsReceived(peer: RTCPeerConnection): Promise<number> {
  let count = 0;
  for (const report of (await peer.getStats()).values() as Iterable<Record<string, unknown>>) {
    if (report['type'] === 'inbound-rtp' && report['kind'] === 'video') count += Number(report['packetsReceived'] ?? 0);
  }
  return count;
}
