/**
 * The one interface between the page and however input reaches the game.
 *
 * GameLift Streams publishes no input format: its own web SDK brings one. Everything that
 * knows ours is in this folder; a page that uses the SDK puts its attachInput and
 * detachInput behind the same interface.
 */
import { Controls } from './controls';
import type { Size } from './geometry';
import { InputSender, type InputChannel } from './sender';

export interface GameInput {
  readonly attached: boolean;
  attach(): void;
  /** Stops taking keys and lets go of everything that is held. */
  detach(): void;
  /** A key of the touch pad. Works while detached too. */
  key(code: string, down: boolean): void;
  /** Lets go of everything, stops for good. */
  close(): void;
}

export interface GameInputConfig {
  readonly channel: InputChannel;
  readonly picture: HTMLElement;
  readonly game: () => Size;
  readonly onDetach: () => void;
}

export function createInput(config: GameInputConfig): GameInput {
  const sender = new InputSender(config.channel);
  const controls = new Controls({ ...config, sender });
  return {
    get attached() {
      return controls.attached;
    },
    attach: () => controls.attach(),
    detach: () => controls.detach(),
    key: (code, down) => sender.key(code, down),
    close: () => {
      controls.detach();
      sender.close();
    },
  };
}
