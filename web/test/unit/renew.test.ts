import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventsClient, OfflineError, SignedOutError, type Link, type SocketLike } from '../../src/events/client';
import { Seam } from '../../src/events/seam';

const LIFE_MS = 300_000;

interface Wire extends SocketLike {
  alive: boolean;
  readonly latency: number;
  readonly channels: Map<string, string>;
  readyState: number;
}

/** A service behind a network with latency, in the test's time. Sockets keep their order. */
class Service {
  readonly wires: Wire[] = [];
  published: string[] = [];
  refuseToken = (_: string): boolean => false;
  refuseChannel: (channel: string) => string = () => '';
  mute = false;
  private seq = 0;
  private seed = 1;

  random = (): number => (this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;

  get open(): Wire[] {
    return this.wires.filter((wire) => wire.alive);
  }

  readonly connect = (_: string, protocols: string[]): SocketLike => {
    const auth: unknown = JSON.parse(atob((protocols[1] ?? '').slice(7).replaceAll('-', '+').replaceAll('_', '/')));
    const token = (auth as { Authorization: string }).Authorization;
    const wire: Wire = {
      alive: true, latency: 20 + this.random() * 400, channels: new Map(), readyState: 0,
      onopen: null, onmessage: null, onclose: null, onerror: null,
      send: (text) => void setTimeout(() => wire.alive && this.take(wire, text, token), wire.latency),
      close: () => {
        wire.alive = false;
        wire.readyState = 3;
      },
    };
    this.wires.push(wire);
    setTimeout(() => {
      wire.readyState = 1;
      wire.onopen?.(undefined as never);
    }, wire.latency);
    return wire;
  };

  tell(wire: Wire, frame: object): void {
    const data = JSON.stringify(frame);
    setTimeout(() => wire.alive && wire.onmessage?.({ data }), wire.latency);
  }

  /** The next number, to everybody on the channel. */
  say(channel = '/a'): number {
    this.seq += 1;
    for (const wire of this.open) {
      for (const [id, name] of wire.channels) {
        if (name === channel) this.tell(wire, { type: 'data', id, event: String(this.seq) });
      }
    }
    return this.seq;
  }

  /** The socket breaks, and the page is told. */
  cut(wire: Wire | undefined): void {
    if (!wire) return;
    wire.close();
    wire.onclose?.(undefined as never);
  }

  private take(wire: Wire, text: string, token: string): void {
    if (this.mute) return;
    const frame = JSON.parse(text) as { type: string; id: string; channel: string; events: string[] };
    const refuse = (type: string, errorType: string) =>
      this.tell(wire, { type, id: frame.id, errors: [{ errorType, message: 'No.' }] });
    switch (frame.type) {
      case 'connection_init':
        if (this.refuseToken(token)) return refuse('connection_error', 'UnauthorizedException');
        return this.tell(wire, { type: 'connection_ack', connectionTimeoutMs: 300_000 });
      case 'subscribe': {
        const refusal = this.refuseChannel(frame.channel);
        if (refusal) return refuse('subscribe_error', refusal);
        wire.channels.set(frame.id, frame.channel);
        return this.tell(wire, { type: 'subscribe_success', id: frame.id });
      }
      case 'unsubscribe':
        wire.channels.delete(frame.id);
        return this.tell(wire, { type: 'unsubscribe_success', id: frame.id });
      case 'publish':
        this.published.push(...frame.events);
        return this.tell(wire, { type: 'publish_success', id: frame.id, successful: [{}], failed: [] });
    }
  }

  keepAlive(): void {
    for (const wire of this.open) this.tell(wire, { type: 'ka' });
  }
}

let service: Service;
let clients: EventsClient[];

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
  clients = [];
  setInterval(() => service.keepAlive(), 60_000);
});
afterEach(() => {
  for (const client of clients) client.stop();
  vi.useRealTimers();
});

