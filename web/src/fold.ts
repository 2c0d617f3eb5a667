/**
 * The state of a session as the page shows it: a fold over its log.
 *
 * Pure: no clock, no network. What time alone decides (seconds left of a deadline) is
 * computed by whoever draws. The rules live in the backend; here every event has already
 * been accepted, so the fold only follows.
 */
import type { Entry, Person } from './events/entry';

export interface SeatRequest {
  readonly requestId: string;
  readonly requester: Person;
  /** Unix milliseconds. */
  readonly since: number;
  /** Unix milliseconds, or null when it does not expire. */
  readonly deadline: number | null;
}

export interface HandOver {
  readonly requestId: string;
  readonly requester: Person;
  readonly from: Person | null;
  /** Unix milliseconds of the approval. */
  readonly since: number;
}

export interface Seat {
  readonly epoch: number;
  readonly holder: Person | null;
  /** Unix milliseconds. */
  readonly since: number;
}

export interface State {
  readonly seq: number;
  readonly title: string;
  readonly application: string;
  /** Size of the game's picture in pixels. */
  readonly width: number;
  readonly height: number;
  /** Unix milliseconds. */
  readonly startedAt: number | null;
  readonly endsAt: number | null;
  /** GameLift Streams' own word. */
  readonly status: string;
  readonly ended: { readonly at: number; readonly reason: string } | null;
  readonly seat: Seat;
  readonly queue: readonly SeatRequest[];
  readonly handOver: HandOver | null;
  /** The newest events worth a line in the chat, oldest first. */
  readonly lines: readonly Entry[];
  /** Everybody whose arrival was already shown. */
  readonly arrived: ReadonlySet<string>;
}

/** Lines kept: more than anybody scrolls back, small enough to draw at once. */
export const MAX_LINES = 400;

export const EMPTY: State = {
  seq: 0,
  title: '',
  application: '',
  width: 1280,
  height: 720,
  startedAt: null,
  endsAt: null,
  status: '',
  ended: null,
  seat: { epoch: 0, holder: null, since: 0 },
  queue: [],
  handOver: null,
  lines: [],
  arrived: new Set(),
};

/** Actions that get a line of their own. Arrivals and states are decided case by case. */
const LINES: ReadonlySet<string> = new Set([
  'USER_CHAT_MESSAGE', 'TAKEOVER_REQUEST', 'TAKEOVER_CANCELLED', 'TAKEOVER_APPROVED', 'TAKEOVER_DENIED',
  'SEAT_TAKEN', 'SEAT_RELEASED', 'HANDOVER_FAILED', 'SESSION_STARTED', 'SESSION_MARK', 'SESSION_ENDED',
  'PARTICIPANT_MUTED', 'PARTICIPANT_UNMUTED', 'PARTICIPANT_REMOVED', 'PARTICIPANT_BANNED', 'PARTICIPANT_UNBANNED',
  'REQUESTS_LOCKED', 'REQUESTS_UNLOCKED', 'SLOW_MODE',
]);

export function fold(state: State, entry: Entry): State {
  const next = step(state, entry);
  const seq = Math.max(state.seq, entry.seq ?? 0);
  if (!isLine(state, entry)) return { ...next, seq };
  const lines = next.lines.length >= MAX_LINES ? next.lines.slice(next.lines.length - MAX_LINES + 1) : next.lines;
  return { ...next, seq, lines: [...lines, entry] };
}

function isLine(state: State, entry: Entry): boolean {
  if (entry.action === 'STREAM_SUBSCRIBE') return !state.arrived.has(entry.actor.id);
  if (entry.action === 'SESSION_STATE') return entry.status === 'ERROR' && state.status !== 'ERROR';
  return LINES.has(entry.action);
}

