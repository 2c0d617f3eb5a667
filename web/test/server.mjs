// A stand-in for the services behind the page, faked only at the wire: the HTTP API, Cognito
// sign-in, AppSync Events over WebSocket, WHEP and the instance's signalling. Media comes from
// /peer/, a page that has to be open in the same browser (test/see.mjs does that).
//
//   npm run build && npm run stage       then open http://127.0.0.1:8471
//
// The rules are as few as the page needs to be seen in every state; the real ones are in
// backend/playtest. POST /test with JSON changes what happens: see `knobs`.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { WebSocketServer } from 'ws';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
};
const PEOPLE = {
  'player@ivs.rocks': { id: 'u-player', name: 'player', role: 'player' },
  'viewer@ivs.rocks': { id: 'u-viewer', name: 'viewer', role: 'viewer' },
  'mira@ivs.rocks': { id: 'u-mira', name: 'mira', role: 'viewer' },
  'lead@ivs.rocks': { id: 'u-lead', name: 'lead', role: 'qa-lead' },
};
const PASSWORD = 'hotseat';
const RULES = { id: 'rules', name: 'rules', role: 'backend' };
const BACKEND = { id: 'backend', name: 'backend', role: 'backend' };

export async function startServer({ port = 8471, tokenSeconds = 300 } = {}) {
  const knobs = { published: true, failHandOver: false, dropData: 0, refuseChat: '', requestSeconds: 60, sessions: true, down: false, approveDelayMs: 0 };
  const counts = { refresh: 0, subscribes: 0, logReads: 0, offers: 0, whep: 0, deletes: 0 };
  const sessions = new Map();
  const sockets = new Set();
  let peerLink = null;
  const answers = new Map();

  const revoked = new Set();
  const token = (email) => `t.${email}.${Date.now() + tokenSeconds * 1000}`;
  const personOf = (header = '') => {
    const [, email, expires] = /^(?:Bearer )?t\.(.+)\.(\d+)$/.exec(header) ?? [];
    return email && Number(expires) > Date.now() ? PEOPLE[email] : null;
  };

  function createSession(application, title, createdBy) {
    const now = Date.now();
    const session = {
      id: `s-${randomUUID().slice(0, 10)}`, application, title, createdAt: new Date(now).toISOString(), createdBy,
      status: 'ACTIVE', statusReason: '', endsAt: new Date(now + 3600_000).toISOString(), endedAt: null,
      width: 1280, height: 720, framerate: 30, seat: { epoch: 0, holder: null, since: now },
      log: [], queue: [], handOver: null, offers: new Map(), answers: new Map(), stream: null,
    };
    sessions.set(session.id, session);
    append(session, BACKEND, { action: 'SESSION_STARTED', title, application, width: 1280, height: 720, framerate: 30, endsAt: now + 3600_000 });
    return session;
  }

  const stamp = (session, actor, event) => ({ ...event, session: session.id, timestamp: Date.now(), actor, user: actor.name });
  function append(session, actor, event) {
    const entry = { seq: session.log.length + 1, ...stamp(session, actor, event) };
    session.log.push(entry);
    broadcast(`/playtest/${session.id}`, entry);
    return entry;
  }
  function broadcast(channel, event) {
    if (knobs.dropData > 0 && event.seq) {
      knobs.dropData -= 1;
      return;
    }
    for (const socket of sockets) {
      for (const [id, subscribed] of socket.subscriptions) {
        if (subscribed === channel) socket.send(JSON.stringify({ type: 'data', id, event: JSON.stringify(event) }));
      }
    }
  }
  const view = (s) => ({
    ...Object.fromEntries(Object.entries(s).filter(([key]) => !['log', 'queue', 'handOver', 'offers', 'answers', 'stream'].includes(key))),
    lastSeq: s.log.length, channel: `/playtest/${s.id}`, liveChannel: `/live/${s.id}`,
    broadcast: { participantId: `p-${s.id}`, published: knobs.published }, waiting: s.queue.length,
  });

  // ---- the seat, as little as possible
  const refuse = (errorType, message) => Object.assign(new Error(message), { errorType });
  function publish(channel, person, event) {
    const [, namespace, id] = channel.split('/');
    const session = sessions.get(id);
    if (!session) throw refuse('BadRequest', 'There is no such session.');
    if (namespace === 'live' || event.action === 'STREAM_REACT') return broadcast(channel, stamp(session, person, event));
    if (session.endedAt) throw refuse('SessionEnded', 'The playtest is over.');
    const { seat, queue } = session;
    const mayDecide = person.role === 'qa-lead' || seat.holder?.id === person.id;
    switch (event.action) {
      case 'USER_CHAT_MESSAGE':
        if (knobs.refuseChat) throw refuse('TooFast', knobs.refuseChat);
        return append(session, person, { action: event.action, message: event.message });
      case 'STREAM_SUBSCRIBE':
        return append(session, person, { action: event.action });
      case 'TAKEOVER_REQUEST': {
        if (seat.holder?.id === person.id) throw refuse('AlreadyHolder', 'You already have the seat.');
        if (queue.some((r) => r.requester.id === person.id)) throw refuse('RequestPending', 'You already asked.');
        const requestId = `r-${randomUUID().slice(0, 8)}`;
        const request = { requestId, requester: person, requesterUsername: person.name, deadline: Date.now() + knobs.requestSeconds * 1000 };
        queue.push(request);
        append(session, person, { action: event.action, ...request });
        setTimeout(() => remove(session, requestId) && append(session, BACKEND, { action: 'TAKEOVER_CANCELLED', ...request, reason: 'expired' }), knobs.requestSeconds * 1000).unref();
        if (!seat.holder && !session.handOver && person.role !== 'viewer') void handOver(session, RULES, requestId);
        return;
      }
      case 'TAKEOVER_CANCELLED': {
        const mine = queue.find((r) => r.requester.id === person.id);
        if (!mine) throw refuse('NoSuchRequest', 'You have no request.');
        remove(session, mine.requestId);
        return append(session, person, { ...mine, action: event.action, reason: 'cancelled' });
      }
      case 'TAKEOVER_APPROVED':
        if (!mayDecide) throw refuse('NotAllowed', 'Only the holder of the seat or a QA lead decides.');
        if (session.handOver) throw refuse('HandoverRunning', 'A hand-over is running.');
        if (!queue.some((r) => r.requestId === event.requestId)) throw refuse('AlreadyDecided', 'This request was already decided.');
        return void handOver(session, person, event.requestId);
      case 'TAKEOVER_DENIED': {
        if (!mayDecide) throw refuse('NotAllowed', 'Only the holder of the seat or a QA lead decides.');
        const request = remove(session, event.requestId);
        if (!request) throw refuse('AlreadyDecided', 'This request was already decided.');
        return append(session, person, { ...request, action: event.action, reason: event.reason ?? '' });
      }
      case 'SEAT_RELEASED': {
        const previous = seat.holder;
        session.seat = { epoch: seat.epoch + 1, holder: null, since: Date.now() };
        closeStream(session);
        return append(session, person, { action: event.action, previous, epoch: session.seat.epoch, reason: event.reason ?? '' });
      }
      default:
        throw refuse('BadRequest', 'Unknown action.');
    }
  }
  function remove(session, requestId) {
    const index = session.queue.findIndex((r) => r.requestId === requestId);
    return index < 0 ? null : session.queue.splice(index, 1)[0];
  }
  function closeStream(session) {
    if (session.stream) peerLink?.send(JSON.stringify({ kind: 'close', id: session.stream }));
    session.stream = null;
  }
  const until = async (test, ms) => {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise((r) => setTimeout(r, 5))) if (test()) return true;
    return test();
  };
  async function handOver(session, actor, requestId) {
    const { requestId: _, ...request } = remove(session, requestId);
    const started = Date.now();
    const from = session.seat.holder;
    session.handOver = { requestId };
    append(session, actor, { action: 'TAKEOVER_APPROVED', requestId, ...request, from });
    const step = (name) => broadcast(`/live/${session.id}`, stamp(session, BACKEND, { action: 'HANDOVER_STEP', requestId, step: name, elapsedMs: Date.now() - started }));
    step('closing');
    await until(() => !session.stream, 1500);
    closeStream(session);
    step('released');
    if (knobs.approveDelayMs) await new Promise((r) => setTimeout(r, knobs.approveDelayMs));
    await until(() => session.offers.get(request.requester.id)?.requestId === requestId, 3000);
    const offer = session.offers.get(request.requester.id);
    step('connecting');
    const response = !knobs.failHandOver && offer ? await play(session, request.requester, offer.signalRequest) : null;
    session.handOver = null;
    if (!response) {
      append(session, BACKEND, { action: 'HANDOVER_FAILED', requestId, ...request, reason: 'the instance did not answer', holder: from, epoch: session.seat.epoch });
      return;
    }
    session.answers.set(`${request.requester.id}/${requestId}`, response);
    session.seat = { epoch: session.seat.epoch + 1, holder: request.requester, since: Date.now() };
    session.status = 'CONNECTED';
    append(session, BACKEND, { action: 'SEAT_TAKEN', requestId, holder: request.requester, epoch: session.seat.epoch, tookMs: Date.now() - started });
  }
  async function media(ask) {
    if (!peerLink) return null;
    const id = randomUUID();
    peerLink.send(JSON.stringify({ ...ask, id }));
    return (await until(() => answers.has(id), 5000)) ? { id, sdp: answers.get(id) } : null;
  }
  async function play(session, person, signalRequest) {
    const made = await media({ kind: 'play', name: person.name, sdp: JSON.parse(signalRequest).sdp });
    if (!made) return null;
    session.stream = made.id;
    return JSON.stringify({ type: 'answer', sdp: made.sdp, webSdkProtocolUrl: 'http://127.0.0.1/protocol.js' });
  }

  // ---- HTTP
  const body = async (request) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  async function handle(request, response) {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const send = (status, value) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    const fail = (status, code, message) => send(status, { error: { code, message } });
    const text = request.method === 'GET' ? '' : await body(request);
    const path = url.pathname;

    if (path === '/test') {
      const { publishAs, channel, event, kick, tell, end, ...change } = JSON.parse(text || '{}');
      Object.assign(knobs, change);
      if (publishAs) publish(channel, PEOPLE[publishAs], event);
      if (kick) for (const socket of sockets) socket.terminate();
      if (tell) peerLink?.send(JSON.stringify({ kind: 'tell', id: sessions.get(tell).stream, reason: 'moved to another device' }));
      if (end) {
        const session = sessions.get(end);
        session.endedAt = new Date().toISOString();
        session.status = 'TERMINATED';
        append(session, BACKEND, { action: 'SESSION_ENDED', reason: 'The time is up' });
      }
      return send(200, counts);
    }
    if (knobs.down) return request.socket.destroy();
    if (path === '/cognito/') return cognito(request, JSON.parse(text), send);
    if (path.startsWith('/whip/subscribe/') && request.method === 'POST') {
      counts.whep += 1;
      if (!knobs.published) return fail(404, 'not_found', 'Nobody publishes.');
      const made = await media({ kind: 'watch', sdp: text });
      if (!made) return fail(404, 'not_found', 'Nobody publishes.');
      return response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `/whip/resource/${made.id}` }).end(made.sdp);
    }
    if (path.startsWith('/whip/resource/')) {
      counts.deletes += 1;
      peerLink?.send(JSON.stringify({ kind: 'close', id: path.split('/').pop() }));
      return response.writeHead(200).end();
    }
    if (path === '/api/config') {
      return send(200, {
        region: 'us-west-2', local: true,
        cognito: { endpoint: `${url.origin}/cognito/`, userPoolId: 'us-west-2_Hotseat01', clientId: 'client' },
        events: { httpUrl: `${url.origin}/event`, realtimeUrl: `${url.origin.replace('http', 'ws')}/event/realtime`, host: url.host },
      });
    }
    if (path.startsWith('/api/')) {
      const person = personOf(request.headers.authorization);
      if (!person) return fail(401, 'unauthorized', 'Sign in again.');
      return api(request.method, path, url, text ? JSON.parse(text) : {}, person, send, fail, response);
    }
    return files(path, response);
  }

  function cognito(request, input, send) {
    const operation = request.headers['x-amz-target'].split('.')[1];
    const { AuthFlow, AuthParameters = {} } = input;
    const refused = () => send(400, { __type: 'NotAuthorizedException', message: 'Incorrect username or password.' });
    if (operation === 'RevokeToken') {
      revoked.add(input.Token);
      return send(200, {});
    }
    const refreshing = AuthFlow === 'REFRESH_TOKEN_AUTH';
    const email = refreshing ? AuthParameters.REFRESH_TOKEN?.split('/')[1] : AuthParameters.USERNAME;
    if (refreshing) counts.refresh += 1;
    if (!PEOPLE[email] || revoked.has(AuthParameters.REFRESH_TOKEN)) return refused();
    if (!refreshing && AuthParameters.PASSWORD !== PASSWORD) return refused();
    const result = { AccessToken: 'a', IdToken: token(email), ExpiresIn: tokenSeconds, TokenType: 'Bearer' };
    if (!refreshing) result.RefreshToken = `${randomUUID()}/${email}`;
    return send(200, { AuthenticationResult: result, ChallengeParameters: {} });
  }

  async function api(method, path, url, input, person, send, fail, response) {
    const [, , kind, id, part] = path.split('/');
    if (kind === 'me') return send(200, person);
    if (kind === 'applications') {
      return send(200, { applications: [
        { id: 'a-runner', description: 'Hotseat Runner', status: 'READY' },
        { id: 'a-doom', description: 'Freedoom, phase 1', status: 'READY' },
      ] });
    }
    if (kind !== 'sessions') return fail(404, 'not_found', 'Unknown address.');
    if (!id && method === 'GET') return send(200, { sessions: knobs.sessions ? [...sessions.values()].reverse().map(view) : [] });
    if (!id) {
      if (person.role === 'viewer') return fail(403, 'forbidden', 'A player or a QA lead starts playtests.');
      return send(201, view(createSession(input.application, input.application === 'a-doom' ? 'Freedoom, phase 1' : 'Hotseat Runner', person.id)));
    }
    const session = sessions.get(id);
    if (!session) return fail(404, 'not_found', 'There is no such session.');
    if (!part && method === 'DELETE') {
      session.endedAt = new Date().toISOString();
      session.status = 'TERMINATED';
      append(session, person, { action: 'SESSION_ENDED', reason: `Ended by ${person.name}` });
      return send(202, view(session));
    }
    if (!part) return send(200, view(session));
    if (part === 'log') {
      counts.logReads += 1;
      const after = Number(url.searchParams.get('after') ?? 0);
      const limit = Number(url.searchParams.get('limit') ?? 500);
      const events = session.log.slice(after, after + limit);
      return send(200, { events, next: after + events.length, more: after + events.length < session.log.length });
    }
    if (part === 'stage-token') {
      return send(200, { token: 'stage', participantId: randomUUID(), whepUrl: `${url.origin}/whip/subscribe/p-${id}`, expirationTime: new Date(Date.now() + 43_200_000) });
    }
    if (part === 'offer') {
      counts.offers += 1;
      session.offers.set(person.id, input);
      response.writeHead(204).end();
      if (input.requestId === '' && session.seat.holder?.id === person.id) {
        closeStream(session);
        session.answers.delete(`${person.id}/`);
        const answer = await play(session, person, input.signalRequest);
        session.answers.set(`${person.id}/`, answer);
      }
      return;
    }
    if (part === 'answer') {
      const key = `${person.id}/${url.searchParams.get('requestId') ?? ''}`;
      await until(() => session.answers.has(key) || response.destroyed, 25_000);
      const signalResponse = session.answers.get(key);
      if (signalResponse === null) return fail(410, 'gone', 'The game did not answer.');
      if (!signalResponse) return response.writeHead(204).end();
      return send(200, { signalResponse });
    }
    return fail(404, 'not_found', 'Unknown address.');
  }

  async function files(path, response) {
    const peer = path.startsWith('/peer/');
    const root = peer ? HERE : join(HERE, '..', 'dist');
    const name = path === '/peer/' ? 'peer/peer.html' : extname(path) ? path : 'index.html';
    try {
      const data = await readFile(join(root, normalize(name)));
      response.writeHead(200, {
        'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
        // What the real server may send too: nothing inline, nothing from elsewhere.
        ...(peer ? {} : { 'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob: mediastream:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'" }),
      });
      response.end(data);
    } catch {
      response.writeHead(404).end('not found');
    }
  }

  // ---- AppSync Events over WebSocket
  const realtime = new WebSocketServer({ noServer: true, handleProtocols: () => 'aws-appsync-event-ws' });
  const links = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (knobs.down) return socket.destroy();
    const path = request.url.split('?')[0];
    const target = path === '/event/realtime' ? realtime : path === '/peer-link' ? links : null;
    if (!target) return socket.destroy();
    target.handleUpgrade(request, socket, head, (ws) => target.emit('connection', ws, request));
  });
  links.on('connection', (link) => {
    peerLink = link;
    link.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.kind === 'answer') answers.set(message.id, message.sdp);
      if (message.kind === 'closed') for (const session of sessions.values()) if (session.stream === message.id) session.stream = null;
    });
  });
  realtime.on('connection', (socket, request) => {
    const header = request.headers['sec-websocket-protocol'].split(',').map((p) => p.trim()).find((p) => p.startsWith('header-'));
    const auth = JSON.parse(Buffer.from(header.slice(7), 'base64url'));
    if (!personOf(auth.Authorization)) {
      socket.send(JSON.stringify({ type: 'connection_error', errors: [{ errorType: 'UnauthorizedException', message: 'You are not authorized to make this call.' }] }));
      return socket.close();
    }
    socket.subscriptions = new Map();
    sockets.add(socket);
    const beat = setInterval(() => socket.send('{"type":"ka"}'), 20_000);
    socket.on('close', () => {
      clearInterval(beat);
      sockets.delete(socket);
    });
    socket.on('message', (data) => {
      const frame = JSON.parse(data);
      const person = personOf(frame.authorization?.Authorization);
      const reply = (value) => socket.send(JSON.stringify({ id: frame.id, ...value }));
      const refused = (type, errorType, message) => reply({ type, errors: [{ errorType, message }] });
      if (frame.type === 'connection_init') return reply({ type: 'connection_ack', connectionTimeoutMs: 60_000 });
      if (frame.type === 'unsubscribe') {
        socket.subscriptions.delete(frame.id);
        return reply({ type: 'unsubscribe_success' });
      }
      if (!person) return refused(`${frame.type}_error`, 'UnauthorizedException', 'You are not authorized to make this call.');
      if (frame.type === 'subscribe') {
        counts.subscribes += 1;
        socket.subscriptions.set(frame.id, frame.channel);
        return reply({ type: 'subscribe_success' });
      }
      if (frame.type === 'publish') {
        try {
          for (const event of frame.events) publish(frame.channel, person, JSON.parse(event));
          return reply({ type: 'publish_success', successful: [{ identifier: randomUUID(), index: 0 }], failed: [] });
        } catch (error) {
          return refused('publish_error', error.errorType ?? 'BadRequest', error.message);
        }
      }
    });
  });

  await new Promise((listening) => server.listen(port, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`, knobs, counts, sessions, createSession, append, publish, PEOPLE, BACKEND,
    kick: () => sockets.forEach((socket) => socket.terminate()),
    close: () => {
      realtime.clients.forEach((client) => client.terminate());
      links.clients.forEach((client) => client.terminate());
      server.closeAllConnections();
      return new Promise((closed) => server.close(closed));
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const stage = await startServer();
  stage.createSession('a-runner', 'Hotseat Runner', 'u-player');
  console.log(`${stage.url}\nsign in as ${Object.keys(PEOPLE).join(', ')} with the password "${PASSWORD}"\nkeep ${stage.url}/peer/ open in the same browser for the picture`);
}
