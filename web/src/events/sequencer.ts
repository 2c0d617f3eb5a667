/**
 * Turns what a lossy channel delivers into the log.
 *
 * AppSync Events delivers at most once and not always in order. Every logged event carries
 * `seq` without gaps, so the order can be restored here and what is missing can be read
 * from `GET /api/sessions/{id}/log?after=`. Delivered: every event once, in order. Held
 * back: events after a gap, until the gap is filled. Dropped: doubles.
 */
import { Backoff, pause } from './backoff';
import type { Entry } from './entry';

export interface LogPage {
  readonly events: readonly Entry[];
  /** True when there is more after the last event of this page. */
  readonly more: boolean;
}

export interface SequencerConfig {
  /** Reads the log after a sequence number. Rejects when it cannot be read now. */
  readonly read: (after: number, signal: AbortSignal) => Promise<LogPage>;
  /** Called with one run of consecutive events. `live`: they came by the channel. */
  readonly deliver: (events: readonly Entry[], live: boolean) => void;
  readonly random?: () => number;
  /**
   * How long a gap may stand before the log is asked: events that merely overtook each
   * other arrive within a few milliseconds.
   */
  readonly patienceMs?: number;
}

/** Events held back at most; beyond that the log is the only source until it caught up. */
const MAX_HELD = 2000;
/** From hearing that an event is in the log to doubting that it will come: it is on its way for milliseconds. */
const EXPECT_MS = 1000;

export class Sequencer {
  private last = 0;
  private readonly held = new Map<number, Entry>();
  private filling: Promise<void> | null = null;
  private again = false;
  private gapTimer: ReturnType<typeof setTimeout> | undefined;
  private expected: ReturnType<typeof setTimeout> | undefined;
  private readonly stopped = new AbortController();

  constructor(private readonly config: SequencerConfig) {}

  /** Sequence number of the newest delivered event, 0 before the first. */
  get lastSeq(): number {
    return this.last;
  }

  /** Takes one event from the channel. */
  offer(entry: Entry): void {
    const seq = entry.seq;
    if (this.stopped.signal.aborted || seq === undefined || seq <= this.last) return;
    if (this.held.size < MAX_HELD) this.held.set(seq, entry);
    this.drain(true);
    if (this.held.size > 0 && !this.filling && this.gapTimer === undefined) {
      this.gapTimer = setTimeout(() => {
        this.gapTimer = undefined;
        if (this.held.size > 0) void this.fill();
      }, this.config.patienceMs ?? 60);
    }
  }

  /**
   * Reads everything after the newest delivered event. Call it after every (re)subscription,
   * and when something expected did not come. Resolves when the log was read to its end.
   */
  fill(): Promise<void> {
    if (this.filling) {
      this.again = true;
      return this.filling;
    }
    this.filling = this.run().finally(() => {
      this.filling = null;
    });
    return this.filling;
  }

  /**
   * The log is known to reach `seq`. If that event is still not here after a while it will not
   * come by the channel: a backend that dies between append and broadcast leaves such an event.
   */
  expect(seq: number): void {
    if (seq <= this.last || this.expected !== undefined || this.stopped.signal.aborted) return;
    this.expected = setTimeout(() => {
      this.expected = undefined;
      if (this.last < seq) void this.fill();
    }, EXPECT_MS);
  }

  stop(): void {
    this.stopped.abort();
    clearTimeout(this.expected);
    clearTimeout(this.gapTimer);
    this.held.clear();
  }

  private async run(): Promise<void> {
    const signal = this.stopped.signal;
    const backoff = new Backoff(300, 10_000, this.config.random);
    do {
      this.again = false;
      let more = true;
      while (more && !signal.aborted) {
        try {
          const page = await this.config.read(this.last, signal);
          if (signal.aborted) return;
          backoff.reset();
          const before = this.last;
          const run: Entry[] = [];
          // The log is the truth: an entry that it lacks, or that cannot be read, does not come.
          for (const entry of page.events) {
            if (entry.seq === undefined || entry.seq <= this.last) continue;
            this.last = entry.seq;
            this.held.delete(entry.seq);
            run.push(entry);
          }
          if (run.length > 0) this.config.deliver(run, false);
          this.drain(true);
          // A page that brings nothing new would be asked for without end.
          more = page.more && this.last > before;
        } catch {
          await pause(backoff.next(), signal);
        }
      }
    } while (this.again && !signal.aborted);
    // A hole that the log does not know (yet) is asked for again a little later.
    if (this.held.size > 0 && !signal.aborted && this.gapTimer === undefined) {
      this.gapTimer = setTimeout(() => {
        this.gapTimer = undefined;
        void this.fill();
      }, 1000);
    }
  }

  private drain(live: boolean): void {
    const run: Entry[] = [];
    for (let next = this.held.get(this.last + 1); next; next = this.held.get(this.last + 1)) {
      this.last += 1;
      this.held.delete(this.last);
      run.push(next);
    }
    for (const seq of this.held.keys()) if (seq <= this.last) this.held.delete(seq);
    if (run.length > 0) this.config.deliver(run, live);
    if (this.held.size === 0) {
      clearTimeout(this.gapTimer);
      this.gapTimer = undefined;
    }
  }
}
