/**
 * Input as state, with recent history (docs/protocol.md, "Playing").
 *
 * Every message says what is held down now and repeats the newest events, so a lost or
 * overtaken message neither loses a tap nor leaves a key down. Pure: it knows neither the
 * page nor the network.
 */

/** How many events a message repeats: two lost messages in a row still lose nothing. */
export const HISTORY = 32;
/** A keyboard reports far fewer keys at once; the bound keeps a message under 4 KiB. */
const MAX_HELD = 32;
const MAX_BUTTON = 4;
const MAX_STEPS = 10;

export type InputEvent =
  | readonly [n: number, kind: 'kd' | 'ku', code: string]
  | readonly [n: number, kind: 'bd' | 'bu', button: number]
  | readonly [n: number, kind: 'm' | 'r' | 'w', x: number, y: number];

export interface InputMessage {
  readonly n: number;
  readonly held: readonly string[];
  readonly buttons: readonly number[];
  readonly events: readonly InputEvent[];
}

/** KeyboardEvent.code is a short word of letters and digits; anything else is no key. */
const CODE = /^[A-Za-z0-9]{1,32}$/;

export class InputEncoder {
  private n = 0;
  private readonly held = new Set<string>();
  private readonly buttons = new Set<number>();
  private events: InputEvent[] = [];

  /** True while any key or button is down. */
  get holding(): boolean {
    return this.held.size > 0 || this.buttons.size > 0;
  }

  /** Each of these returns whether anything changed, that is, whether to send. */
  keyDown(code: string): boolean {
    if (!CODE.test(code) || this.held.has(code) || this.held.size >= MAX_HELD) return false;
    this.held.add(code);
    return this.push((n) => [n, 'kd', code]);
  }

  keyUp(code: string): boolean {
    return this.held.delete(code) && this.push((n) => [n, 'ku', code]);
  }

  buttonDown(button: number): boolean {
    if (!Number.isInteger(button) || button < 0 || button > MAX_BUTTON || this.buttons.has(button)) return false;
    this.buttons.add(button);
    return this.push((n) => [n, 'bd', button]);
  }

  buttonUp(button: number): boolean {
    return this.buttons.delete(button) && this.push((n) => [n, 'bu', button]);
  }

  /** Pointer to a place in game pixels. */
  moveTo(x: number, y: number): boolean {
    const last = this.events.at(-1);
    if (last && last[1] === 'm' && last[2] === x && last[3] === y) return false;
    return this.push((n) => [n, 'm', x, y]);
  }

  /** Pointer by a distance in pixels, under pointer lock. */
  moveBy(dx: number, dy: number): boolean {
    return (dx !== 0 || dy !== 0) && this.push((n) => [n, 'r', dx, dy]);
  }

  /** Wheel by steps; the sign is that of WheelEvent. */
  wheel(dx: number, dy: number): boolean {
    const x = clamp(dx, MAX_STEPS);
    const y = clamp(dy, MAX_STEPS);
    return (x !== 0 || y !== 0) && this.push((n) => [n, 'w', x, y]);
  }

  releaseAll(): boolean {
    if (!this.holding) return false;
    for (const code of [...this.held]) this.keyUp(code);
    for (const button of [...this.buttons]) this.buttonUp(button);
    return true;
  }

  message(): InputMessage {
    return { n: this.n, held: [...this.held], buttons: [...this.buttons], events: this.events };
  }

  private push(make: (n: number) => InputEvent): true {
    this.n += 1;
    this.events = [...this.events.slice(-(HISTORY - 1)), make(this.n)];
    return true;
  }
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, Math.trunc(value))) || 0;
}
