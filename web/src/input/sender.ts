/**
 * Decides when input is sent: on every change at once, pointer moves at most once a frame,
 * and again while anything is held or shortly after, because the channel loses messages.
 */
import { InputEncoder } from './encoder';

/** While anything is held, so that a lost message is healed within a tenth of a second. */
const HOLD_REPEAT_MS = 100;
/** After the last change with nothing held: three more, close together. */
const LAST_REPEAT_MS = 30;
const LAST_REPEATS = 3;
/** More waiting than this means the line cannot follow; state makes the skipped ones needless. */
const MAX_BUFFERED = 64 * 1024;

export interface InputChannel {
  readonly readyState: string;
  readonly bufferedAmount: number;
  send(text: string): void;
}

export interface SenderTimers {
  /** Runs the callback with the next frame; returns how to cancel. */
  readonly frame: (run: () => void) => () => void;
  readonly after: (ms: number, run: () => void) => () => void;
}

export const browserTimers: SenderTimers = {
  frame: (run) => {
    const id = requestAnimationFrame(run);
    return () => cancelAnimationFrame(id);
  },
  after: (ms, run) => {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
};

export class InputSender {
  private readonly encoder = new InputEncoder();
  private place: { x: number; y: number } | null = null;
  private distance = { x: 0, y: 0 };
  private steps = { x: 0, y: 0 };
  private cancelFrame: (() => void) | null = null;
  private cancelRepeat: (() => void) | null = null;
  private repeats = 0;

  constructor(
    private readonly channel: InputChannel,
    private readonly timers: SenderTimers = browserTimers,
  ) {}

  key(code: string, down: boolean): void {
    this.flushPointer();
    if (down ? this.encoder.keyDown(code) : this.encoder.keyUp(code)) this.changed();
  }

  button(button: number, down: boolean): void {
    this.flushPointer();
    if (down ? this.encoder.buttonDown(button) : this.encoder.buttonUp(button)) this.changed();
  }

  /** Pointer to game pixels; the newest of a frame is sent. */
  moveTo(x: number, y: number): void {
    this.place = { x, y };
    this.requestFrame();
  }

  /** Pointer by game pixels; a frame's distances are added up. */
  moveBy(dx: number, dy: number): void {
    this.distance = { x: this.distance.x + dx, y: this.distance.y + dy };
    this.requestFrame();
  }

  /** Wheel by steps; fractions are kept until they make a step. */
  wheel(dx: number, dy: number): void {
    this.steps = { x: this.steps.x + dx, y: this.steps.y + dy };
    const x = Math.trunc(this.steps.x);
    const y = Math.trunc(this.steps.y);
    if (x === 0 && y === 0) return;
    this.steps = { x: this.steps.x - x, y: this.steps.y - y };
    this.flushPointer();
    if (this.encoder.wheel(x, y)) this.changed();
  }

  releaseAll(): void {
    if (this.encoder.releaseAll()) this.changed();
  }

  /** What is held now, for the debug overlay and tests. */
  snapshot() {
    return this.encoder.message();
  }

  close(): void {
    this.cancelFrame?.();
    this.cancelRepeat?.();
    this.cancelFrame = this.cancelRepeat = null;
  }

  private requestFrame(): void {
    this.cancelFrame ??= this.timers.frame(() => {
      this.cancelFrame = null;
      this.flushPointer();
    });
  }

  /** Moves come before the click or key that follows them. */
  private flushPointer(): void {
    this.cancelFrame?.();
    this.cancelFrame = null;
    let moved = false;
    if (this.place) {
      moved = this.encoder.moveTo(this.place.x, this.place.y);
      this.place = null;
    }
    const dx = Math.trunc(this.distance.x);
    const dy = Math.trunc(this.distance.y);
    this.distance = { x: this.distance.x - dx, y: this.distance.y - dy };
    moved = this.encoder.moveBy(dx, dy) || moved;
    if (moved) this.changed();
  }

  private changed(): void {
    this.repeats = LAST_REPEATS;
    this.transmit();
    this.schedule();
  }

  /** Sends the newest state, unless the channel is congested; says whether it did. */
  private transmit(): boolean {
    if (this.channel.readyState !== 'open' || this.channel.bufferedAmount > MAX_BUFFERED) return false;
    this.channel.send(JSON.stringify(this.encoder.message()));
    return true;
  }

  private schedule(): void {
    this.cancelRepeat?.();
    const holding = this.encoder.holding;
    if (!holding && this.repeats === 0) {
      this.cancelRepeat = null;
      return;
    }
    this.cancelRepeat = this.timers.after(holding ? HOLD_REPEAT_MS : LAST_REPEAT_MS, () => {
      // A repeat that could not be sent is still owed: the last one says that nothing is held.
      if ((this.transmit() || this.channel.readyState !== 'open') && !holding) this.repeats -= 1;
      this.schedule();
    });
  }
}