function join(credential?: (fresh: boolean) => Promise<{ token: string; expires: number }>) {
  let current = { token: '', expires: 0 };
  const links: Link[] = [];
  const heard: number[] = [];
  const refusals: string[] = [];
  let ready = 0;
  let asked = 0;
  const client = new EventsClient({
    realtimeUrl: 'ws://x/event/realtime', host: 'x', socket: service.connect, random: service.random,
    onLink: (link) => links.push(link),
    credential:
      credential ??
      (async (fresh) => {
        if (fresh || current.expires - Date.now() < 30_000) current = { token: `t${(asked += 1)}`, expires: Date.now() + LIFE_MS };
        return current;
      }),
  });
  clients.push(client);
  const subscribe = (channel: string) =>
    client.subscribe({
      channel,
      onEvent: (event) => heard.push(event as number),
      onReady: () => (ready += 1),
      onRefused: (refusal) => refusals.push(`${channel} ${refusal.type}`),
    });
  subscribe('/a');
  client.start();
  return { client, heard, links, refusals, subscribe, ready: () => ready };
}

/** Lets time pass, with an event every `stepMs` at most. */
async function talk(ms: number, stepMs = 200, each: () => void = () => undefined): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    service.say();
    each();
    await vi.advanceTimersByTimeAsync(service.random() * stepMs);
  }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe('before its token expires the client', () => {
  it('moves to a new socket, without loss, doubles or disorder', async () => {
    const bob = join();
    await vi.advanceTimersByTimeAsync(5_000);
    let most = 0;
    await talk(4 * LIFE_MS, 300, () => (most = Math.max(most, service.open.length)));
    const last = service.say();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(last).toBeGreaterThan(5_000);
    expect(bob.heard).toEqual(upTo(last));
    expect(bob.links).toEqual(['connecting', 'open']);
    expect(bob.ready()).toBe(1);
    expect(service.wires.length).toBeGreaterThanOrEqual(5);
    expect(service.open).toHaveLength(1);
    expect(most).toBe(2);
  });

  it('loses no publication and sends none twice', async () => {
    const bob = join();
    await vi.advanceTimersByTimeAsync(5_000);
    const results: Promise<void>[] = [];
    await talk(2 * LIFE_MS, 800, () => results.push(bob.client.publish('/a', { n: results.length })));
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(results);
    expect(service.published.map((text) => (JSON.parse(text) as { n: number }).n).sort((a, b) => a - b)).toEqual(
      Array.from({ length: results.length }, (_, i) => i),
    );
    expect(service.wires.length).toBeGreaterThan(2);
  });

  it('stays where it is while the new socket cannot be had', async () => {
    const bob = join();
    await vi.advanceTimersByTimeAsync(5_000);
    service.refuseToken = () => true;
    await talk(LIFE_MS - 90_000, 500);
    service.mute = true; // accepts, and says nothing
    await talk(100_000, 500);
    service.mute = false;
    service.refuseToken = () => false;
    await talk(60_000, 500);
    const last = service.say();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(bob.heard).toEqual(upTo(last));
    expect(bob.links).toEqual(['connecting', 'open']);
  });

  it('ends a subscription that is refused then, and keeps the others', async () => {
    const bob = join();
    bob.subscribe('/b');
    await vi.advanceTimersByTimeAsync(5_000);
    service.refuseChannel = (channel) => (channel === '/b' ? 'Banned' : '');
    await talk(3 * LIFE_MS, 1000, () => service.open.forEach((wire) => wire.channels.size > 2 && expect.fail()));
    expect(bob.refusals).toEqual(['/b Banned']);
    expect(bob.heard).toEqual(upTo(bob.heard.length));
    expect(bob.links).toEqual(['connecting', 'open']);
  });

  it('says that something may be missing when the old socket breaks on the way', async () => {
    for (let round = 0; round < 20; round++) {
      const bob = join();
      await vi.advanceTimersByTimeAsync(LIFE_MS - 95_000); // the seam is soon
      let broken = 0;
      await talk(70_000, 200, () => {
        if (service.open.length < 2 || broken > 0 || service.random() > 0.2) return;
        broken = bob.ready();
        service.cut(service.open[0]);
      });
      expect(bob.ready()).toBe(broken + 1);
      expect(bob.heard).toEqual([...new Set(bob.heard)].sort((a, b) => a - b));
      bob.client.stop();
    }
  });
});

