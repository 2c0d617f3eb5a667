/**
 * One tab of a person plays, the others watch: without this, two tabs of the holder would
 * take the stream from each other without end. Uses the Web Locks API; a browser without
 * it (or a page on an insecure address) plays in every tab.
 */

export interface TabEvents {
  /** This tab may play until the signal is aborted. */
  readonly onHeld: () => void;
  /** Another tab plays. This one is next in line when that one closes. */
  readonly onElsewhere: () => void;
  /** Another tab took over. */
  readonly onLost: () => void;
}

export function holdTab(name: string, steal: boolean, events: TabEvents, signal: AbortSignal): void {
  if (!('locks' in navigator)) {
    queueMicrotask(() => {
      if (!signal.aborted) events.onHeld();
    });
    return;
  }
  const keep = async (lock: Lock | null): Promise<boolean> => {
    if (!lock) return false;
    if (signal.aborted) return true;
    events.onHeld();
    await new Promise((release) => signal.addEventListener('abort', release, { once: true }));
    return true;
  };
  const run = async () => {
    const options: LockOptions = steal ? { steal: true } : { ifAvailable: true };
    if (await navigator.locks.request(name, options, keep)) return;
    if (signal.aborted) return;
    events.onElsewhere();
    await navigator.locks.request(name, { signal }, keep);
  };
  run().catch(() => {
    if (!signal.aborted) events.onLost();
  });
}
