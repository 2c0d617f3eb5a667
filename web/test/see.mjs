// Walks through every state of the page in a real Chromium and checks what a person would
// see. With a folder as the argument it leaves screenshots there.
//
//   npm run build && npm run see -- /tmp/shots
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startServer } from './server.mjs';

const folder = process.argv[2];
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
let failures = 0;

function check(what, ok, detail = '') {
  if (!ok) failures += 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what} ${detail}`);
}
async function shot(page, name) {
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

const stage = await startServer({ port: 0, tokenSeconds: 20 });
if (folder) await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required',
    '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows'],
});
const problems = [];
async function open(path, { viewport = DESKTOP, as, touch = false, reduced = false } = {}) {
  const context = await browser.newContext({ viewport, hasTouch: touch, isMobile: touch, reducedMotion: reduced ? 'reduce' : 'no-preference' });
  const page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text()) && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(stage.url + path);
  if (as) {
    await page.getByTestId('signin-email').fill(`${as}@ivs.rocks`);
    await page.getByTestId('signin-password').fill('hotseat');
    await page.getByTestId('signin-submit').click();
    await page.getByTestId('me').waitFor({ state: 'attached' });
  }
  return page;
}
const source = (page, value) => page.locator(`[data-testid=picture][data-source=${value}]`).waitFor();
const live = (page) => page.locator('[data-testid=picture][data-picture=live]').waitFor();
const attached = (page) => page.locator('[data-testid=picture][data-attached=true]').waitFor();
const line = (page, text) => page.getByTestId('chat-log').getByText(text).last().waitFor();
const until = async (test, ms = 5000) => {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((r) => setTimeout(r, 10))) if (await test()) return true;
  return false;
};

try {
  const peer = await (await browser.newContext()).newPage();
  await peer.goto(`${stage.url}/peer/`);
  const game = () => peer.evaluate(() => ({ held: [...window.game.held], player: window.game.player, clicks: window.game.clicks, x: window.game.x }));

  // Sign-in
  const viewer = await open('/');
  await viewer.getByTestId('signin-email').waitFor();
  await viewer.getByTestId('signin-email').fill('viewer@ivs.rocks');
  await viewer.getByTestId('signin-password').fill('wrong');
  await viewer.getByTestId('signin-submit').click();
  await viewer.getByText('E-mail or password is not right.').waitFor();
  await shot(viewer, '01-signin-wrong');
  await viewer.setViewportSize(PHONE);
  await shot(viewer, '01-signin-phone');
  await viewer.setViewportSize(DESKTOP);
  await viewer.getByTestId('signin-password').fill('hotseat');
  await viewer.getByTestId('signin-submit').click();
  await viewer.getByTestId('lobby-empty').waitFor();
  await shot(viewer, '02-lobby-empty-viewer');
  check('a wrong password says so, the right one enters', true);
  await viewer.reload();
  await viewer.getByTestId('lobby-empty').waitFor();
  check('a reload stays signed in', (await viewer.getByTestId('signin-email').count()) === 0);

  // A player starts one
  const player = await open('/', { as: 'player' });
  await player.getByTestId('session-start').first().waitFor();
  await shot(player, '03-lobby-empty-player');
  await player.getByTestId('session-start').first().click();
  await player.waitForURL(/\/s\//);
  const path = new URL(player.url()).pathname;
  const id = path.split('/').pop();
  const session = stage.sessions.get(id);
  await live(player);
  await viewer.getByTestId('session-card').first().waitFor({ timeout: 6000 });
  for (const title of ['Freedoom, phase 1', 'A very long title of a game that nobody shortened before the playtest began']) {
    stage.createSession('a-doom', title, 'u-player');
  }
  const [second, third] = [...stage.sessions.values()].slice(1);
  Object.assign(second, { status: 'TERMINATED', endedAt: new Date().toISOString(), statusReason: '' });
  third.seat.holder = stage.PEOPLE['mira@ivs.rocks'];
  third.queue = [1, 2];
  await viewer.reload();
  await viewer.getByTestId('session-card').nth(2).waitFor();
  await shot(viewer, '04-lobby-desktop');
  await viewer.setViewportSize(PHONE);
  await shot(viewer, '04-lobby-phone');
  await viewer.setViewportSize(DESKTOP);

  // Watching
  const t0 = Date.now();
  await viewer.goto(`${stage.url}${path}?debug=1`);
  await live(viewer);
  await viewer.getByTestId('seat-request').waitFor();
  await until(() => viewer.evaluate(() => document.querySelector('[data-testid=video]').videoWidth > 0));
  check('the broadcast is on screen', true, `${Date.now() - t0} ms from navigation`);
  await shot(viewer, '05-session-free-seat');

  // Chat
  await viewer.getByTestId('chat-input').fill('hello <b>there</b>, nice jump');
  await viewer.getByTestId('chat-input').press('Enter');
  await line(viewer, 'hello <b>there</b>, nice jump');
  await line(player, 'hello <b>there</b>, nice jump');
  check('own lines are confirmed by the log', await until(async () => (await viewer.locator('[data-phase]').count()) === 0));
  check('markup in chat is text', (await player.locator('.line-text b').count()) === 0);
  stage.knobs.refuseChat = 'You are writing too fast. Wait 3 seconds.';
  await viewer.getByTestId('chat-input').fill('one more');
  await viewer.getByTestId('chat-input').press('Enter');
  await viewer.getByTestId('chat-refusal').waitFor();
  await shot(viewer, '06-chat-refused');
  stage.knobs.refuseChat = '';
  await viewer.getByRole('button', { name: 'Send again' }).click();
  check('a refused line can be sent again', await until(async () => (await viewer.getByTestId('chat-refusal').count()) === 0));

  // Reactions
  const kinds = ['like', 'fire', 'star', 'laugh', 'clap', 'wow'];
  const floats = Promise.all(kinds.map((kind) => player.locator(`[data-testid=float][data-kind=${kind}]`).waitFor()));
  for (const kind of kinds) await viewer.getByTestId(`react-${kind}`).click();
  await floats;
  check('reactions float for everybody', true);
  await player.waitForTimeout(500);
  await shot(player, '07-reactions');

  // The free seat: a player takes it
  const t1 = Date.now();
  await player.getByTestId('seat-request').click();
  await source(player, 'game');
  await attached(player);
  check('a player takes the free seat', true, `${Date.now() - t1} ms from click to picture`);
  await player.keyboard.down('ArrowRight');
  check('keys reach the game', await until(async () => (await game()).held.includes('ArrowRight')));
  await shot(player, '08-playing');
  await player.keyboard.up('ArrowRight');
  check('and are let go', await until(async () => (await game()).held.length === 0));
  const box = await player.getByTestId('video').boundingBox();
  const scale = Math.min(box.width / 1280, box.height / 720);
  await player.mouse.click(box.x + (box.width - 1280 * scale) / 2 + 640 * scale, box.y + (box.height - 720 * scale) / 2 + 360 * scale);
  const clicks = async () => (await game()).clicks.at(-1) ?? [];
  check('a click arrives in game pixels', await until(async () => Math.abs((await clicks())[1] - 640) < 3 && Math.abs((await clicks())[2] - 360) < 3), JSON.stringify(await clicks()));
  await player.keyboard.down('KeyD');
  await player.getByTestId('chat-input').click();
  check('a click outside lets go of all keys', await until(async () => (await game()).held.length === 0));
  await player.keyboard.type('dad in the chat');
  check('typing in the chat is not playing', (await game()).held.length === 0 && (await player.getByTestId('chat-input').inputValue()) === 'dad in the chat');
  await shot(player, '09-playing-detached');
  await player.getByTestId('chat-input').press('Enter');

  // The queue
  await viewer.getByTestId('seat-request').click();
  await viewer.getByTestId('seat-cancel').waitFor();
  const mira = await open(path, { as: 'mira', viewport: PHONE, touch: true });
  await live(mira);
  await shot(mira, '10-phone-watching');
  await mira.getByTestId('seat-request').tap();
  await mira.getByTestId('seat-cancel').waitFor();
  await player.getByTestId('seat-approve').nth(1).waitFor();
  await shot(player, '11-holder-decides');
  await shot(viewer, '12-viewer-waits');
  await mira.setViewportSize(PHONE);
  await shot(mira, '12-phone-waits');
  await player.getByTestId('seat-deny').nth(1).click();
  await mira.getByTestId('toast').waitFor();
  check('a denial reaches the person denied', (await mira.getByTestId('toast').innerText()).includes('said no'));
  check('and nobody else', (await viewer.getByTestId('toast').count()) === 0);
  await shot(mira, '13-phone-denied');

  // The hand-over, without a reload and without a black picture
  check('an offer waits for the approval', await until(() => session.offers.get('u-viewer')?.requestId !== undefined));
  const frames = (page) => page.evaluate(() => window.hotseatDebug.lastFrame);
  await until(async () => (await frames(viewer)).broadcast > 0);
  const black = player.evaluate(async () => {
    // Looks at the middle of what the picture shows, 20 times a second, for 2 s.
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 8;
    const paint = canvas.getContext('2d', { willReadFrequently: true });
    let dark = 0;
    for (let i = 0; i < 40; i++) {
      const playing = document.querySelector('[data-testid=picture]').dataset.source === 'game';
      const still = document.querySelector('canvas.still');
      const shown = !still.hidden ? still : document.querySelector(playing ? 'video.game' : 'video.broadcast');
      paint.clearRect(0, 0, 8, 8);
      paint.drawImage(shown, 0, 0, 8, 8);
      const [r, g, b, a] = paint.getImageData(4, 2, 1, 1).data;
      if (a === 0 || r + g + b < 30) dark += 1;
      await new Promise((r2) => setTimeout(r2, 50));
    }
    return dark;
  });
  const t2 = Date.now();
  await player.getByTestId('seat-approve').first().click();
  await source(viewer, 'game');
  await attached(viewer);
  const pressed = Date.now() - t2;
  await viewer.keyboard.down('ArrowLeft');
  await until(async () => (await game()).held.includes('ArrowLeft'));
  check('the hand-over happens', (await game()).player === 'viewer', `picture ${pressed} ms, first input ${Date.now() - t2} ms after the click`);
  await viewer.keyboard.up('ArrowLeft');
  await source(player, 'broadcast');
  await live(player);
  check('the former holder never sees black', (await black) === 0, `${await black} dark looks`);
  await shot(viewer, '14-viewer-plays');
  await shot(player, '15-player-watches');
  check('only the player\'s stream is up while playing', (await viewer.evaluate(() => window.hotseatDebug.state().broadcast)) === 'off');
  check('subscriptions that are over are deleted', stage.counts.deletes > 0, `${stage.counts.deletes} of ${stage.counts.whep}`);

  // Latency by time code
  await viewer.waitForTimeout(1500);
  const latency = await viewer.evaluate(async () => {
    const debug = window.hotseatDebug;
    return { p50: debug.percentile(50), p95: debug.percentile(95), n: debug.latencies.length, fps: debug.fps, reports: (await debug.stats()).length };
  });
  check('the time code is read', latency.n > 20, JSON.stringify(latency));
  await shot(viewer, '16-debug');

  // A hand-over that fails: the holder keeps the seat
  await player.getByTestId('seat-request').click();
  await viewer.getByTestId('seat-approve').waitFor();
  stage.knobs.failHandOver = true;
  await viewer.getByTestId('seat-approve').click();
  await viewer.getByText('did not work').first().waitFor();
  stage.knobs.failHandOver = false;
  await source(viewer, 'game');
  check('after a failed hand-over the holder plays again', await until(async () => (await game()).player === 'viewer'));
  await shot(viewer, '17-handover-failed');

  // Slow hand-over, to see its steps
  await player.getByTestId('seat-request').click();
  await viewer.getByTestId('seat-approve').waitFor();
  stage.knobs.approveDelayMs = 1200;
  await viewer.getByTestId('seat-approve').click();
  await player.getByTestId('note-connecting').waitFor();
  await player.waitForTimeout(200);
  await shot(player, '18-getting-the-seat');
  await source(player, 'game');
  stage.knobs.approveDelayMs = 0;

  // Reload as the holder
  await player.reload();
  await source(player, 'game');
  await attached(player);
  check('a reload of the holder reconnects', await until(async () => (await game()).player === 'player'));

  // The instance stops the stream
  await fetch(`${stage.url}/test`, { method: 'POST', body: JSON.stringify({ tell: id }) });
  await player.getByTestId('note-stopped').waitFor();
  await shot(player, '19-stopped');
  await player.getByRole('button', { name: 'Reconnect' }).click();
  await source(player, 'game');
  check('a stopped stream can be reconnected', true);

  // A second tab of the same person watches and may take over
  const tab = await player.context().newPage();
  await tab.goto(stage.url + path);
  await tab.getByTestId('signin-email').fill('player@ivs.rocks');
  await tab.getByTestId('signin-password').fill('hotseat');
  await tab.getByTestId('signin-submit').click();
  await tab.getByTestId('note-elsewhere').waitFor();
  await shot(tab, '20-another-tab');
  await tab.getByRole('button', { name: 'Play here' }).click();
  await source(tab, 'game');
  await player.getByTestId('note-elsewhere').waitFor();
  check('a second tab takes over only when asked to', true);
  await tab.close();
  await source(player, 'game');
  check('closing it brings the game back', true);

  // Phone in the seat
  await mira.getByTestId('seat-request').tap();
  await player.getByTestId('seat-approve').click();
  await source(mira, 'game');
  await mira.getByTestId('touchpad').waitFor();
  await mira.locator('.pad-right').dispatchEvent('pointerdown', { pointerId: 1, isPrimary: true, bubbles: true }).catch(() => undefined);
  await shot(mira, '21-phone-plays');
  await mira.getByTestId('seat-release').tap();
  await source(mira, 'broadcast');
  check('leaving the seat ends the stream', await until(() => session.stream === null));

  // The QA lead
  await player.getByTestId('seat-request').click();
  await source(player, 'game');
  const lead = await open(path, { as: 'lead' });
  await viewer.getByTestId('seat-request').click();
  await lead.getByTestId('seat-approve').waitFor();
  await shot(lead, '22-lead');
  await lead.setViewportSize(PHONE);
  await shot(lead, '22-lead-phone');
  await lead.setViewportSize(DESKTOP);
  await lead.getByTestId('seat-takeback').click();
  await player.getByText('took the seat back').first().waitFor();
  check('a QA lead takes the seat back', await until(() => session.stream === null));

  // Gaps: a lost event, a lost connection, an outage
  const subscribed = stage.counts.subscribes;
  stage.knobs.dropData = 1;
  stage.publish(`/playtest/${id}`, stage.PEOPLE['lead@ivs.rocks'], { action: 'USER_CHAT_MESSAGE', message: 'this one is lost on the way' });
  stage.publish(`/playtest/${id}`, stage.PEOPLE['lead@ivs.rocks'], { action: 'USER_CHAT_MESSAGE', message: 'this one is not' });
  await line(player, 'this one is not');
  const order = await player.getByTestId('chat-line').allInnerTexts();
  check('a gap is filled from the log, in order', order.at(-2).includes('lost on the way') && order.at(-1).includes('is not'));
  stage.kick();
  stage.publish(`/playtest/${id}`, stage.PEOPLE['lead@ivs.rocks'], { action: 'USER_CHAT_MESSAGE', message: 'said while you were away' });
  await line(player, 'said while you were away');
  check('after a lost connection the page is whole', stage.counts.subscribes > subscribed);
  stage.knobs.down = true;
  stage.kick();
  await player.getByTestId('link-lost').waitFor();
  await player.getByTestId('chat-input').fill('into the void');
  await player.getByTestId('chat-input').press('Enter');
  await player.getByTestId('chat-refusal').waitFor();
  await shot(player, '23-link-lost');
  const outside = await open('/').catch(() => null);
  if (outside) await outside.close();
  stage.knobs.down = false;
  await player.getByTestId('link-lost').waitFor({ state: 'detached', timeout: 30_000 });
  check('tokens are refreshed before they expire', stage.counts.refresh > 0, `${stage.counts.refresh} refreshes`);

  // No broadcast (yet)
  stage.knobs.published = false;
  const early = await open(path, { as: 'viewer' });
  await early.getByText('No picture yet').first().waitFor();
  await shot(early, '24-no-picture');
  stage.knobs.published = true;
  await live(early);
  check('the picture appears by itself', true);

  // Reduced motion, long chat
  for (let i = 0; i < 60; i++) {
    const who = Object.values(stage.PEOPLE)[i % 4];
    stage.append(session, who, { action: 'USER_CHAT_MESSAGE', message: ['nice', 'watch the left wall, the box clips through it when you jump twice', 'again!', 'https://example.com/a/very/long/address/without/any/space/in/it/that/has/to/wrap/somewhere'][(i * 7) % 4] });
  }
  const calm = await open(path, { as: 'viewer', viewport: PHONE, touch: true, reduced: true });
  await live(calm);
  await calm.getByTestId('react-fire').tap();
  await calm.getByTestId('float').waitFor();
  await shot(calm, '25-phone-long-chat');
  await calm.setViewportSize({ width: 844, height: 390 });
  await shot(calm, '25-phone-landscape');

  // The end, and places that do not exist
  await lead.getByTestId('session-end').click();
  await lead.getByTestId('session-end-yes').click();
  await player.getByText('This playtest has ended').first().waitFor();
  await shot(player, '26-ended');
  await calm.setViewportSize(PHONE);
  await shot(calm, '26-ended-phone');
  await player.goto(`${stage.url}/s/s-nothing`);
  await player.getByText('This playtest does not exist').waitFor();
  await shot(player, '27-missing');
  await player.goto(`${stage.url}/elsewhere`);
  await player.getByText('There is nothing here').waitFor();
  const cold = await (await browser.newContext({ viewport: DESKTOP })).newPage();
  await cold.route('**/api/**', (request) => request.abort());
  await cold.goto(stage.url);
  await cold.getByText('Hotseat does not answer').waitFor();
  await shot(cold, '28-unreachable');
  await cold.unroute('**/api/**');
  await cold.getByTestId('signin-email').waitFor({ timeout: 8000 });
  check('the page comes back by itself', true);
  check('no errors in the console, no policy violations', problems.length === 0, problems.slice(0, 5).join(' | '));
} catch (error) {
  failures += 1;
  console.error(error);
  if (folder) for (const [i, page] of browser.contexts().flatMap((c) => c.pages()).entries()) await page.screenshot({ path: join(folder, `failed-${i}.png`) }).catch(() => undefined);
} finally {
  await browser.close();
  await stage.close();
}
console.log(failures === 0 ? 'all seen' : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