describe('without a way in the client', () => {
  it('gives up when the service refuses the newest token again and again', async () => {
    const bob = join();
    await vi.advanceTimersByTimeAsync(5_000);
    service.refuseToken = () => true;
    await vi.advanceTimersByTimeAsync(LIFE_MS + 60_000);
    expect(bob.links).toEqual(['connecting', 'open', 'refused']);
    expect(service.wires).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(24 * 3600_000);
    expect(service.wires).toHaveLength(4);
    await expect(bob.client.publish('/a', {})).rejects.toBeInstanceOf(OfflineError);
  });

  it('gives up at once when it is signed out', async () => {
    let out = false;
    const bob = join(async () => {
      if (out) throw new SignedOutError();
      return { token: 't', expires: Date.now() + LIFE_MS };
    });
    await vi.advanceTimersByTimeAsync(5_000);
    out = true;
    await vi.advanceTimersByTimeAsync(LIFE_MS);
    expect(bob.links).toEqual(['connecting', 'open', 'refused']);
    expect(service.wires).toHaveLength(1);
    expect(service.open).toHaveLength(0);
  });

  it('does not hammer a service that hangs up at once', async () => {
    join();
    for (let second = 0; second < 600; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      for (const wire of service.open) if (wire.channels.size > 0) service.cut(wire);
    }
    expect(service.wires.length).toBeLessThan(80);
  });

  it('notices a socket that stands still, and one that never answers', async () => {
    const bob = join();
    await vi.advanceTimersByTimeAsync(5_000);
    service.open.forEach((wire) => (wire.alive = false)); // half open: nobody is told
    await vi.advanceTimersByTimeAsync(92_000);
    expect(bob.links).toEqual(['connecting', 'open', 'lost', 'open']);
    service.mute = true;
    service.cut(service.open[0]);
    await vi.advanceTimersByTimeAsync(300_000);
    service.mute = false;
    await vi.advanceTimersByTimeAsync(40_000);
    expect(bob.links.slice(4)).toEqual(['lost', 'open']);
  });
});

it('replaces a socket before its day is over', async () => {
  const bob = join(async () => ({ token: 't', expires: Date.now() + 1e10 }));
  await vi.advanceTimersByTimeAsync(3 * 24 * 3600_000);
  expect(service.wires).toHaveLength(4);
  expect(bob.links).toEqual(['connecting', 'open']);
});

describe('the seam', () => {
  it('joins two sockets, however far apart they are', () => {
    let seed = 5;
    const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    for (let round = 0; round < 500; round++) {
      const count = 5 + Math.floor(random() * 30);
      const events = upTo(count).map(String);
      const begin = Math.floor(random() * count); // the new socket hears everything after this
      const end = begin + Math.floor(random() * (count - begin + 1)); // the old one everything before this
      const old = events.slice(0, end);
      const next = events.slice(begin);
      const got: string[] = [];
      const seam = new Seam(() => 0);
      while (old.length > 0) {
        if (random() < 0.5 && next.length > 0) seam.fromNext('s', next.shift() ?? '');
        else {
          const event = old.shift() ?? '';
          seam.fromOld('s', event);
          got.push(event);
        }
      }
      got.push(...seam.close().map((held) => held.text));
      for (const event of next) if (!seam.isCopy('s', event)) got.push(event);
      expect(got).toEqual(events);
    }
  });

  it('takes an equal event that is published much later for itself', () => {
    let now = 0;
    const seam = new Seam(() => now);
    seam.fromOld('s', 'x');
    seam.close();
    expect(seam.isCopy('s', 'y')).toBe(false);
    now = 6_000;
    expect(seam.isCopy('s', 'x')).toBe(false);
  });
});
