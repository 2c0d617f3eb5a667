/**
 * One attempt to get the game's stream: an offer is kept at the backend, the answer is
 * waited for, the connection is made.
 *
 * While a request is pending the offer is made anew each minute (addresses change when a
 * laptop wakes up or changes its network), and when the backend lost it. The answer does not
 * say which offer it is for, and an approval may cross a renewal; so the two newest offers
 * stay alive, both get the answer, and only the one it was made for can connect.
 */
import { ApiError } from '../api';
import { Backoff, pause } from '../events/backoff';
import { GameStream } from '../media/gamestream';

export interface Signalling {
  readonly putOffer: (requestId: string, signalRequest: string, signal: AbortSignal) => Promise<void>;
  readonly answer: (
    requestId: string,
    signal: AbortSignal,
  ) => Promise<{ readonly kind: 'answer'; readonly signalResponse: string } | { readonly kind: 'not-yet' }>;
}

export interface AttemptEvents {
  readonly onConnected: (stream: GameStream) => void;
  /** It did not work, or the stream ended later. `told`: the instance itself said so. */
  readonly onOver: (reason: string, told: boolean) => void;
}

/** Renewal of a pending offer. */
const RENEW_MS = 60_000;
/** From holding the seat to the answer: the service may start a connection for 10 s. */
const ANSWER_MS = 12_000;
/** From the answer to open input: 100 ms on one machine, 1-2 s on a bad line. */
const CONNECT_MS = 8000;

export class Attempt {
  private readonly stop = new AbortController();
  private candidates: GameStream[] = [];
  private winner: GameStream | null = null;
  private settled = false;
  private answered = false;
  private overdue: ReturnType<typeof setTimeout> | undefined;

  /** An empty `requestId` is the holder's reconnection. */
  constructor(
    readonly requestId: string,
    private readonly signalling: Signalling,
    private readonly events: AttemptEvents,
  ) {}

  start(): void {
    this.run().catch((error: unknown) => {
      this.over(error instanceof Error ? error.message : 'The game could not be reached.', false);
    });
  }

  /** The request was approved: the offer that is kept now is the one that counts. */
  approve(): void {
    this.settled = true;
  }

  /** The seat is ours by the log, so the answer must be there soon. Later calls change nothing. */
  expectAnswer(): void {
    this.overdue ??= setTimeout(() => {
      if (!this.answered) this.over('The game did not answer in time.', false);
    }, ANSWER_MS);
  }

  close(): void {
    this.stop.abort();
    clearTimeout(this.overdue);
    for (const stream of this.candidates) stream.close();
    this.winner?.close();
    this.candidates = [];
  }

  private async run(): Promise<void> {
    const { signal } = this.stop;
    await this.offer();
    void this.renew();
    const backoff = new Backoff(200, 3000);
    while (!signal.aborted) {
      try {
        const answer = await this.signalling.answer(this.requestId, signal);
        if (answer.kind === 'answer') return await this.connect(answer.signalResponse);
        backoff.reset();
        // A server that does not hold the poll must not be asked in a tight loop.
        await pause(50, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.code === 'no_exchange') {
          // The backend was started again and has lost the offer: it lives in memory only. If the
          // request is over instead, leaving another offer says so.
          await pause(backoff.next(), signal);
          await this.offer();
          continue;
        }
        if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
        await pause(backoff.next(), signal);
      }
    }
  }

  private async renew(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      await pause(RENEW_MS, signal);
      if (signal.aborted || this.settled) return;
      await this.offer().catch(() => undefined);
    }
  }

  /** Makes an offer and leaves it with the backend, until that worked. */
  private async offer(): Promise<void> {
    const { signal } = this.stop;
    const stream: GameStream = new GameStream({
      onConnected: () => this.connected(stream),
      onEnded: (reason, told) => {
        if (stream === this.winner) this.over(reason, told);
      },
    });
    this.candidates.push(stream);
    const request = await stream.offer();
    const backoff = new Backoff(200, 3000);
    for (;;) {
      signal.throwIfAborted();
      try {
        await this.signalling.putOffer(this.requestId, request, signal);
        break;
      } catch (error) {
        const passing = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
        if (!passing) throw error;
        await pause(backoff.next(), signal);
      }
    }
    while (this.candidates.length > 2) this.candidates.shift()?.close();
  }

  private async connect(signalResponse: string): Promise<void> {
    this.settled = true;
    this.answered = true;
    const taken = await Promise.allSettled(this.candidates.map((stream) => stream.accept(signalResponse)));
    if (taken.every((result) => result.status === 'rejected')) {
      throw new Error('The answer of the game did not fit this page.');
    }
    await pause(CONNECT_MS, this.stop.signal);
    if (!this.winner) throw new Error('The game could not be reached from here.');
  }

  private connected(stream: GameStream): void {
    if (this.winner || this.stop.signal.aborted) return;
    this.winner = stream;
    for (const other of this.candidates) if (other !== stream) other.close();
    this.candidates = [stream];
    this.events.onConnected(stream);
  }

  private over(reason: string, told: boolean): void {
    if (this.stop.signal.aborted) return;
    this.close();
    this.events.onOver(reason, told);
  }
}
