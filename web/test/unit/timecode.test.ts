import { describe, expect, it } from 'vitest';
import { CELLS, decodeCells, encodeCells } from '../../src/timecode';

const rows = (ms: number, dark = 16, bright = 235) => {
  const bits = encodeCells(ms);
  return [bits.map((bit) => (bit ? bright : dark)), bits.map((bit) => (bit ? dark : bright))] as const;
};

describe('the time code', () => {
  it.each([0, 1, 1_790_000_000_123, 2 ** 28 - 1, 2 ** 28, 1_763_815_000_000])('comes back as it was drawn: %d', (ms) => {
    const [top, bottom] = rows(ms);
    expect(top).toHaveLength(CELLS);
    expect(decodeCells(top, bottom, ms + 40)).toBe(ms);
  });

  it('is right when the 28 bits wrap between drawing and reading', () => {
    const wrap = 2 ** 28 * 6600;
    for (const ms of [wrap - 5, wrap + 5]) {
      const [top, bottom] = rows(ms);
      expect(decodeCells(top, bottom, wrap + 3)).toBe(ms);
    }
  });

  it('survives blur, but not a torn or covered picture', () => {
    const ms = 1_790_000_000_123;
    const [top, bottom] = rows(ms, 60, 190);
    expect(decodeCells(top, bottom, ms)).toBe(ms);
    expect(decodeCells(...rows(ms, 100, 150), ms)).toBeNull();
    expect(decodeCells(top, rows(ms + 1)[1], ms)).toBeNull();
    expect(decodeCells([...top.slice(1), 0], bottom, ms)).toBeNull();
    expect(decodeCells([], [], ms)).toBeNull();
  });
});
