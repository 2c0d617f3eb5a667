/**
 * A client of AppSync Events over WebSocket
 * (AWS AppSync Developer Guide, "Understanding the Event API WebSocket protocol").
 *
 * One socket carries all channels. It comes back by itself, with jittered waits, and
 * subscribes again to everything; what was published meanwhile is lost here (AppSync
 * replays nothing), so each subscription hears `onReady` after every (re)subscription and
 * can fill the gap from the log. Publishing is never queued: without a connection, or when
 * the connection ends before the answer, `publish` rejects and the caller decides.
 *
 * The service checks a token when a socket is opened and at each operation, and cuts no open
 * socket when it expires. So the client moves to a new socket with a fresh token before that,
 * and before a socket is a day old. The new one is opened and subscribed first; nothing is
 * lost, doubled or reordered by it (see seam.ts), publications end on the socket they began
 * on, and nobody notices. If the old socket breaks on the way, `onReady` says so as after
 * any other loss. A subscription that is refused then has ended. If the token is refused again
 * and again, or there is none any more, the link is `refused` and the client has stopped.
 */
import { Backoff, pause } from './backoff';
import { Connection, OfflineError, parse, RefusedError, type SocketLike } from './connection';
import { Seam } from './seam';

export { OfflineError, RefusedError, type SocketLike } from './connection';

/** `refused`: there is no way in with this sign-in; the client has stopped. */
export type Link = 'connecting' | 'open' | 'lost' | 'refused' | 'closed';

export interface Credential {
  readonly token: string;
  /** Unix milliseconds, by this machine's clock. */
  readonly expires: number;
}

export interface EventsConfig {
  /** Address of the realtime endpoint, ends in /event/realtime. */
  readonly realtimeUrl: string;
  /** The HTTP host of the API, which is part of the authorization. */
  readonly host: string;
  /**
   * A token that is valid for at least some seconds; `fresh` asks for one that lives longer than
   * the last. Rejects with SignedOutError when there will be none any more.
   */
  readonly credential: (fresh: boolean) => Promise<Credential>;
  readonly onLink?: (link: Link) => void;
  readonly socket?: (url: string, protocols: string[]) => SocketLike;
  readonly random?: () => number;
}

export interface Subscription {
  readonly channel: string;
  /** One event, already parsed from its JSON string. */
  readonly onEvent: (event: unknown) => void;
  /** The subscription stands; events from now on arrive, earlier ones may be missing. */
  readonly onReady?: () => void;
  /**
   * The server refused this subscription, at first or later. It has ended, unless the refusal
   * may pass: then it is tried again on the next connection.
   */
  readonly onRefused?: (refusal: RefusedError) => void;
}

/** There will be no token any more: signed out, or the sign-in was taken back. */
export class SignedOutError extends Error {
  constructor(message = 'Please sign in again.') {
    super(message);
    this.name = 'SignedOutError';
  }
}

/**
 * A socket is replaced between this and half of it before its token expires: time for a refresh
 * and a handshake that both run into their timeouts, and spread enough for a thousand pages
 * that were opened together.
 */
const RENEW_AHEAD_MS = 90_000;
/** For tokens with a short life: at most this part of what is left. */
const RENEW_SHARE = 1 / 3;
/** AppSync ends a connection after 24 h; replaced between half an hour and a quarter before. */
const CONNECTION_LIFE_MS = 24 * 3600_000;
const END_OF_LIFE_MS = 30 * 60_000;
const RENEW_AT_LEAST_MS = 5_000;
/** Both sockets hear everything this long: fan-out to the old one may lag a little. */
const OVERLAP_MS = 500;
/** A connection that ended sooner than this counts as an attempt that failed. */
const STABLE_MS = 5_000;
/** Refusals in a row, each time with the newest token, before the client gives up. */
const MAX_DENIALS = 3;

export class EventsClient {
  private link: Link = 'closed';
  private run: AbortController | null = null;
  private current: Connection | null = null;
  private next: Connection | null = null;
  private seam: Seam | null = null;
  /** The last seam that was closed: copies may still come. */
  private past: Seam | null = null;
  private nextId = 1;
  private denials = 0;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly backoff: Backoff;
  private readonly random: () => number;
  private wake: (() => void) | null = null;

