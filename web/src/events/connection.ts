/**
 * One WebSocket of the events client: the handshake, operations and their answers, the watch
 * over its silence, and its end. What its events mean for others is the client's affair.
 */
import { isObject } from './entry';

export interface SocketLike {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

export type Frame = Record<string, unknown>;

/** What the gate, or AppSync itself, refused, with a sentence for a person. */
export class RefusedError extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedError';
  }

  /** The same may be accepted later: it was no decision about who asks for what. */
  get passing(): boolean {
    return PASSING.includes(this.type);
  }

  /** The token was refused. */
  get denied(): boolean {
    return this.type === 'UnauthorizedException' || this.type === 'Unauthorized';
  }
}

const PASSING = [
  'UnauthorizedException', 'LimitExceededError', 'MessageProcessingError', 'DuplicatedOperationError',
  'ServiceUnavailableException', 'InternalServerException', 'InternalFailureException', 'InternalErrorException',
  'ThrottlingException', 'TooManyRequestsException', 'TooFast', 'Refused',
];

/** The answer did not come: the connection is down, or was lost on the way. */
export class OfflineError extends Error {
  constructor(message = 'Not connected right now. Try again in a moment.') {
    super(message);
    this.name = 'OfflineError';
  }
}

/** Answers (acknowledgements, publish_success) come within milliseconds; 10 s means: lost. */
const ANSWER_MS = 10_000;
/** One event is at most 240 KB (AppSync quota); a data frame holds one. */
const MAX_FRAME = 300_000;
/**
 * One and a half keep-alive intervals of the service. The five minutes that it allows itself
 * would leave a person in front of a dead page.
 */
const SILENCE_MS = 90_000;

interface Waiting {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export interface ConnectionConfig {
  readonly socket: SocketLike;
  /** Unix milliseconds: the end of the token that it was opened with. */
  readonly expires: number;
  readonly onData: (from: Connection, id: string, text: string) => void;
}

export class Connection {
  /** Subscription ids that were asked for here, also those that were refused. */
  readonly asked = new Set<string>();
  /** Subscription ids that stand here. */
  readonly stands = new Set<string>();
  readonly expires: number;
  readonly opened = Date.now();
  /** Resolves when the connection is over. */
  readonly ended: Promise<void>;
  over = false;

  private readonly socket: SocketLike;
  private readonly onData: ConnectionConfig['onData'];
  private readonly waiting = new Map<string, Waiting>();
  private silence: ReturnType<typeof setTimeout> | undefined;
  private silenceMs = SILENCE_MS;
  private retired = false;
  private finish!: () => void;

  private constructor({ socket, expires, onData }: ConnectionConfig) {
    this.socket = socket;
    this.expires = expires;
    this.onData = onData;
    this.ended = new Promise((resolve) => (this.finish = resolve));
  }

  /** Resolves when the service has acknowledged. Rejects with RefusedError or OfflineError. */
  static open(config: ConnectionConfig, signal: AbortSignal): Promise<Connection> {
    const connection = new Connection(config);
    const { socket } = config;
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        done();
        connection.close();
        reject(error);
      };
      const timer = setTimeout(() => fail(new OfflineError()), ANSWER_MS);
      const aborted = () => fail(new OfflineError());
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
      };
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted);
      socket.onopen = () => socket.send(JSON.stringify({ type: 'connection_init' }));
      socket.onerror = socket.onclose = () => fail(new OfflineError());
      socket.onmessage = ({ data }) => {
        const frame = read(data);
        if (frame?.['type'] === 'connection_error' || frame?.['type'] === 'error') return fail(refusal(frame));
        if (frame?.['type'] !== 'connection_ack') return;
        done();
        const timeout = frame['connectionTimeoutMs'];
        if (typeof timeout === 'number' && timeout >= 1000) connection.silenceMs = Math.min(timeout, SILENCE_MS);
        connection.listen();
        resolve(connection);
      };
    });
  }

  /** Sends a frame; false when the connection is over. */
  send(frame: object): boolean {
    if (this.over || this.socket.readyState !== 1 /* OPEN */) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Sends an operation and resolves with its answer. Rejects with RefusedError or OfflineError. */
  request(frame: Frame & { readonly id: string }): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.settle(frame.id, new OfflineError('No answer came. It may or may not have arrived.'));
      }, ANSWER_MS);
      this.waiting.set(frame.id, { resolve, reject, timer });
      if (!this.send(frame)) this.settle(frame.id, new OfflineError());
    });
  }

  /**
   * Ends every subscription and waits for the answers: what was sent before them has been
   * delivered then. False when that cannot be known.
   */
  async drain(): Promise<boolean> {
    const answers = [...this.stands].map((id) => this.request({ type: 'unsubscribe', id }));
    this.stands.clear();
    const results = await Promise.allSettled(answers);
    return results.every((result) => result.status === 'fulfilled' || result.reason instanceof RefusedError);
  }

  /** Ends the connection when every answer is there; requests wait ANSWER_MS at most. */
  retire(): void {
    this.retired = true;
    if (this.waiting.size === 0) this.close();
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.silence);
    const { socket } = this;
    socket.onmessage = socket.onclose = socket.onopen = null;
    // An error event without a listener is fatal in Node's client, so a deaf one stays.
    socket.onerror = () => undefined;
    socket.close();
    for (const id of [...this.waiting.keys()]) this.settle(id, new OfflineError());
    // Whether or not the other side answers the close: a dead network does not.
    this.finish();
  }

  private listen(): void {
    this.heard();
    this.socket.onerror = this.socket.onclose = () => this.close();
    this.socket.onmessage = ({ data }) => {
      const frame = read(data);
      if (!frame) return;
      this.heard();
      const id = typeof frame['id'] === 'string' ? frame['id'] : '';
      if (frame['type'] === 'data') {
        // One example of the guide shows a list of one; every service seen sends a string.
        const event: unknown = Array.isArray(frame['event']) ? frame['event'][0] : frame['event'];
        if (typeof event === 'string') this.onData(this, id, event);
        return;
      }
      const failed = Array.isArray(frame['failed']) ? frame['failed'] : [];
      if (failed.length > 0) this.settle(id, refusal({ errors: failed }));
      else if (String(frame['type']).endsWith('error')) this.settle(id, refusal(frame));
      else this.settle(id, frame);
    };
  }

  /** Called for every frame: the service says `ka` each minute, silence means a dead connection. */
  private heard(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.close(), this.silenceMs);
  }

  private settle(id: string, outcome: Frame | Error): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (outcome instanceof Error) waiting.reject(outcome);
    else waiting.resolve(outcome);
    if (this.retired && this.waiting.size === 0) this.close();
  }
}

function read(data: unknown): Frame | undefined {
  if (typeof data !== 'string' || data.length > MAX_FRAME) return undefined;
  const frame = parse(data);
  return isObject(frame) ? frame : undefined;
}

function refusal(frame: Frame): RefusedError {
  const errors = Array.isArray(frame['errors']) ? frame['errors'] : [];
  const first: unknown = errors[0];
  const type = isObject(first) && typeof first['errorType'] === 'string' ? first['errorType'] : 'Refused';
  const message =
    isObject(first) && typeof first['message'] === 'string' && first['message'] !== ''
      ? first['message'].slice(0, 500)
      : 'This was refused.';
  return new RefusedError(type, message);
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
