import type { PointerEvent } from 'react';
import './touchpad.css';

const ARROWS = [
  ['ArrowUp', '↑', 'up'], ['ArrowLeft', '←', 'left'], ['ArrowDown', '↓', 'down'], ['ArrowRight', '→', 'right'],
] as const;
const ACTIONS = [['Escape', 'Esc', 'esc'], ['Enter', 'Enter', 'enter'], ['Space', 'Space', 'space']] as const;

/** Keys for people without a keyboard. */
export function TouchPad({ onKey }: { onKey: (code: string, down: boolean) => void }) {
  const key = ([code, label, place]: readonly [string, string, string]) => (
    <button
      key={code}
      className={`pad-${place}`}
      aria-label={code}
      onPointerDown={(event: PointerEvent<HTMLButtonElement>) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        onKey(code, true);
      }}
      onLostPointerCapture={() => onKey(code, false)}
      onContextMenu={(event) => event.preventDefault()}
    >
      {label}
    </button>
  );
  return (
    <div className="pad" data-input-pad data-testid="touchpad">
      <div className="pad-arrows">{ARROWS.map(key)}</div>
      <div className="pad-actions">{ACTIONS.map(key)}</div>
    </div>
  );
}
