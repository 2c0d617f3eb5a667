/**
 * One session, live: owns the events connection, the folded log, the broadcast and the
 * player's stream, and offers what a person can do. The components only draw it.
 */
import { ApiError, type Api, type Session } from '../api';
import type { Config } from '../config';
import { pause } from '../events/backoff';
import { EventsClient, OfflineError, RefusedError, type Credential, type Link } from '../events/client';
import { readEntry, type Entry, type Person, type Reaction } from '../events/entry';
import { Sequencer } from '../events/sequencer';
import { EMPTY, fold, placeOf, type State } from '../fold';
import { Broadcast } from '../media/broadcast';
import { Pilot } from '../seat/pilot';
import { Store } from '../store';
import { Outbox } from './outbox';
import { Presence, PRESENCE_MS } from './presence';
import { isSeatChange, personal, sentence } from './sentences';
import { Toasts } from './toasts';

export type RoomPhase = 'loading' | 'ready' | 'missing' | 'unreachable';

/** The log is compared now and then: the channel may lose the newest event unnoticed. */
const COMPARE_MS = 30_000;

export interface RoomConfig {
  readonly id: string;
  readonly me: Person;
  readonly api: Api;
  readonly config: Config;
  readonly credential: (fresh: boolean) => Promise<Credential>;
}

export class Room {
  readonly phase = new Store<RoomPhase>('loading');
  readonly session = new Store<Session | null>(null);
  readonly state = new Store<State>(EMPTY);
  readonly link = new Store<Link>('closed');
  /** True once the log was read to its end: only then the state is the present. */
  readonly synced = new Store(false);
  /** The newest seat change as a sentence, for the live region. */
  readonly announcement = new Store('');
  readonly step = new Store('');
  readonly toasts = new Toasts();
  readonly presence = new Presence();
  readonly outbox: Outbox;
  readonly broadcast: Broadcast;
  readonly pilot: Pilot;
  readonly me: Person;
  readonly id: string;

  /** Called by the pilot before the game's stream closes; the picture sets it. */
  onLeaving: () => void = () => undefined;
  /** Called for every reaction; the picture sets it. */
  onReaction: (reaction: Reaction, by: Person) => void = () => undefined;

  private readonly events: EventsClient;
  private readonly sequencer: Sequencer;
  private readonly api: Api;
  private readonly stopped = new AbortController();
  private clockOffset = Infinity;

  constructor({ id, me, api, config, credential }: RoomConfig) {
    this.id = id;
    this.me = me;
    this.api = api;
    this.events = new EventsClient({
      realtimeUrl: config.events.realtimeUrl,
      host: config.events.host,
      credential,
      onLink: (link) => this.link.set(link),
    });
    this.sequencer = new Sequencer({
      read: (after, signal) => api.log(id, after, signal),
      deliver: (entries) => this.deliver(entries),
    });
    this.outbox = new Outbox(
      (message) => this.events.publish(this.channel, { action: 'USER_CHAT_MESSAGE', message }),
      () => void this.sequencer.fill(),
    );
    this.broadcast = new Broadcast((signal) => api.stageToken(id, signal));
    this.pilot = new Pilot({
      lockName: `hotseat.seat.${id}.${me.id}`,
      putOffer: (requestId, request, signal) => api.putOffer(id, requestId, request, signal),
      answer: (requestId, signal) => api.answer(id, requestId, signal),
      onLeaving: () => this.onLeaving(),
    });
  }

  get channel(): string {
    return `/playtest/${this.id}`;
  }

  get liveChannel(): string {
    return `/live/${this.id}`;
  }

  start(): void {
    const { signal } = this.stopped;
    this.events.subscribe({
      channel: this.channel,
      onEvent: (event) => this.hear(event),
      onReady: () => void this.subscribed(),
      onRefused: (refusal) => this.toasts.show(refusal.message, 'bad'),
    });
    this.events.subscribe({ channel: this.liveChannel, onEvent: (event) => this.hear(event) });
    this.events.start();
    this.broadcast.start();
    void this.load();
    void this.sync();
    this.pilot.view.watch(() => this.followPilot());
    const presence = setInterval(() => this.beat(), PRESENCE_MS);
    const compare = setInterval(() => this.link.get() === 'open' && void this.sequencer.fill(), COMPARE_MS);
    signal.addEventListener('abort', () => {
      clearInterval(presence);
      clearInterval(compare);
    });
    document.addEventListener('visibilitychange', () => this.beat(), { signal });
    window.addEventListener('online', () => this.hurry(), { signal });
  }

  stop(): void {
    this.stopped.abort();
    this.sequencer.stop();
    this.outbox.close();
    this.pilot.close();
    this.broadcast.stop();
    this.events.stop();
  }

  /** The gate's clock in Unix milliseconds, as well as it is known. */
  readonly now = (): number => Date.now() - (Number.isFinite(this.clockOffset) ? this.clockOffset : 0);

  react(reaction: Reaction): void {
    this.events.publish(this.liveChannel, { action: 'STREAM_REACT', reaction }).catch((error: unknown) => {
      if (error instanceof RefusedError) this.toasts.show(error.message, 'bad');
    });
  }

  request(): Promise<boolean> {
    return this.ask({ action: 'TAKEOVER_REQUEST' });
  }

