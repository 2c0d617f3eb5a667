/**
 * Joins the events of two sockets while one takes the place of the other, by the same rules as
 * backend/events. While the seam is open the old socket's events are delivered as they come, and
 * the new one's are held back unless the old one brought them. Closing it gives what is still
 * held. Afterwards second copies that come late on the new socket are known.
 *
 * The wire gives events no identity: two copies are known by the subscription and the text,
 * which the service does not change. So of two equal events that are published while a seam is
 * open (the gate's stamps make that two of one person in one millisecond) one may be dropped.
 */

/** More than a minute of a hundred events a second; beyond, the renewal is given up. */
const MAX_EVENTS = 8192;
/** After an event that only the new socket brought, copies that are later than this are none. */
const COPY_MS = 5_000;
/** Twice as long as a socket may be silent: no copy comes after that. */
const FORGET_MS = 180_000;

export interface Held {
  readonly id: string;
  readonly text: string;
}

export class Seam {
  private readonly delivered = new Map<string, number>();
  private held: (Held & { readonly key: string; gone: boolean })[] = [];
  private readonly fresh = new Map<string, number>();
  private forget = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** An event of the old socket, which is delivered. False when there are too many. */
  fromOld(id: string, text: string): boolean {
    const key = `${id} ${text}`;
    const twin = this.held.find((held) => held.key === key && !held.gone);
    if (twin) {
      twin.gone = true;
      return true;
    }
    this.delivered.set(key, (this.delivered.get(key) ?? 0) + 1);
    return this.delivered.size <= MAX_EVENTS;
  }

  /** An event of the new socket; it is not delivered now. False when there are too many. */
  fromNext(id: string, text: string): boolean {
    const key = `${id} ${text}`;
    if (!this.takeCopy(key)) this.held.push({ id, text, key, gone: false });
    return this.held.length <= MAX_EVENTS;
  }

  /** The new socket takes over: returns what the old one never brought, in order. */
  close(): Held[] {
    const rest = this.held.filter((held) => !held.gone);
    this.held = [];
    this.forget = this.now() + FORGET_MS;
    return rest;
  }

  /** After closing: was this event of the new socket delivered by the old one? */
  isCopy(id: string, text: string): boolean {
    if (this.delivered.size === 0) return false;
    const now = this.now();
    const fresh = this.fresh.get(id);
    if (now > this.forget || (fresh !== undefined && now - fresh > COPY_MS)) return false;
    if (this.takeCopy(`${id} ${text}`)) return true;
    if (fresh === undefined) this.fresh.set(id, now);
    return false;
  }

  private takeCopy(key: string): boolean {
    const count = this.delivered.get(key);
    if (count === undefined) return false;
    if (count > 1) this.delivered.set(key, count - 1);
    else this.delivered.delete(key);
    return true;
  }
}