function step(state: State, entry: Entry): State {
  switch (entry.action) {
    case 'SESSION_STARTED':
      return {
        ...state,
        title: entry.title ?? state.title,
        application: entry.application ?? state.application,
        width: positive(entry.width) ?? state.width,
        height: positive(entry.height) ?? state.height,
        endsAt: positive(entry.endsAt) ?? state.endsAt,
        startedAt: entry.timestamp,
      };

    case 'STREAM_SUBSCRIBE':
      return state.arrived.has(entry.actor.id)
        ? state
        : { ...state, arrived: new Set(state.arrived).add(entry.actor.id) };

    case 'SESSION_STATE':
      return { ...state, status: entry.status ?? state.status };

    case 'TAKEOVER_REQUEST': {
      const { requestId, requester } = entry;
      if (!requestId || !requester || state.queue.some((request) => request.requestId === requestId)) return state;
      const request = { requestId, requester, since: entry.timestamp, deadline: positive(entry.deadline) ?? null };
      return { ...state, queue: [...state.queue, request] };
    }

    case 'TAKEOVER_CANCELLED':
    case 'TAKEOVER_DENIED':
      return { ...settle(state, entry.requestId), queue: without(state.queue, entry.requestId) };

    case 'TAKEOVER_APPROVED': {
      const { requestId, requester } = entry;
      if (!requestId || !requester) return state;
      const from = entry.from === undefined ? state.seat.holder : entry.from;
      const handOver = { requestId, requester, from, since: entry.timestamp };
      return { ...state, queue: without(state.queue, requestId), handOver };
    }

    case 'SEAT_TAKEN':
      return {
        ...settle(state, entry.requestId),
        queue: without(state.queue, entry.requestId),
        seat: { epoch: entry.epoch ?? state.seat.epoch + 1, holder: entry.holder ?? null, since: entry.timestamp },
      };

    case 'SEAT_RELEASED':
      return {
        ...state,
        seat: { epoch: entry.epoch ?? state.seat.epoch + 1, holder: null, since: entry.timestamp },
      };

    case 'HANDOVER_FAILED': {
      const holder = entry.holder ?? null;
      const same = holder?.id === state.seat.holder?.id;
      return {
        ...settle(state, entry.requestId),
        queue: without(state.queue, entry.requestId),
        seat: {
          epoch: entry.epoch ?? state.seat.epoch,
          holder,
          since: same ? state.seat.since : entry.timestamp,
        },
      };
    }

    case 'SESSION_ENDED':
      return {
        ...state,
        ended: { at: entry.timestamp, reason: entry.reason ?? '' },
        queue: [],
        handOver: null,
        seat: { ...state.seat, holder: null },
      };

    default:
      return state;
  }
}

function without(queue: readonly SeatRequest[], requestId: string | undefined): readonly SeatRequest[] {
  return requestId ? queue.filter((request) => request.requestId !== requestId) : queue;
}

/** Ends the hand-over that the event is about (an event without an id means the one that runs). */
function settle(state: State, requestId: string | undefined): State {
  if (!state.handOver || (requestId && state.handOver.requestId !== requestId)) return state;
  return { ...state, handOver: null };
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** What a person has to do with the seat at the moment. */
export type Place =
  | { readonly kind: 'watching' }
  | { readonly kind: 'waiting'; readonly request: SeatRequest; readonly position: number }
  | { readonly kind: 'arriving'; readonly handOver: HandOver }
  | { readonly kind: 'leaving'; readonly handOver: HandOver }
  | { readonly kind: 'holding'; readonly epoch: number };

export function placeOf(state: State, personId: string): Place {
  const { handOver, seat } = state;
  if (state.ended) return { kind: 'watching' };
  if (handOver?.requester.id === personId) return { kind: 'arriving', handOver };
  if (handOver && handOver.from?.id === personId) return { kind: 'leaving', handOver };
  if (seat.holder?.id === personId) return { kind: 'holding', epoch: seat.epoch };
  const position = state.queue.findIndex((request) => request.requester.id === personId);
  const request = state.queue[position];
  return request ? { kind: 'waiting', request, position: position + 1 } : { kind: 'watching' };
}
