/**
 * Chat lines of this person that are on their way. A line is shown at once as pending, is
 * taken off when the log brings it, and keeps its refusal beside it otherwise.
 */
import { OfflineError, RefusedError } from '../events/client';
import type { Entry } from '../events/entry';
import { Store } from '../store';

export interface OutgoingLine {
  readonly id: number;
  readonly message: string;
  /** `sent`: accepted, the log has not brought it yet. */
  readonly phase: 'sending' | 'sent' | 'refused';
  /** Why it was refused, for a person. */
  readonly reason: string;
  /** Whether sending the same line again can help. */
  readonly canRetry: boolean;
}

/** Characters in a chat line (docs/protocol.md). */
export const MAX_MESSAGE = 500;
/** An accepted line comes back within milliseconds; later, the log is asked. */
const EXPECTED_MS = 2000;
/** Refused lines kept, so that a flood of refusals stays bounded. */
const MAX_LINES = 20;

export class Outbox {
  readonly lines = new Store<readonly OutgoingLine[]>([]);
  private nextId = 1;
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(
    private readonly publish: (message: string) => Promise<void>,
    /** Asks the log: something that was accepted did not arrive. */
    private readonly onMissing: () => void,
  ) {}

  send(text: string): void {
    const message = text.trim().slice(0, MAX_MESSAGE);
    if (message === '') return;
    const id = this.nextId++;
    const line: OutgoingLine = { id, message, phase: 'sending', reason: '', canRetry: false };
    this.lines.update((lines) => [...lines, line].slice(-MAX_LINES));
    this.publish(message).then(
      () => {
        this.change(id, { phase: 'sent' });
        const timer = setTimeout(() => {
          this.timers.delete(timer);
          if (this.lines.get().some((other) => other.id === id)) this.onMissing();
        }, EXPECTED_MS);
        this.timers.add(timer);
      },
      (error: unknown) => {
        const canRetry = !(error instanceof RefusedError) || error.type === 'TooFast';
        const known = error instanceof RefusedError || error instanceof OfflineError;
        this.change(id, { phase: 'refused', reason: known ? error.message : 'This was not sent.', canRetry });
      },
    );
  }

  retry(id: number): void {
    const line = this.lines.get().find((other) => other.id === id);
    if (!line) return;
    this.dismiss(id);
    this.send(line.message);
  }

  dismiss(id: number): void {
    this.lines.update((lines) => lines.filter((line) => line.id !== id));
  }

  /** The log brought a line of this person: the oldest of the same text is no longer on its way. */
  confirm(entry: Entry): void {
    const lines = this.lines.get().filter((line) => line.phase !== 'refused');
    const same = lines.find((line) => line.message === entry.message?.trim());
    // The gate may have cleaned the text up; then it is the oldest line that was accepted.
    const line = same ?? lines.find((other) => other.phase === 'sent');
    if (line) this.dismiss(line.id);
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private change(id: number, change: Partial<OutgoingLine>): void {
    this.lines.update((lines) => lines.map((line) => (line.id === id ? { ...line, ...change } : line)));
  }
}
