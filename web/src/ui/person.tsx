import type { Person, Role } from '../events/entry';
import './person.css';

const HUES = 12;

/** The same person has the same colour everywhere (FNV-1a over the id). */
export function hue(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % HUES;
}

export function Avatar({ person, size = 'normal' }: { person: Person; size?: 'small' | 'normal' | 'large' }) {
  const first = [...person.name][0] ?? '?';
  return (
    <span className={`avatar avatar-${size} hue-${hue(person.id)}`} aria-hidden="true">
      {first.toUpperCase()}
    </span>
  );
}

const ROLE_NAMES: Record<Role, string> = {
  'qa-lead': 'QA lead',
  player: 'Player',
  viewer: 'Viewer',
  sidecar: 'Sidecar',
  backend: 'Rules',
};

export function roleName(role: Role): string {
  return ROLE_NAMES[role];
}
