/**
 * A client of AppSync Events over WebSocket
 * (AWS AppSync Developer Guide, "Understanding the Event API WebSocket protocol").
 *
 * One socket carries all channels. It comes back by itself, with jittered waits, and
 * subscribes again to everything; what was published meanwhile is lost here (AppSync
 * replays nothing), so each subscription hears `onReady` after every (re)subscription and
 * can fill the gap from the log. Publishing is never queued: without a connection, or when
 * the connection ends before the answer, `publish` rejects and the caller decides.
 */
import { isObject } from './entry';
import { Backoff, pause } from './backoff';

export type Link = 'connecting' | 'open' | 'lost' | 'closed';

export interface SocketLike {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

export interface EventsConfig {
  /** Address of the realtime endpoint, ends in /event/realtime. */
  readonly realtimeUrl: string;
  /** The HTTP host of the API, which is part of the authorization. */
  readonly host: string;
  /** A token that is valid for at least some seconds; refreshed by its owner. */
  readonly token: () => Promise<string>;
  readonly onLink?: (link: Link) => void;
  readonly socket?: (url: string, protocols: string[]) => SocketLike;
  readonly random?: () => number;
}

export interface Subscription {
  readonly channel: string;
  /** One event, already parsed from its JSON string. */
  readonly onEvent: (event: unknown) => void;
  /** The subscription stands; events from now on arrive. */
  readonly onReady?: () => void;
  /** The server refused this subscription. It is tried again on the next connection. */
  readonly onRefused?: (refusal: RefusedError) => void;
}

/** What the gate, or AppSync itself, refused, with a sentence for a person. */
export class RefusedError extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedError';
  }
}

/** The answer did not come: the connection is down, or was lost on the way. */
export class OfflineError extends Error {
  constructor(message = 'Not connected right now. Try again in a moment.') {
    super(message);
    this.name = 'OfflineError';
  }
}

