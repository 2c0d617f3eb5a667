import { useEffect, useState } from 'react';
import type { Reaction } from '../events/entry';
import type { Room } from '../room/room';
import { ReactionIcon } from './icons';
import './floats.css';

interface Float {
  readonly id: number;
  readonly kind: Reaction;
  readonly name: string;
  /** Percent of the picture's width. */
  readonly left: number;
  readonly sway: number;
}

const LIFE_MS = 2800;
/** A flood of reactions stays drawable. */
const MAX_FLOATS = 36;

/** Reactions of everybody, rising over the picture. */
export function Floats({ room }: { room: Room }) {
  const [floats, setFloats] = useState<readonly Float[]>([]);
  useEffect(() => {
    let nextId = 1;
    const timers = new Set<ReturnType<typeof setTimeout>>();
    room.onReaction = (kind, by) => {
      const id = nextId++;
      const float = { id, kind, name: by.name, left: 6 + Math.random() * 82, sway: id % 3 };
      setFloats((list) => [...list, float].slice(-MAX_FLOATS));
      const timer = setTimeout(() => {
        timers.delete(timer);
        setFloats((list) => list.filter((other) => other.id !== id));
      }, LIFE_MS);
      timers.add(timer);
    };
    return () => {
      room.onReaction = () => undefined;
      for (const timer of timers) clearTimeout(timer);
    };
  }, [room]);
  return (
    <div className="floats" aria-hidden="true">
      {floats.map(({ id, kind, name, left, sway }) => (
        <span key={id} className={`float sway-${sway}`} style={{ left: `${left}%` }} data-testid="float" data-kind={kind}>
          <ReactionIcon kind={kind} size={36} />
          <small>{name}</small>
        </span>
      ))}
    </div>
  );
}
