import { describe, expect, it } from 'vitest';
import { HISTORY, InputEncoder, type InputMessage } from '../../src/input/encoder';
import { pictureBox, toGamePixels } from '../../src/input/geometry';
import { InputSender, type SenderTimers } from '../../src/input/sender';

/** The other end, as docs/protocol.md describes it. */
class Instance {
  n = 0;
  readonly held = new Set<string>();
  readonly taps: string[] = [];
  readonly moves: number[][] = [];

  receive(text: string): void {
    const message = JSON.parse(text) as InputMessage;
    for (const event of message.events) {
      if (event[0] <= this.n) continue;
      this.n = event[0];
      if (event[1] === 'kd') {
        this.held.add(event[2]);
        this.taps.push(event[2]);
      }
      if (event[1] === 'ku') this.held.delete(event[2]);
      if (event[1] === 'm') this.moves.push([event[2], event[3]]);
    }
    if (message.n < this.n) return;
    for (const code of this.held) if (!message.held.includes(code)) this.held.delete(code);
    for (const code of message.held) this.held.add(code);
  }
}

/** Time that only moves when told to. */
function stoppedTimers() {
  let now = 0;
  const jobs = new Set<{ at: number; run: () => void }>();
  const after = (ms: number, run: () => void) => {
    const job = { at: now + ms, run };
    jobs.add(job);
    return () => void jobs.delete(job);
  };
  const timers: SenderTimers = { after, frame: (run) => after(16, run) };
  const advance = (ms: number) => {
    const end = now + ms;
    for (;;) {
      const next = [...jobs].filter((job) => job.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      now = next.at;
      jobs.delete(next);
      next.run();
    }
    now = end;
  };
  return { timers, advance, pending: () => jobs.size };
}

function line(deliver: (text: string, index: number) => void) {
  let index = 0;
  return { readyState: 'open', bufferedAmount: 0, sent: [] as string[], send(text: string) { this.sent.push(text); deliver(text, index++); } };
}

/** A small generator, so that a failure can be repeated. */
function random(seed: number) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

describe('the encoder', () => {
  it('numbers events from 1 and says what is held', () => {
    const encoder = new InputEncoder();
    encoder.keyDown('KeyW');
    encoder.moveTo(640, 360);
    encoder.buttonDown(0);
    expect(encoder.message()).toEqual({
      n: 3, held: ['KeyW'], buttons: [0], events: [[1, 'kd', 'KeyW'], [2, 'm', 640, 360], [3, 'bd', 0]],
    });
  });

  it('ignores repeats, releases of what is not held, and words that are no key', () => {
    const encoder = new InputEncoder();
    expect(encoder.keyDown('KeyA')).toBe(true);
    expect(encoder.keyDown('KeyA')).toBe(false);
    expect(encoder.keyUp('KeyB')).toBe(false);
    expect(encoder.keyDown('')).toBe(false);
    expect(encoder.keyDown('Key W"')).toBe(false);
    expect(encoder.buttonDown(9)).toBe(false);
    expect(encoder.message().n).toBe(1);
  });

  it('lets go of everything at once', () => {
    const encoder = new InputEncoder();
    encoder.keyDown('KeyA');
    encoder.buttonDown(2);
    expect(encoder.releaseAll()).toBe(true);
    expect(encoder.message()).toMatchObject({ n: 4, held: [], buttons: [] });
    expect(encoder.releaseAll()).toBe(false);
  });

  it('stays under 4 KiB whatever is pressed', () => {
    const encoder = new InputEncoder();
    for (let i = 0; i < 100; i++) encoder.keyDown(`${'X'.repeat(29)}${i}`);
    for (let i = 0; i < 100; i++) encoder.moveTo(-1_000_000 - i, 1_000_000 + i);
    for (let i = 0; i < 100; i++) encoder.keyUp(`${'X'.repeat(29)}${i}`);
    for (let i = 0; i < 100; i++) encoder.keyDown(`${'X'.repeat(29)}${i}`);
    expect(encoder.message().events).toHaveLength(HISTORY);
    expect(JSON.stringify(encoder.message()).length).toBeLessThan(4096);
  });
});

describe('the sender', () => {
  it('leaves no key down and loses no tap on a line that loses and reorders', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed);
      const instance = new Instance();
      const { timers, advance } = stoppedTimers();
      const delayed: string[] = [];
      const channel = line((text) => {
        if (next() < 0.3) return;
        if (next() < 0.3) delayed.push(text);
        else {
          instance.receive(text);
          while (delayed.length > 0 && next() < 0.5) instance.receive(delayed.shift() ?? '');
        }
      });
      const sender = new InputSender(channel, timers);
      const pressed: string[] = [];
      for (let i = 0; i < 60; i++) {
        const code = `Key${'ABCDEFGH'[Math.floor(next() * 8)]}`;
        sender.key(code, true);
        pressed.push(code);
        advance(10 + next() * 30);
        sender.key(code, false);
        advance(next() * 40);
      }
      advance(1000);
      for (const text of delayed) instance.receive(text);
      expect([...instance.held], `seed ${seed}`).toEqual([]);
      expect(instance.taps, `seed ${seed}`).toEqual(pressed);
    }
  });

  it('repeats every 100 ms while held and three times after the last release', () => {
    const { timers, advance, pending } = stoppedTimers();
    const channel = line(() => undefined);
    const sender = new InputSender(channel, timers);
    sender.key('KeyA', true);
    advance(1000);
    expect(channel.sent).toHaveLength(11);
    sender.key('KeyA', false);
    advance(5000);
    expect(channel.sent).toHaveLength(15);
    expect(pending()).toBe(0);
  });

  it('sends pointer moves once a frame, and before the click that follows them', () => {
    const { timers, advance } = stoppedTimers();
    const instance = new Instance();
    const channel = line((text) => instance.receive(text));
    const sender = new InputSender(channel, timers);
    for (let x = 0; x < 50; x++) sender.moveTo(x, 1);
    expect(channel.sent).toHaveLength(0);
    advance(16);
    expect(instance.moves).toEqual([[49, 1]]);
    sender.moveTo(100, 2);
    sender.button(0, true);
    const message = JSON.parse(channel.sent.at(-1) ?? '') as InputMessage;
    expect(message.events.slice(-2)).toEqual([[2, 'm', 100, 2], [3, 'bd', 0]]);
  });

  it('keeps fractions of wheel steps and of relative moves', () => {
    const { timers, advance } = stoppedTimers();
    const channel = line(() => undefined);
    const sender = new InputSender(channel, timers);
    for (let i = 0; i < 5; i++) sender.wheel(0, 0.25);
    for (let i = 0; i < 4; i++) sender.moveBy(0.3, -0.6);
    advance(16);
    expect(sender.snapshot().events).toEqual([[1, 'w', 0, 1], [2, 'r', 1, -2]]);
  });

  it('says nothing on a closed line and nothing after close', () => {
    const { timers, advance, pending } = stoppedTimers();
    const channel = line(() => undefined);
    channel.readyState = 'closed';
    const sender = new InputSender(channel, timers);
    sender.key('KeyA', true);
    sender.close();
    advance(1000);
    expect(channel.sent).toHaveLength(0);
    expect(pending()).toBe(0);
  });
});

describe('places in the picture', () => {
  const game = { width: 1280, height: 720 };
  const tall = { left: 10, top: 20, width: 640, height: 640 };

  it('leaves the letterbox out', () => {
    expect(pictureBox(tall, game)).toEqual({ left: 10, top: 160, width: 640, height: 360 });
    expect(toGamePixels(10 + 320, 160 + 180, tall, game)).toEqual({ x: 640, y: 360 });
  });

  it('stays inside the game', () => {
    expect(toGamePixels(-500, 0, tall, game)).toEqual({ x: 0, y: 0 });
    expect(toGamePixels(9999, 9999, tall, game)).toEqual({ x: 1279, y: 719 });
    expect(toGamePixels(5, 5, { left: 0, top: 0, width: 0, height: 0 }, game)).toEqual({ x: 0, y: 0 });
  });
});