/** Answers (acknowledgements, publish_success) come within milliseconds; 10 s means: lost. */
const ANSWER_MS = 10_000;
/** One event is at most 240 KB (AppSync quota); a data frame holds one. */
const MAX_FRAME = 300_000;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class EventsClient {
  private link: Link = 'closed';
  private socket: SocketLike | null = null;
  private run: AbortController | null = null;
  private silenceMs = 300_000;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private nextId = 1;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly waiting = new Map<string, Waiting>();
  private readonly backoff: Backoff;
  private wake: (() => void) | null = null;

  constructor(private readonly config: EventsConfig) {
    this.backoff = new Backoff(400, 20_000, config.random);
  }

  start(): void {
    if (this.run) return;
    this.run = new AbortController();
    void this.keepConnected(this.run.signal);
  }

  stop(): void {
    this.run?.abort();
    this.run = null;
    this.drop('closed');
  }

  /** Stops waiting for the next attempt, for example when the browser is online again. */
  retryNow(): void {
    this.backoff.reset();
    this.wake?.();
  }

  /** Subscribes now and after every reconnection; returns how to stop. */
  subscribe(subscription: Subscription): () => void {
    const id = `s${this.nextId++}`;
    this.subscriptions.set(id, subscription);
    if (this.link === 'open') void this.sendSubscribe(id, subscription);
    return () => {
      this.subscriptions.delete(id);
      if (this.link === 'open') this.send({ type: 'unsubscribe', id });
    };
  }

  /** Publishes one event. Resolves when it was accepted; rejects with RefusedError or OfflineError. */
  async publish(channel: string, event: object): Promise<void> {
    if (this.link !== 'open') throw new OfflineError();
    const authorization = await this.authorization();
    const id = `p${this.nextId++}`;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new OfflineError('No answer came. It may or may not have arrived.'));
      }, ANSWER_MS);
      this.waiting.set(id, { resolve, reject, timer });
      const sent = this.send({ type: 'publish', id, channel, events: [JSON.stringify(event)], authorization });
      if (!sent) this.settle(id, new OfflineError());
    });
  }

  private async keepConnected(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.setLink(this.link === 'closed' ? 'connecting' : 'lost');
      try {
        await this.connection(signal);
      } catch {
        // The reason is not actionable here: the next attempt gets a fresh token anyway.
      }
      if (signal.aborted) return;
      this.drop('lost');
      const woken = new AbortController();
      const abort = () => woken.abort();
      this.wake = abort;
      signal.addEventListener('abort', abort);
      await pause(this.backoff.next(), woken.signal);
      signal.removeEventListener('abort', abort);
      this.wake = null;
    }
  }

  /** One connection, from opening to its end. */
  private async connection(signal: AbortSignal): Promise<void> {
    const header = base64url(JSON.stringify(await this.authorization()));
    if (signal.aborted) return;
    const open = this.config.socket ?? browserSocket;
    const socket = open(this.config.realtimeUrl, ['aws-appsync-event-ws', `header-${header}`]);
    this.socket = socket;
    await new Promise<void>((resolve) => {
      const ended = () => resolve();
      const acknowledged = setTimeout(() => socket.close(), ANSWER_MS);
      socket.onopen = () => socket.send(JSON.stringify({ type: 'connection_init' }));
      socket.onerror = ended;
      socket.onclose = ended;
      signal.addEventListener('abort', ended, { once: true });
      socket.onmessage = ({ data }) => {
        if (typeof data !== 'string' || data.length > MAX_FRAME) return;
        const frame = parse(data);
        if (!isObject(frame)) return;
        this.heard();
        if (frame['type'] === 'connection_ack') {
          clearTimeout(acknowledged);
          const timeout = frame['connectionTimeoutMs'];
          if (typeof timeout === 'number' && timeout >= 1000) this.silenceMs = timeout;
          this.heard();
          this.backoff.reset();
          this.setLink('open');
          for (const [id, subscription] of this.subscriptions) void this.sendSubscribe(id, subscription);
        } else if (frame['type'] === 'connection_error') {
          socket.close();
        } else {
          this.handle(frame);
        }
      };
    });
  }

  private handle(frame: Record<string, unknown>): void {
    const id = typeof frame['id'] === 'string' ? frame['id'] : '';
    const subscription = this.subscriptions.get(id);
    switch (frame['type']) {
      case 'data': {
        // One example of the guide shows a list of one; every service seen sends a string.
        const event: unknown = Array.isArray(frame['event']) ? frame['event'][0] : frame['event'];
        const value = typeof event === 'string' ? parse(event) : undefined;
        if (value !== undefined) subscription?.onEvent(value);
        return;
      }
      case 'subscribe_success':
        subscription?.onReady?.();
        return;
      case 'subscribe_error':
        subscription?.onRefused?.(refusal(frame));
        return;
      case 'publish_success': {
        const failed = Array.isArray(frame['failed']) ? frame['failed'] : [];
        this.settle(id, failed.length > 0 ? refusal({ errors: failed }) : null);
        return;
      }
      case 'publish_error':
      case 'broadcast_error':
      case 'error':
        this.settle(id, refusal(frame));
        return;
    }
  }

  private async sendSubscribe(id: string, subscription: Subscription): Promise<void> {
    const socket = this.socket;
    const authorization = await this.authorization();
    if (socket !== this.socket || !this.subscriptions.has(id)) return;
    this.send({ type: 'subscribe', id, channel: subscription.channel, authorization });
  }

  private async authorization(): Promise<{ host: string; Authorization: string }> {
    return { host: this.config.host, Authorization: await this.config.token() };
  }

  private send(frame: object): boolean {
    if (!this.socket || this.socket.readyState !== 1 /* OPEN */) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Called for every frame: the server says `ka` each minute, silence means a dead connection. */
  private heard(): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.silence = setTimeout(() => socket?.close(), this.silenceMs);
  }

  private settle(id: string, error: Error | null): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(error);
    else waiting.resolve();
  }

  private drop(link: Link): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onmessage = socket.onclose = socket.onerror = socket.onopen = null;
      // An error event without a listener is fatal in Node's client, so a deaf one stays.
      socket.onerror = () => undefined;
      socket.close();
    }
    for (const id of [...this.waiting.keys()]) this.settle(id, new OfflineError());
    this.setLink(link);
  }

  private setLink(link: Link): void {
    if (this.link === link) return;
    this.link = link;
    this.config.onLink?.(link);
  }
}

/** The browser's WebSocket, seen through the few members that are used. */
function browserSocket(url: string, protocols: string[]): SocketLike {
  return new WebSocket(url, protocols) as unknown as SocketLike;
}

function refusal(frame: Record<string, unknown>): RefusedError {
  const errors = Array.isArray(frame['errors']) ? frame['errors'] : [];
  const first: unknown = errors[0];
  const type = isObject(first) && typeof first['errorType'] === 'string' ? first['errorType'] : 'Refused';
  const message =
    isObject(first) && typeof first['message'] === 'string' && first['message'] !== ''
      ? first['message'].slice(0, 500)
      : 'This was refused.';
  return new RefusedError(type, message);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** base64url without padding (RFC 4648 section 5) of the UTF-8 bytes of a text. */
export function base64url(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
