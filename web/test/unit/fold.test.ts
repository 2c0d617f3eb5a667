import { describe, expect, it } from 'vitest';
import { readEntry, type Entry } from '../../src/events/entry';
import { EMPTY, fold, MAX_LINES, placeOf, type State } from '../../src/fold';

const ann = { id: 'a', name: 'ann', role: 'player' as const };
const bob = { id: 'b', name: 'bob', role: 'viewer' as const };
const cat = { id: 'c', name: 'cat', role: 'viewer' as const };

function log(...events: Partial<Entry>[]): State {
  return events.map((event, i): Entry => ({ seq: i + 1, timestamp: 1000 + i, actor: ann, action: '', ...event })).reduce(fold, EMPTY);
}
const asks = (requester: typeof bob, requestId: string): Partial<Entry> => ({
  action: 'TAKEOVER_REQUEST', actor: requester, requester, requestId, deadline: 61_000,
});
const annSits: Partial<Entry> = { action: 'SEAT_TAKEN', holder: ann, epoch: 1, requestId: 'r0' };

describe('the fold', () => {
  it('keeps requests in the order in which they came', () => {
    const state = log(annSits, asks(bob, 'r1'), asks(cat, 'r2'));
    expect(state.queue.map((request) => request.requestId)).toEqual(['r1', 'r2']);
    expect(placeOf(state, 'c')).toMatchObject({ kind: 'waiting', position: 2 });
    expect(placeOf(state, 'a')).toEqual({ kind: 'holding', epoch: 1 });
  });

  it('takes a request off the queue however it ends', () => {
    for (const action of ['TAKEOVER_CANCELLED', 'TAKEOVER_DENIED', 'TAKEOVER_APPROVED', 'HANDOVER_FAILED']) {
      const state = log(annSits, asks(bob, 'r1'), asks(cat, 'r2'), { action, requestId: 'r1', requester: bob, holder: ann });
      expect(state.queue.map((request) => request.requestId), action).toEqual(['r2']);
    }
  });

  it('shows a hand-over from approval to the new holder', () => {
    const approved = log(annSits, asks(bob, 'r1'), { action: 'TAKEOVER_APPROVED', requestId: 'r1', requester: bob, from: ann });
    expect(placeOf(approved, 'b').kind).toBe('arriving');
    expect(placeOf(approved, 'a').kind).toBe('leaving');
    const taken = fold(approved, { seq: 4, timestamp: 2000, actor: ann, action: 'SEAT_TAKEN', holder: bob, epoch: 2, requestId: 'r1' });
    expect(taken.handOver).toBeNull();
    expect(taken.seat).toEqual({ epoch: 2, holder: bob, since: 2000 });
    expect(placeOf(taken, 'a').kind).toBe('watching');
  });

  it('gives the seat back when a hand-over fails, without a new time of sitting down', () => {
    const state = log(annSits, asks(bob, 'r1'), { action: 'TAKEOVER_APPROVED', requestId: 'r1', requester: bob, from: ann },
      { action: 'HANDOVER_FAILED', requestId: 'r1', requester: bob, holder: ann, epoch: 1, reason: 'no answer' });
    expect(placeOf(state, 'a')).toEqual({ kind: 'holding', epoch: 1 });
    expect(placeOf(state, 'b').kind).toBe('watching');
    expect(state.seat.since).toBe(1000);
  });

  it('empties the seat on release and at the end', () => {
    expect(log(annSits, { action: 'SEAT_RELEASED', previous: ann, epoch: 2 }).seat).toMatchObject({ holder: null, epoch: 2 });
    const ended = log(annSits, asks(bob, 'r1'), { action: 'SESSION_ENDED', reason: 'time' });
    expect(ended).toMatchObject({ queue: [], ended: { reason: 'time' }, seat: { holder: null } });
    expect(placeOf(ended, 'a').kind).toBe('watching');
  });

  it('shows an arrival once', () => {
    const state = log({ action: 'STREAM_SUBSCRIBE', actor: bob }, { action: 'STREAM_SUBSCRIBE', actor: bob });
    expect(state.lines).toHaveLength(1);
  });

  it('keeps its place for actions that it does not know', () => {
    const state = log({ action: 'SOMETHING_NEW' }, { action: 'USER_CHAT_MESSAGE', message: 'hi' });
    expect(state.seq).toBe(2);
    expect(state.lines).toHaveLength(1);
  });

  it('bounds what it keeps', () => {
    const many = Array.from({ length: MAX_LINES + 50 }, (_, i) => ({ action: 'USER_CHAT_MESSAGE', message: `${i}` }));
    const state = log(...many);
    expect(state.lines).toHaveLength(MAX_LINES);
    expect(state.lines.at(-1)?.message).toBe(`${MAX_LINES + 49}`);
  });
});

describe('reading an event', () => {
  it('drops what has the wrong type and keeps the rest', () => {
    const entry = readEntry({
      seq: '4', timestamp: 5, action: 'USER_CHAT_MESSAGE', actor: { id: 'x', name: 7, role: 'king' }, message: ['no'], deadline: NaN, holder: null,
    });
    expect(entry).toEqual({ timestamp: 5, action: 'USER_CHAT_MESSAGE', actor: { id: 'x', name: 'someone', role: 'viewer' }, holder: null });
  });

  it.each([null, 7, 'text', [], {}, { action: 'X', timestamp: 1 }, { actor: ann, timestamp: 1 }, { actor: ann, action: 'X' }])(
    'refuses %j', (value) => expect(readEntry(value)).toBeNull());
});
