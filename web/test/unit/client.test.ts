import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { EventsClient, OfflineError, RefusedError, type Link, type SocketLike } from '../../src/events/client';
import { readEntry, type Entry } from '../../src/events/entry';
import { Outbox } from '../../src/room/outbox';
import { startServer, type StandIn } from '../server.mjs';

// Over real sockets, against the stand-in services of the page's own walk-through.
let stage: StandIn;
let clients: EventsClient[];
let session: { id: string; log: unknown[] };

beforeEach(async () => {
  stage = await startServer({ port: 0 });
  session = stage.createSession('a-runner', 'Runner', 'u-player');
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.stop();
  await stage.close();
});

function join(email = 'viewer@ivs.rocks', token?: () => Promise<string>) {
  const links: Link[] = [];
  const client = new EventsClient({
    realtimeUrl: `${stage.url.replace('http', 'ws')}/event/realtime`,
    host: new URL(stage.url).host,
    credential: async () => ({ token: await (token ?? (async () => `t.${email}.${Date.now() + 60_000}`))(), expires: Date.now() + 60_000 }),
    onLink: (link) => links.push(link),
    socket: (url, protocols) => new WebSocket(url, protocols) as unknown as SocketLike,
    random: () => 0,
  });
  clients.push(client);
  const heard: Entry[] = [];
  let ready = 0;
  client.subscribe({
    channel: `/playtest/${session.id}`,
    onEvent: (event) => {
      const entry = readEntry(event);
      if (entry) heard.push(entry);
    },
    onReady: () => (ready += 1),
  });
  client.start();
  return { client, heard, links, ready: () => ready };
}

async function until(test: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; !test(); await new Promise((next) => setTimeout(next, 5))) {
    if (Date.now() > end) throw new Error('did not happen in 5 s');
  }
}

describe('the events client', () => {
  it('brings what one publishes to everybody, stamped by the gate', async () => {
    const ann = join('player@ivs.rocks');
    const bob = join();
    await until(() => ann.ready() === 1 && bob.ready() === 1);
    await bob.client.publish(`/playtest/${session.id}`, { action: 'USER_CHAT_MESSAGE', message: 'häßlich ✓' });
    await until(() => ann.heard.length === 1 && bob.heard.length === 1);
    expect(ann.heard[0]).toMatchObject({ message: 'häßlich ✓', actor: { name: 'viewer' }, seq: 2 });
  });

  it('hands a refusal with its sentence to the publisher', async () => {
    const bob = join();
    await until(() => bob.ready() === 1);
    const refused = bob.client.publish(`/playtest/${session.id}`, { action: 'TAKEOVER_APPROVED', requestId: 'r' });
    await expect(refused).rejects.toMatchObject({ name: 'RefusedError', type: 'NotAllowed' });
    await expect(refused).rejects.toBeInstanceOf(RefusedError);
  });

  it('comes back after a lost connection and subscribes again', async () => {
    const bob = join();
    await until(() => bob.ready() === 1);
    stage.kick();
    await until(() => bob.ready() === 2);
    expect(bob.links).toEqual(['connecting', 'open', 'lost', 'open']);
    stage.publish(`/playtest/${session.id}`, { id: 'u-x', name: 'x', role: 'viewer' }, { action: 'USER_CHAT_MESSAGE', message: 'hi' });
    await until(() => bob.heard.length === 1);
  });

  it('does not pretend to publish without a connection', async () => {
    const bob = join();
    await until(() => bob.ready() === 1);
    stage.knobs['down'] = true;
    stage.kick();
    await until(() => bob.links.at(-1) === 'lost');
    await expect(bob.client.publish('/playtest/x', {})).rejects.toBeInstanceOf(OfflineError);
    stage.knobs['down'] = false;
  });

  it('asks for a fresh token for each connection and each operation', async () => {
    let asked = 0;
    const expired = async () => `t.viewer@ivs.rocks.${(asked += 1) === 1 ? 1 : Date.now() + 60_000}`;
    const bob = join('viewer@ivs.rocks', expired);
    await until(() => bob.ready() === 1);
    expect(asked).toBeGreaterThan(2);
  });

  it('is silent after stop', async () => {
    const bob = join();
    await until(() => bob.ready() === 1);
    bob.client.stop();
    expect(bob.links.at(-1)).toBe('closed');
    await expect(bob.client.publish('/playtest/x', {})).rejects.toBeInstanceOf(OfflineError);
  });
});

describe('the outbox', () => {
  const chat = (message: string): Entry => ({
    seq: 1, timestamp: 1, actor: { id: 'me', name: 'me', role: 'viewer' }, action: 'USER_CHAT_MESSAGE', message,
  });

  it('shows a line at once and takes it off when the log brings it', async () => {
    const outbox = new Outbox(async () => undefined, () => undefined);
    outbox.send('  one ');
    outbox.send('two');
    expect(outbox.lines.get().map((line) => [line.message, line.phase])).toEqual([['one', 'sending'], ['two', 'sending']]);
    outbox.confirm(chat('two'));
    expect(outbox.lines.get().map((line) => line.message)).toEqual(['one']);
    outbox.close();
  });

  it('keeps a refusal at its line', async () => {
    const outbox = new Outbox(() => Promise.reject(new RefusedError('Muted', 'You are muted.')), () => undefined);
    outbox.send('hello');
    await until(() => outbox.lines.get()[0]?.phase === 'refused');
    expect(outbox.lines.get()[0]).toMatchObject({ reason: 'You are muted.', canRetry: false });
    outbox.confirm(chat('hello'));
    expect(outbox.lines.get()).toHaveLength(1);
  });
});
