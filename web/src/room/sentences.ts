/** Events of the log as sentences for the chat, the announcements and the toasts. */
import type { Entry, Person } from '../events/entry';

export function sentence(entry: Entry, meId: string): string {
  const { actor, requester } = entry;
  const who = name(requester, meId);
  const why = entry.reason ? `: ${entry.reason}` : '';
  switch (entry.action) {
    case 'STREAM_SUBSCRIBE':
      return actor.id === meId ? 'You joined' : `${actor.name} joined`;
    case 'TAKEOVER_REQUEST':
      return requester?.id === meId ? 'You asked for the seat' : `${who} asks for the seat`;
    case 'TAKEOVER_CANCELLED':
      if (entry.reason === 'expired') return `${whose(requester, meId)} request expired`;
      if (entry.reason === 'left') return `${name(requester, meId, true)} left the queue`;
      if (entry.reason === 'ended') return `${whose(requester, meId)} request ended with the playtest`;
      return requester?.id === meId ? 'You took your request back' : `${who} took the request back`;
    case 'TAKEOVER_APPROVED':
      return actor.role === 'backend' ? (entry.from ? `It is the turn of ${who}` : `The seat is free: it goes to ${who}`) : `${name(actor, meId, true)} passed the seat to ${who}`;
    case 'TAKEOVER_DENIED':
      return `${name(actor, meId, true)} said no to ${who}${why}`;
    case 'SEAT_TAKEN':
      return entry.holder?.id === meId ? 'You have the seat' : `${name(entry.holder, meId)} has the seat`;
    case 'SEAT_RELEASED':
      return released(entry, meId);
    case 'HANDOVER_FAILED': {
      const keeps = entry.holder ? ` ${name(entry.holder, meId, true)} ${entry.holder.id === meId ? 'keep' : 'keeps'} the seat.` : '';
      return `The hand-over to ${who} did not work${why}.${keeps}`.replace('..', '.');
    }
    case 'SESSION_STARTED':
      return 'The playtest started';
    case 'SESSION_STATE':
      return `The game's stream reports an error${entry.statusReason ? `: ${entry.statusReason}` : ''}`;
    case 'SESSION_MARK':
      return entry.message ? `Mark: ${entry.message}` : 'Mark';
    case 'SESSION_ENDED':
      return `The playtest ended${why}`;
    case 'REQUESTS_LOCKED':
      return `${name(actor, meId, true)} locked requests for the seat${why}`;
    case 'REQUESTS_UNLOCKED':
      return `${name(actor, meId, true)} opened requests for the seat again`;
    case 'SLOW_MODE':
      return entry.seconds ? `Slow mode: one line every ${entry.seconds} s` : 'Slow mode is off';
    case 'PARTICIPANT_MUTED':
    case 'PARTICIPANT_UNMUTED':
    case 'PARTICIPANT_REMOVED':
    case 'PARTICIPANT_BANNED':
    case 'PARTICIPANT_UNBANNED':
      return `${name(actor, meId, true)} ${moderated[entry.action]} ${name(entry.person, meId)}${why}`;
    default:
      return '';
  }
}

const moderated: Readonly<Record<string, string>> = {
  PARTICIPANT_MUTED: 'muted',
  PARTICIPANT_UNMUTED: 'unmuted',
  PARTICIPANT_REMOVED: 'removed',
  PARTICIPANT_BANNED: 'banned',
  PARTICIPANT_UNBANNED: 'let back in',
};

function released(entry: Entry, meId: string): string {
  const { actor, previous, reason } = entry;
  const why = reason ? `: ${reason}` : '';
  if (!previous) return `The seat is free${why}`;
  if (actor.id === previous.id) return `${name(previous, meId, true)} left the seat`;
  if (actor.role === 'qa-lead') return `${name(actor, meId, true)} took the seat back from ${name(previous, meId)}${why}`;
  return `${name(previous, meId, true)} lost the seat${why}`;
}

function name(person: Person | null | undefined, meId: string, first = false): string {
  if (!person) return first ? 'Someone' : 'someone';
  if (person.id === meId) return first ? 'You' : 'you';
  return person.name;
}

function whose(person: Person | null | undefined, meId: string): string {
  return person?.id === meId ? 'Your' : `${name(person, meId, true)}'s`;
}

/** What to tell a person about an event that is about their own seat, and how it feels. */
export function personal(entry: Entry, meId: string): { text: string; tone: 'plain' | 'good' | 'bad' } | null {
  const mine = entry.requester?.id === meId;
  const by = entry.actor.name;
  switch (entry.action) {
    case 'TAKEOVER_APPROVED':
      // The picture itself tells the requester how far it is.
      return entry.from?.id === meId && entry.actor.id !== meId
        ? { text: `${by} passed your seat to ${entry.requester?.name ?? 'someone'}`, tone: 'plain' }
        : null;
    case 'TAKEOVER_DENIED':
      return mine ? { text: entry.reason ? `${by} said no: ${entry.reason}` : `${by} said no this time`, tone: 'bad' } : null;
    case 'TAKEOVER_CANCELLED':
      return mine && entry.reason === 'expired'
        ? { text: 'Nobody answered in time. You can ask again.', tone: 'plain' }
        : null;
    case 'SEAT_TAKEN':
      return entry.holder?.id === meId ? { text: 'You have the seat', tone: 'good' } : null;
    case 'SEAT_RELEASED':
      return entry.previous?.id === meId && entry.actor.id !== meId
        ? { text: released(entry, meId), tone: 'bad' }
        : null;
    case 'PARTICIPANT_MUTED':
    case 'PARTICIPANT_UNMUTED':
    case 'PARTICIPANT_REMOVED':
    case 'PARTICIPANT_BANNED':
      return entry.person?.id === meId ? { text: sentence(entry, meId), tone: 'bad' } : null;
    case 'HANDOVER_FAILED':
      return mine || entry.holder?.id === meId ? { text: sentence(entry, meId), tone: 'bad' } : null;
    default:
      return null;
  }
}

/** Seat changes, which are read aloud by screen readers. */
export function isSeatChange(entry: Entry): boolean {
  return /^(SEAT_|TAKEOVER_|HANDOVER_FAILED|SESSION_ENDED)/.test(entry.action);
}
