/**
 * Follows a person's place at the seat and keeps the game's stream accordingly: an offer
 * while waiting, the stream while holding, nothing otherwise. It decides nothing about the
 * seat itself: every step is derived from the log, so a reload, a missed event or a
 * hand-over that failed all end where the log says.
 */
import { Backoff } from '../events/backoff';
import type { Place } from '../fold';
import type { GameStream } from '../media/gamestream';
import { Store } from '../store';
import { Attempt, type Signalling } from './attempt';
import { holdTab } from './tablock';

export interface PilotView {
  /**
   * `ready`: an offer waits for an approval. `connecting`: approved, the picture comes.
   * `reconnecting`: the seat is ours, its stream is not (yet). `elsewhere`: another tab
   * plays. `stopped`: the instance ended the stream; a person decides what next.
   */
  readonly phase: 'idle' | 'ready' | 'connecting' | 'reconnecting' | 'playing' | 'elsewhere' | 'stopped';
  readonly stream: GameStream | null;
  readonly reason: string;
}

export interface PilotConfig extends Signalling {
  /** Names the seat among this person's tabs. */
  readonly lockName: string;
  /** Called just before the stream that is on screen closes, to keep its last frame. */
  readonly onLeaving: () => void;
}

/** From connected to the first decoded frame: at most two key frame intervals. */
const FIRST_FRAME_MS = 6000;

const IDLE: PilotView = { phase: 'idle', stream: null, reason: '' };

export class Pilot {
  readonly view = new Store<PilotView>(IDLE);
  private place: Place = { kind: 'watching' };
  private attempt: Attempt | null = null;
  private lock: AbortController | null = null;
  private held = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private frameTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff = new Backoff(300, 5000);

  constructor(private readonly config: PilotConfig) {}

  /** Takes the place that the log gives now. */
  update(place: Place): void {
    this.place = place;
    if (place.kind === 'watching' || place.kind === 'leaving') return this.letGo();
    this.claimTab(false);
    this.follow();
  }

  /** The picture calls this when the first frame of the game's stream can be shown. */
  firstFrame(stream: GameStream): void {
    const view = this.view.get();
    if (view.stream !== stream || view.phase === 'playing') return;
    clearTimeout(this.frameTimer);
    this.backoff.reset();
    this.view.set({ phase: 'playing', stream, reason: '' });
  }

  /** A person wants the stream here and now: from another tab, or after it was stopped. */
  playHere(): void {
    if (this.view.get().phase === 'elsewhere') {
      this.lock?.abort();
      this.lock = null;
      this.claimTab(true);
    }
    if (this.view.get().phase === 'stopped') {
      this.view.set(IDLE);
      this.follow();
    }
  }

  close(): void {
    this.letGo();
  }

  private claimTab(steal: boolean): void {
    if (this.lock) return;
    const lock = new AbortController();
    this.lock = lock;
    const elsewhere = () => {
      this.held = false;
      this.drop();
      this.view.set({ phase: 'elsewhere', stream: null, reason: '' });
    };
    holdTab(
      this.config.lockName,
      steal,
      {
        onHeld: () => {
          if (lock !== this.lock) return;
          this.held = true;
          if (this.view.get().phase === 'elsewhere') this.view.set(IDLE);
          this.follow();
        },
        onElsewhere: () => lock === this.lock && elsewhere(),
        onLost: () => {
          if (lock !== this.lock) return;
          this.lock = null;
          elsewhere();
          // Waits in line, so that closing the other tab brings the stream back here.
          this.claimTab(false);
        },
      },
      lock.signal,
    );
  }

  /** Starts what the place asks for and is not running yet. */
  private follow(): void {
    if (!this.held || this.view.get().phase === 'stopped') return;
    const { place } = this;
    if (this.retry !== undefined && place.kind !== 'arriving') return;
    switch (place.kind) {
      case 'waiting':
        if (this.attempt?.requestId !== place.request.requestId) this.begin(place.request.requestId, 'ready');
        return;
      case 'arriving':
        if (this.attempt?.requestId !== place.handOver.requestId) this.begin(place.handOver.requestId, 'connecting');
        this.attempt?.approve();
        if (this.view.get().phase === 'ready') this.view.update((view) => ({ ...view, phase: 'connecting' }));
        return;
      case 'holding':
        // The attempt that began as a request simply goes on.
        if (!this.attempt) this.begin('', 'reconnecting');
        this.attempt?.expectAnswer();
        if (this.view.get().phase === 'ready') this.view.update((view) => ({ ...view, phase: 'connecting' }));
        return;
      default:
        return;
    }
  }

  private begin(requestId: string, phase: PilotView['phase']): void {
    this.drop();
    this.view.set({ phase, stream: null, reason: '' });
    const attempt: Attempt = new Attempt(requestId, this.config, {
      onConnected: (stream) => {
        if (attempt !== this.attempt) return;
        this.view.update((view) => ({ ...view, stream }));
        this.frameTimer = setTimeout(() => this.failed('No picture came from the game.', false), FIRST_FRAME_MS);
      },
      onOver: (reason, told) => {
        if (attempt === this.attempt) this.failed(reason, told);
      },
    });
    this.attempt = attempt;
    attempt.start();
  }

  private failed(reason: string, told: boolean): void {
    const wasReconnection = this.attempt?.requestId === '';
    this.config.onLeaving();
    this.drop();
    if (told) {
      this.view.set({ phase: 'stopped', stream: null, reason });
      return;
    }
    const holding = this.place.kind === 'holding';
    this.view.set({ phase: holding ? 'reconnecting' : 'idle', stream: null, reason });
    // While a request is still undecided, or as the holder, it is tried again; what becomes
    // of a hand-over that runs, the log will say.
    if (this.place.kind === 'arriving') return;
    const wait = wasReconnection || this.place.kind === 'waiting' ? this.backoff.next() : 0;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.follow();
    }, wait);
  }

  /** Ends the stream at once: the seat is somebody else's. */
  private letGo(): void {
    if (this.view.get().stream) this.config.onLeaving();
    this.drop();
    this.lock?.abort();
    this.lock = null;
    this.held = false;
    this.backoff.reset();
    this.view.set(IDLE);
  }

  private drop(): void {
    clearTimeout(this.retry);
    clearTimeout(this.frameTimer);
    this.retry = undefined;
    const attempt = this.attempt;
    this.attempt = null;
    attempt?.close();
  }
}
