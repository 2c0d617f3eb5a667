/**
 * What travels on the channels of a session, read from outside bytes.
 *
 * Every event is one flat JSON object (docs/protocol.md). `readEntry` copies the fields
 * that the page knows, each only if it has the right type, so nothing unchecked gets past
 * this file. Unknown actions are kept: they hold a place in the log.
 */

export type Role = 'qa-lead' | 'player' | 'viewer' | 'sidecar' | 'backend';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

export const REACTIONS = ['like', 'fire', 'star', 'laugh', 'clap', 'wow'] as const;
export type Reaction = (typeof REACTIONS)[number];

export interface Entry {
  /** Place in the log, from 1; absent on events that are not logged. */
  readonly seq?: number;
  /** Unix milliseconds, stamped by the gate. */
  readonly timestamp: number;
  readonly actor: Person;
  readonly action: string;
  readonly message?: string;
  readonly reason?: string;
  readonly requestId?: string;
  readonly requester?: Person;
  /** Whom a QA lead's action is about. */
  readonly person?: Person;
  /** Of slow mode; absent when it is off. */
  readonly seconds?: number;
  readonly holder?: Person | null;
  readonly previous?: Person | null;
  readonly from?: Person | null;
  /** Unix milliseconds. */
  readonly deadline?: number;
  /** Unix milliseconds. */
  readonly endsAt?: number;
  /** Unix milliseconds. */
  readonly at?: number;
  readonly epoch?: number;
  /** Of live events: the log's last event when this was sent. */
  readonly logSeq?: number;
  readonly tookMs?: number;
  readonly elapsedMs?: number;
  readonly title?: string;
  readonly application?: string;
  readonly width?: number;
  readonly height?: number;
  readonly framerate?: number;
  readonly fps?: number;
  readonly status?: string;
  readonly statusReason?: string;
  readonly state?: string;
  readonly step?: string;
  readonly client?: string;
  readonly watching?: boolean;
  readonly reaction?: Reaction;
}

/** Longest text kept of any field: a chat line is at most 500 characters, reasons 200. */
const MAX_TEXT = 2000;

const ROLES: readonly string[] = ['qa-lead', 'player', 'viewer', 'sidecar', 'backend'];

type Loose = Record<string, unknown>;

export function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads a person, or undefined when it is not one. */
export function readPerson(value: unknown): Person | undefined {
  if (!isObject(value) || typeof value['id'] !== 'string' || value['id'] === '') return undefined;
  const name = typeof value['name'] === 'string' && value['name'] !== '' ? value['name'] : 'someone';
  const role = typeof value['role'] === 'string' && ROLES.includes(value['role']) ? value['role'] : 'viewer';
  return { id: value['id'].slice(0, 128), name: name.slice(0, 40), role: role as Role };
}

const TEXTS = [
  'message', 'reason', 'requestId', 'title', 'application', 'status', 'statusReason', 'state', 'step', 'client',
] as const;
const NUMBERS = [
  'deadline', 'endsAt', 'at', 'seconds', 'epoch', 'logSeq', 'tookMs', 'elapsedMs', 'width', 'height', 'framerate', 'fps',
] as const;
const PEOPLE = ['requester', 'holder', 'previous', 'from', 'person'] as const;

/** Reads one event; null when it lacks what every event has. */
export function readEntry(value: unknown): Entry | null {
  if (!isObject(value)) return null;
  const actor = readPerson(value['actor']);
  const { action, timestamp, seq } = value;
  if (!actor || typeof action !== 'string' || typeof timestamp !== 'number' || !Number.isFinite(timestamp)) return null;
  const entry: Loose = { actor, action: action.slice(0, 64), timestamp };
  if (typeof seq === 'number' && Number.isSafeInteger(seq) && seq > 0) entry['seq'] = seq;
  for (const key of TEXTS) {
    const text = value[key];
    if (typeof text === 'string') entry[key] = text.slice(0, MAX_TEXT);
  }
  for (const key of NUMBERS) {
    const number = value[key];
    if (typeof number === 'number' && Number.isFinite(number)) entry[key] = number;
  }
  for (const key of PEOPLE) {
    const person = value[key] === null ? null : readPerson(value[key]);
    if (person !== undefined) entry[key] = person;
  }
  if (typeof value['watching'] === 'boolean') entry['watching'] = value['watching'];
  if (REACTIONS.includes(value['reaction'] as Reaction)) entry['reaction'] = value['reaction'];
  return entry as unknown as Entry;
}
