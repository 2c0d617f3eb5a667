/**
 * Keyboard, mouse, touch and wheel of the page, taken while attached and given to the
 * sender. Nothing is listened to while detached, and what is typed into a text field is
 * never taken.
 */
import { toGamePixels, type Size } from './geometry';
import type { InputSender } from './sender';

/** Keys that stay the browser's: reload, full screen, developer tools. */
const BROWSER_KEYS: ReadonlySet<string> = new Set(['F5', 'F11', 'F12']);

/** One step of the wheel in the units of WheelEvent.deltaMode (pixels, lines, pages). */
const STEP = [100, 3, 1] as const;

export interface ControlsConfig {
  /** The element that shows the picture with object-fit: contain. */
  readonly picture: HTMLElement;
  readonly game: () => Size;
  readonly sender: InputSender;
  /** Called when a person detaches (Escape, click outside) or the window loses focus. */
  readonly onDetach: () => void;
}

export class Controls {
  private listening: AbortController | null = null;

  constructor(private readonly config: ControlsConfig) {}

  get attached(): boolean {
    return this.listening !== null;
  }

  attach(): void {
    if (this.listening) return;
    this.listening = new AbortController();
    const { signal } = this.listening;
    const { picture } = this.config;
    const capture = { signal, capture: true };
    window.addEventListener('keydown', this.onKey, capture);
    window.addEventListener('keyup', this.onKey, capture);
    window.addEventListener('pointerdown', this.onOutside, capture);
    window.addEventListener('pointerup', this.onPointerUp, capture);
    window.addEventListener('pointercancel', this.onPointerUp, capture);
    window.addEventListener('blur', this.leave, { signal });
    document.addEventListener('visibilitychange', this.onHidden, { signal });
    picture.addEventListener('pointermove', this.onMove, { signal });
    picture.addEventListener('pointerdown', this.onPointerDown, { signal });
    picture.addEventListener('contextmenu', prevent, { signal });
    picture.addEventListener('wheel', this.onWheel, { signal, passive: false });
  }

  /** Stops listening and lets go of everything that is held. */
  detach(): void {
    this.listening?.abort();
    this.listening = null;
    this.config.sender.releaseAll();
    if (document.pointerLockElement === this.config.picture) document.exitPointerLock();
  }

  private readonly leave = () => {
    this.detach();
    this.config.onDetach();
  };

  private readonly onHidden = () => {
    if (document.visibilityState === 'hidden') this.leave();
  };

  private readonly onKey = (event: KeyboardEvent) => {
    if (isTextField(event.target) || event.isComposing) return;
    // A key released while Command is down is never reported, so such chords are not taken.
    if (event.metaKey || BROWSER_KEYS.has(event.code)) return;
    if (event.code === 'Escape') {
      if (event.type === 'keydown') {
        event.preventDefault();
        this.leave();
      }
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.config.sender.key(event.code, event.type === 'keydown');
  };

  private readonly onOutside = (event: PointerEvent) => {
    const inside = event.target instanceof Node && this.config.picture.contains(event.target);
    // The touch pad is part of playing although it lies outside the picture.
    const pad = event.target instanceof Element && event.target.closest('[data-input-pad]') !== null;
    if (!inside && !pad) this.leave();
  };

  private readonly onPointerDown = (event: PointerEvent) => {
    if (isControl(event.target)) return;
    event.preventDefault();
    if (event.pointerType === 'touch') this.place(event);
    this.config.sender.button(event.button, true);
  };

  private readonly onPointerUp = (event: PointerEvent) => {
    // pointercancel has no button: it ends a touch, which is button 0.
    this.config.sender.button(event.type === 'pointercancel' ? 0 : event.button, false);
  };

  private readonly onMove = (event: PointerEvent) => {
    if (document.pointerLockElement === this.config.picture) {
      this.config.sender.moveBy(event.movementX, event.movementY);
    } else {
      this.place(event);
    }
    // Pressing a second mouse button while one is down is reported as a move (Pointer Events, 10.1.1).
    if (event.button >= 0) this.config.sender.button(event.button, (event.buttons & buttonBit(event.button)) !== 0);
  };

  private readonly onWheel = (event: WheelEvent) => {
    event.preventDefault();
    const step = STEP[event.deltaMode] ?? 100;
    this.config.sender.wheel(event.deltaX / step, event.deltaY / step);
  };

  private place(event: PointerEvent): void {
    const { picture, game, sender } = this.config;
    const { x, y } = toGamePixels(event.clientX, event.clientY, picture.getBoundingClientRect(), game());
    sender.moveTo(x, y);
  }
}

/** MouseEvent.button to its bit in MouseEvent.buttons: 1 is the middle, 2 the right button. */
function buttonBit(button: number): number {
  return [1, 4, 2, 8, 16][button] ?? 0;
}

function prevent(event: Event): void {
  event.preventDefault();
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, a, input, select') !== null;
}

export function isTextField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('input, textarea, select'))
  );
}