  constructor(private readonly config: EventsConfig) {
    this.random = config.random ?? Math.random;
    this.backoff = new Backoff(400, 20_000, this.random);
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
    if (this.current) void this.ask(this.current, id, null).catch(() => undefined);
    return () => this.end(id);
  }

  /** Publishes one event. Resolves when it was accepted; rejects with RefusedError or OfflineError. */
  async publish(channel: string, event: object): Promise<void> {
    if (!this.current) throw new OfflineError();
    const authorization = await this.authorization();
    // The present socket is chosen now: nothing was sent on one that was replaced meanwhile.
    if (!this.current) throw new OfflineError();
    const id = `p${this.nextId++}`;
    await this.current.request({ type: 'publish', id, channel, events: [JSON.stringify(event)], authorization });
  }

  private async keepConnected(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.setLink(this.link === 'closed' ? 'connecting' : 'lost');
      const began = Date.now();
      try {
        // After a refusal only another token makes sense.
        const connection = await this.open(signal, this.denials > 0);
        this.denials = 0;
        await this.serve(connection, signal);
        if (Date.now() - began >= STABLE_MS) this.backoff.reset();
      } catch (error) {
        if (!signal.aborted && this.isFinal(error)) return this.refused();
        // No other reason is actionable here: the next attempt gets a valid token anyway.
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

  /** Serves a connection and its successors, until the last of them is lost. */
  private async serve(connection: Connection, signal: AbortSignal): Promise<void> {
    this.current = connection;
    this.setLink('open');
    for (const id of this.subscriptions.keys()) void this.ask(connection, id, null).catch(() => undefined);
    let wait = this.renewIn(connection);
    const retry = new Backoff(RENEW_AT_LEAST_MS * 2, 30_000, this.random);
    for (;;) {
      if (!(await stillOpen(connection, wait)) || signal.aborted) return;
      try {
        connection = await this.renew(connection, signal);
        this.denials = 0;
        retry.reset();
        wait = this.renewIn(connection);
      } catch (error) {
        if (this.isFinal(error)) throw error;
        wait = retry.next();
      }
    }
  }

  /** Milliseconds until a connection should be replaced. */
  private renewIn({ expires, opened }: Connection): number {
    const jittered = (ms: number) => ms * (1 - this.random() / 2);
    const left = expires - Date.now();
    const token = left - jittered(Math.min(RENEW_AHEAD_MS, left * RENEW_SHARE));
    const life = opened + CONNECTION_LIFE_MS - Date.now() - jittered(END_OF_LIFE_MS);
    return Math.max(RENEW_AT_LEAST_MS, Math.min(token, life));
  }

  private async open(signal: AbortSignal, fresh: boolean): Promise<Connection> {
    const { token, expires } = await this.config.credential(fresh);
    const header = base64url(JSON.stringify({ host: this.config.host, Authorization: token }));
    if (signal.aborted) throw new OfflineError();
    const socket = (this.config.socket ?? browserSocket)(this.config.realtimeUrl, ['aws-appsync-event-ws', `header-${header}`]);
    return Connection.open({ socket, expires, onData: (from, id, text) => this.hear(from, id, text) }, signal);
  }

  /** Lets a new connection take the place of the old one. Rejects when that was not possible now. */
  private async renew(old: Connection, signal: AbortSignal): Promise<Connection> {
    const next = await this.open(signal, true);
    this.next = next;
    this.seam = new Seam();
    let emptied = false;
    try {
      await this.askMissing(next, old);
      await pause(OVERLAP_MS, signal);
      await this.askMissing(next, old);
      emptied = true;
      const stood = new Set(old.stands);
      const whole = await old.drain();
      await this.askMissing(next, null);
      if (next.over || signal.aborted || this.next !== next) throw new OfflineError();
      this.takeOver(old, next, whole ? stood : new Set());
      return next;
    } catch (error) {
      next.close();
      if (this.next === next) this.next = this.seam = null;
      if (emptied) old.close();
      throw error;
    }
  }

  /** `whole`: the subscriptions of which the old connection is known to have brought everything. */
  private takeOver(old: Connection, next: Connection, whole: ReadonlySet<string>): void {
    const held = this.seam?.close() ?? [];
    this.past = this.seam;
    this.current = next;
    this.next = this.seam = null;
    old.retire();
    for (const id of next.stands) if (!whole.has(id)) this.subscriptions.get(id)?.onReady?.();
    for (const { id, text } of held) this.deliver(id, text);
  }

  private hear(from: Connection, id: string, text: string): void {
    if (from === this.next) {
      if (!this.seam?.fromNext(id, text)) from.close();
      return;
    }
    if (from !== this.current || this.past?.isCopy(id, text)) return;
    if (this.seam && !this.seam.fromOld(id, text)) this.next?.close();
    this.deliver(id, text);
  }

  private deliver(id: string, text: string): void {
    const value = parse(text);
    if (value !== undefined) this.subscriptions.get(id)?.onEvent(value);
  }

  /** Subscribes on a connection to everything that it was not asked for yet. */
  private async askMissing(connection: Connection, before: Connection | null): Promise<void> {
    for (;;) {
      const missing = [...this.subscriptions.keys()].filter((id) => !connection.asked.has(id));
      if (missing.length === 0) return;
      await Promise.all(missing.map((id) => this.ask(connection, id, before)));
    }
  }

  /**
   * Subscribes. A decision against it ends the subscription; a refusal that may pass rejects
   * where the connection before has the subscription. Rejects, too, when no answer comes.
   */
  private async ask(connection: Connection, id: string, before: Connection | null): Promise<void> {
    if (connection.asked.has(id)) return;
    connection.asked.add(id);
    try {
      const authorization = await this.authorization();
      const subscription = this.subscriptions.get(id);
      if (!subscription) return;
      await connection.request({ type: 'subscribe', id, channel: subscription.channel, authorization });
    } catch (error) {
      if (!(error instanceof RefusedError)) {
        connection.close(); // without an answer nobody knows what is heard
        throw error;
      }
      if (error.passing && before?.stands.has(id)) throw error;
      const subscription = this.subscriptions.get(id);
      if (!error.passing) this.end(id);
      subscription?.onRefused?.(error);
      return;
    }
    const subscription = this.subscriptions.get(id);
    if (!subscription) {
      connection.send({ type: 'unsubscribe', id });
      return;
    }
    connection.stands.add(id);
    if (connection === this.current) subscription.onReady?.();
  }

  /** Ends a subscription on every connection. */
  private end(id: string): void {
    this.subscriptions.delete(id);
    for (const connection of [this.current, this.next]) {
      if (connection?.stands.delete(id)) connection.send({ type: 'unsubscribe', id });
    }
  }

  private async authorization(): Promise<{ host: string; Authorization: string }> {
    return { host: this.config.host, Authorization: (await this.config.credential(false)).token };
  }

  private isFinal(error: unknown): boolean {
    if (error instanceof SignedOutError) return true;
    if (error instanceof RefusedError && error.denied) this.denials += 1;
    return this.denials >= MAX_DENIALS;
  }

  private refused(): void {
    this.run?.abort();
    this.run = null;
    this.drop('refused');
  }

  private drop(link: Link): void {
    this.current?.close();
    this.next?.close();
    this.current = this.next = this.seam = this.past = null;
    this.setLink(link);
  }

  private setLink(link: Link): void {
    if (this.link === link) return;
    this.link = link;
    this.config.onLink?.(link);
  }
}

/** Waits; false when the connection ended meanwhile. */
async function stillOpen(connection: Connection, ms: number): Promise<boolean> {
  const ended = new AbortController();
  void connection.ended.then(() => ended.abort());
  await pause(ms, ended.signal);
  return !connection.over;
}

/** The browser's WebSocket, seen through the few members that are used. */
function browserSocket(url: string, protocols: string[]): SocketLike {
  return new WebSocket(url, protocols) as unknown as SocketLike;
}

/** base64url without padding (RFC 4648 section 5) of the UTF-8 bytes of a text. */
export function base64url(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
