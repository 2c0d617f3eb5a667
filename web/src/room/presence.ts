/** Who is here now: everybody says so every few seconds on the live channel. */
import type { Entry } from '../events/entry';
import { Store } from '../store';

/** How often a page says that it is here (docs/protocol.md). */
export const PRESENCE_MS = 5000;
/** Two missed words and a bit of delay: gone. */
const GONE_MS = 12_000;
/** Bounded, whatever a channel may bring. */
const MAX_PEOPLE = 5000;

export class Presence {
  /** People with the picture before them. */
  readonly watching = new Store(0);
  private readonly seen = new Map<string, { at: number; watching: boolean }>();

  hear(entry: Entry): void {
    if (this.seen.size >= MAX_PEOPLE && !this.seen.has(entry.actor.id)) return;
    this.seen.set(entry.actor.id, { at: Date.now(), watching: entry.watching === true });
    this.count();
  }

  /** Forgets who fell silent. Call it now and then. */
  sweep(): void {
    const oldest = Date.now() - GONE_MS;
    for (const [id, { at }] of this.seen) if (at < oldest) this.seen.delete(id);
    this.count();
  }

  private count(): void {
    let count = 0;
    for (const { watching } of this.seen.values()) if (watching) count += 1;
    this.watching.set(count);
  }
}
