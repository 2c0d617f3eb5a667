import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Entry } from '../../src/events/entry';
import { Sequencer, type LogPage } from '../../src/events/sequencer';

const actor = { id: 'a', name: 'ann', role: 'player' as const };
const entry = (seq: number): Entry => ({ seq, timestamp: seq, actor, action: 'USER_CHAT_MESSAGE', message: `${seq}` });

/** A session log that grows, read in pages of at most three. */
class Log {
  size = 0;
  reads: number[] = [];
  failures = 0;
  readonly read = async (after: number): Promise<LogPage> => {
    this.reads.push(after);
    if (this.failures-- > 0) throw new Error('down');
    const events = Array.from({ length: Math.max(0, Math.min(3, this.size - after)) }, (_, i) => entry(after + 1 + i));
    return { events, more: after + events.length < this.size };
  };
}

describe('the sequencer', () => {
  let log: Log;
  let got: number[];
  let sequencer: Sequencer;

  beforeEach(() => {
    vi.useFakeTimers();
    log = new Log();
    got = [];
    sequencer = new Sequencer({
      read: log.read,
      deliver: (entries) => got.push(...entries.map((each) => each.seq ?? 0)),
      random: () => 0,
    });
  });
  afterEach(() => {
    sequencer.stop();
    vi.useRealTimers();
  });

  it('reads the whole log, page by page', async () => {
    log.size = 8;
    await sequencer.fill();
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('delivers in order what overtook, without asking the log', async () => {
    for (const seq of [1, 3, 4, 2, 5]) sequencer.offer(entry(seq));
    await vi.advanceTimersByTimeAsync(1000);
    expect(got).toEqual([1, 2, 3, 4, 5]);
    expect(log.reads).toEqual([]);
  });

  it('reads what is known to be in the log and does not come', async () => {
    sequencer.offer(entry(1));
    log.size = 2;
    sequencer.expect(1);
    sequencer.expect(2);
    await vi.advanceTimersByTimeAsync(900);
    expect(log.reads).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(got).toEqual([1, 2]);
    log.size = 3;
    sequencer.expect(3);
    sequencer.offer(entry(3));
    await vi.advanceTimersByTimeAsync(2000);
    expect(log.reads).toEqual([1]);
  });

  it('fills a gap from the log and doubles nothing', async () => {
    sequencer.offer(entry(1));
    log.size = 5;
    sequencer.offer(entry(4));
    sequencer.offer(entry(4));
    sequencer.offer(entry(1));
    expect(got).toEqual([1]);
    await vi.advanceTimersByTimeAsync(100);
    sequencer.offer(entry(5));
    sequencer.offer(entry(3));
    expect(got).toEqual([1, 2, 3, 4, 5]);
    expect(log.reads[0]).toBe(1);
  });

  it('keeps asking while the log cannot be read', async () => {
    log.size = 2;
    log.failures = 4;
    void sequencer.fill();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(got).toEqual([1, 2]);
  });

  it('reads once more when asked to while it reads', async () => {
    log.size = 1;
    const first = sequencer.fill();
    log.size = 2;
    const second = sequencer.fill();
    await Promise.all([first, second]);
    expect(got).toEqual([1, 2]);
  });

  it('goes on behind an entry that the log does not give', async () => {
    const holes = new Sequencer({
      read: async (after) => ({ events: [entry(1), entry(3)].filter((each) => (each.seq ?? 0) > after), more: false }),
      deliver: (entries) => got.push(...entries.map((each) => each.seq ?? 0)),
    });
    await holes.fill();
    holes.offer(entry(4));
    expect(got).toEqual([1, 3, 4]);
    holes.stop();
  });

  it('survives any loss, doubling and disorder of the channel', async () => {
    let seed = 7;
    const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    const late: Entry[] = [];
    for (log.size = 1; log.size <= 200; log.size++) {
      const chance = random();
      if (chance < 0.2) continue;
      if (chance < 0.4) late.push(entry(log.size));
      else {
        sequencer.offer(entry(log.size));
        if (chance > 0.8) sequencer.offer(entry(log.size));
        if (late.length > 0 && random() < 0.5) sequencer.offer(late.shift() ?? entry(1));
      }
      await vi.advanceTimersByTimeAsync(random() * 30);
    }
    log.size = 200;
    await sequencer.fill();
    expect(got).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});