  cancel(): Promise<boolean> {
    return this.ask({ action: 'TAKEOVER_CANCELLED' });
  }

  approve(requestId: string): Promise<boolean> {
    return this.ask({ action: 'TAKEOVER_APPROVED', requestId });
  }

  deny(requestId: string, reason = ''): Promise<boolean> {
    return this.ask({ action: 'TAKEOVER_DENIED', requestId, ...(reason ? { reason } : {}) });
  }

  release(reason?: string): Promise<boolean> {
    // The seat that this page shows: when it has changed hands meanwhile, the next holder keeps it.
    const { epoch } = this.state.get().seat;
    return this.ask({ action: 'SEAT_RELEASED', epoch, ...(reason ? { reason } : {}) });
  }

  async end(): Promise<void> {
    try {
      await this.api.end(this.id);
    } catch (error) {
      this.toasts.show(error instanceof Error ? error.message : 'Ending did not work.', 'bad');
    }
  }

  /** For the debug overlay. */
  get lastSeq(): number {
    return this.sequencer.lastSeq;
  }

  /** Publishes a wish. A refusal becomes a toast; returns whether it was accepted. */
  private async ask(event: object): Promise<boolean> {
    try {
      await this.events.publish(this.channel, event);
      const before = this.sequencer.lastSeq;
      // The log brings what came of it; if the channel lost it, the log is asked.
      void pause(2000, this.stopped.signal).then(() => {
        if (this.sequencer.lastSeq === before && !this.stopped.signal.aborted) void this.sequencer.fill();
      });
      return true;
    } catch (error) {
      const known = error instanceof RefusedError || error instanceof OfflineError;
      this.toasts.show(known ? error.message : 'That did not work. Try again.', 'bad');
      return false;
    }
  }

  private async load(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        const session = await this.api.session(this.id);
        if (signal.aborted) return;
        this.session.set(session);
        this.phase.set('ready');
        if (session.endedAt) this.broadcast.stop();
        return;
      } catch (error) {
        const status = error instanceof ApiError ? error.status : 0;
        if (status === 404 || status === 403 || status === 400) {
          this.phase.set('missing');
          this.stop();
          return;
        }
        this.phase.set('unreachable');
        await pause(2000, signal);
      }
    }
  }

  private async sync(): Promise<void> {
    await this.sequencer.fill();
    if (this.stopped.signal.aborted) return;
    this.synced.set(true);
    this.follow();
  }

  private async subscribed(): Promise<void> {
    this.beat();
    void this.sequencer.fill();
    // Arrival is announced once a tab, not at every reload.
    const key = `hotseat.arrived.${this.id}`;
    if (sessionStorage.getItem(key) || this.state.get().ended) return;
    sessionStorage.setItem(key, '1');
    await this.events.publish(this.channel, { action: 'STREAM_SUBSCRIBE' }).catch(() => sessionStorage.removeItem(key));
  }

  private hear(event: unknown): void {
    const entry = readEntry(event);
    if (!entry) return;
    this.clockOffset = Math.min(this.clockOffset, Date.now() - entry.timestamp);
    if (entry.seq !== undefined) return this.sequencer.offer(entry);
    if (entry.logSeq !== undefined) this.sequencer.expect(entry.logSeq);
    switch (entry.action) {
      case 'STREAM_REACT':
        if (entry.reaction) this.onReaction(entry.reaction, entry.actor);
        return;
      case 'PRESENCE':
        return this.presence.hear(entry);
      case 'HANDOVER_STEP':
        return this.step.set(entry.step ?? '');
      case 'SIDECAR_HEALTH':
        // The sidecar is on the air while we still wait for it: do not wait any longer.
        if (entry.state === 'live' && this.broadcast.view.get().phase === 'waiting') this.broadcast.retryNow();
        return;
    }
  }

  private deliver(entries: readonly Entry[]): void {
    const before = this.state.get();
    this.state.set(entries.reduce(fold, before));
    const fresh = this.synced.get();
    for (const entry of entries) {
      if (entry.action === 'USER_CHAT_MESSAGE' && entry.actor.id === this.me.id) this.outbox.confirm(entry);
      if (!fresh) continue;
      if (isSeatChange(entry)) this.announcement.set(sentence(entry, this.me.id));
      if (entry.action === 'TAKEOVER_APPROVED') this.step.set('approved');
      const note = personal(entry, this.me.id);
      if (note) this.toasts.show(note.text, note.tone);
    }
    if (fresh) this.follow();
  }

  private follow(): void {
    const state = this.state.get();
    this.pilot.update(placeOf(state, this.me.id));
    if (state.ended) this.broadcast.stop();
  }

  /** The broadcast is shown whenever the player's own stream is not. */
  private followPilot(): void {
    if (this.stopped.signal.aborted) return;
    if (this.pilot.view.get().phase === 'playing') this.broadcast.stop();
    else if (!this.state.get().ended) this.broadcast.start();
  }

  private beat(): void {
    this.presence.sweep();
    if (this.link.get() !== 'open' || this.state.get().ended) return;
    const watching = document.visibilityState === 'visible';
    this.events
      .publish(this.liveChannel, { action: 'PRESENCE', watching, client: 'page' })
      .catch(() => undefined);
  }

  private hurry(): void {
    this.events.retryNow();
    this.broadcast.retryNow();
  }
}
