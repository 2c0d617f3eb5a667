/** The HTTP API of the backend (docs/protocol.md). Every call may reject with ApiError. */
import { readConfig, type Config } from './config';
import { isObject, readEntry, readPerson, type Entry, type Person } from './events/entry';
import type { LogPage } from './events/sequencer';

/** What went wrong, in words for a person. `status` 0: the backend was not reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export interface Session {
  readonly id: string;
  readonly application: string;
  readonly title: string;
  readonly createdAt: string;
  readonly status: string;
  readonly statusReason: string;
  readonly endsAt: string | null;
  readonly endedAt: string | null;
  readonly width: number;
  readonly height: number;
  readonly framerate: number;
  readonly channel: string;
  readonly liveChannel: string;
  readonly published: boolean;
  readonly holder: Person | null;
  readonly waiting: number;
}

export interface Application {
  readonly id: string;
  readonly description: string;
  readonly status: string;
}

export interface StageToken {
  readonly token: string;
  readonly whepUrl: string;
}

export type Answer =
  | { readonly kind: 'answer'; readonly signalResponse: string }
  | { readonly kind: 'not-yet' };

export interface StartRequest {
  readonly application: string;
  readonly framerate?: number;
  readonly sessionLengthSeconds?: number;
}

/** Calls answer at once, except the answer's long poll (25 s on the server). */
const CALL_MS = 12_000;
const LONG_POLL_MS = 35_000;

export async function fetchConfig(signal?: AbortSignal): Promise<Config> {
  return readConfig(await (await call('/api/config', { signal })).json());
}

export class Api {
  /** `token` gives a valid ID token, refreshed when needed. */
  constructor(private readonly token: (fresh?: boolean) => Promise<string>) {}

  async me(): Promise<Person> {
    const person = readPerson(await this.json('/api/me'));
    if (!person) throw new ApiError(502, 'bad_answer', 'The backend did not say who you are.');
    return person;
  }

  async applications(): Promise<Application[]> {
    return list(await this.json('/api/applications'), 'applications').map((item) => ({
      id: text(item['id']),
      description: text(item['description']) || text(item['id']),
      status: text(item['status']),
    }));
  }

  async sessions(): Promise<Session[]> {
    return list(await this.json('/api/sessions'), 'sessions').map(readSession);
  }

  async session(id: string): Promise<Session> {
    return readSession(await this.json(`/api/sessions/${encodeURIComponent(id)}`));
  }

  async start(request: StartRequest): Promise<Session> {
    // Starting waits for capacity on AWS: longer than other calls.
    return readSession(await this.json('/api/sessions', { method: 'POST', body: request, timeoutMs: 60_000 }));
  }

  async end(id: string): Promise<void> {
    await this.call(`/api/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async log(id: string, after: number, signal?: AbortSignal): Promise<LogPage> {
    const path = `/api/sessions/${encodeURIComponent(id)}/log?after=${after}&limit=500`;
    const value = await this.json(path, { signal });
    const events = list(value, 'events').map(readEntry).filter((entry): entry is Entry => entry !== null);
    return { events, more: isObject(value) && value['more'] === true };
  }

  async stageToken(id: string, signal?: AbortSignal): Promise<StageToken> {
    const path = `/api/sessions/${encodeURIComponent(id)}/stage-token`;
    const value = await this.json(path, { method: 'POST', body: {}, signal });
    if (!isObject(value)) throw new ApiError(502, 'bad_answer', 'The backend gave no stage token.');
    return { token: text(value['token']), whepUrl: text(value['whepUrl']) };
  }

  async putOffer(id: string, requestId: string, signalRequest: string, signal?: AbortSignal): Promise<void> {
    const path = `/api/sessions/${encodeURIComponent(id)}/offer`;
    await this.call(path, { method: 'PUT', body: { signalRequest, requestId }, signal });
  }

  /** Long poll. Rejects with status 410 when the request ended another way. */
  async answer(id: string, requestId: string, signal?: AbortSignal): Promise<Answer> {
    const path = `/api/sessions/${encodeURIComponent(id)}/answer?requestId=${encodeURIComponent(requestId)}`;
    const response = await this.call(path, { signal, timeoutMs: LONG_POLL_MS });
    if (response.status === 204) return { kind: 'not-yet' };
    const value: unknown = await response.json();
    return { kind: 'answer', signalResponse: isObject(value) ? text(value['signalResponse']) : '' };
  }

  private async json(path: string, options: CallOptions = {}): Promise<unknown> {
    return (await this.call(path, options)).json();
  }

  /** One retry with a refreshed token: it may have expired on the way, or been revoked. */
  private async call(path: string, options: CallOptions): Promise<Response> {
    try {
      return await call(path, { ...options, token: await this.token() });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      return call(path, { ...options, token: await this.token(true) });
    }
  }
}

interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly token?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

async function call(path: string, options: CallOptions): Promise<Response> {
  const { method = 'GET', body, token, signal, timeoutMs = CALL_MS } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: 'no-store',
    });
  } catch {
    throw new ApiError(0, 'unreachable', 'The backend does not answer. Check the connection and try again.');
  }
  if (response.ok) return response;
  throw await readError(response);
}

async function readError(response: Response): Promise<ApiError> {
  let code = 'error';
  let message = `The backend answered with an error (${response.status}).`;
  try {
    const value: unknown = await response.json();
    if (isObject(value) && isObject(value['error'])) {
      code = text(value['error']['code']) || code;
      message = text(value['error']['message']).slice(0, 500) || message;
    }
  } catch {
    // Not JSON: a proxy's own page. The status says enough.
  }
  return new ApiError(response.status, code, message);
}

function readSession(value: unknown): Session {
  const session = isObject(value) ? value : {};
  const seat = isObject(session['seat']) ? session['seat'] : {};
  const broadcast = isObject(session['broadcast']) ? session['broadcast'] : {};
  const id = text(session['id']);
  return {
    id,
    application: text(session['application']),
    title: text(session['title']) || text(session['application']) || id,
    createdAt: text(session['createdAt']),
    status: text(session['status']),
    statusReason: text(session['statusReason']),
    endsAt: text(session['endsAt']) || null,
    endedAt: text(session['endedAt']) || null,
    width: number(session['width'], 1280),
    height: number(session['height'], 720),
    framerate: number(session['framerate'], 30),
    channel: text(session['channel']) || `/playtest/${id}`,
    liveChannel: text(session['liveChannel']) || `/live/${id}`,
    published: broadcast['published'] === true,
    holder: readPerson(seat['holder']) ?? null,
    waiting: number(session['waiting'], 0),
  };
}

function list(value: unknown, key: string): Record<string, unknown>[] {
  const items = isObject(value) ? value[key] : undefined;
  return Array.isArray(items) ? items.filter(isObject) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
