import { useState } from 'react';
import type { Person } from '../events/entry';
import { placeOf, type SeatRequest, type State } from '../fold';
import type { Room } from '../room/room';
import { useStore } from '../store';
import { Chair, Check, Cross } from './icons';
import { Avatar, hue, roleName } from './person';
import { duration, useNow } from './time';
import './seat.css';

/** Who has the seat, who waits for it, and what this person can do about it. */
export function SeatPanel({ room, onEnd }: { room: Room; onEnd: () => void }) {
  const state = useStore(room.state);
  const synced = useStore(room.synced);
  const now = useNow(room.now, 250);
  const isLead = room.me.role === 'qa-lead';
  const mayDecide = isLead || state.seat.holder?.id === room.me.id;
  return (
    <section className={synced ? 'seat' : 'seat unsynced'} aria-label="The seat">
      <Holder state={state} now={now} me={room.me} />
      <Action room={room} state={state} now={now} />
      {state.queue.length > 0 ? (
        <ol className="queue" aria-label="Waiting for the seat">
          {state.queue.map((request, index) => (
            <Waiting key={request.requestId} room={room} request={request} position={index + 1} now={now}
              mayDecide={mayDecide} busy={state.handOver !== null} />
          ))}
        </ol>
      ) : null}
      {isLead ? <LeadTools room={room} state={state} onEnd={onEnd} /> : null}
    </section>
  );
}

function Holder({ state, now, me }: { state: State; now: number; me: Person }) {
  const { holder, since } = state.seat;
  if (state.handOver) {
    const { requester } = state.handOver;
    return (
      <div className="holder" data-testid="seat-holder" data-holder={holder?.id ?? ''} data-handover={requester.id}>
        <span className="spinner" aria-hidden="true" />
        <p><strong>Passing the seat</strong><span>to {requester.id === me.id ? 'you' : requester.name}</span></p>
      </div>
    );
  }
  if (!holder) {
    return (
      <div className="holder" data-testid="seat-holder" data-holder="">
        <span className="holder-free"><Chair size={24} /></span>
        <p><strong>The seat is free</strong><span>{me.role === 'viewer' ? 'A QA lead lets you in' : 'Nobody plays right now'}</span></p>
      </div>
    );
  }
  return (
    <div className={holder.id === me.id ? 'holder mine' : 'holder'} data-testid="seat-holder" data-holder={holder.id}>
      <Avatar person={holder} size="large" />
      <p>
        <strong className={`person-name hue-${hue(holder.id)}`}>{holder.id === me.id ? 'You have the seat' : holder.name}</strong>
        <span>{holder.id === me.id ? 'since' : `${roleName(holder.role)}, playing`} {duration(now - since)}</span>
      </p>
    </div>
  );
}

function Action({ room, state, now }: { room: Room; state: State; now: number }) {
  const [busy, ask] = useAsk();
  const place = placeOf(state, room.me.id);
  switch (place.kind) {
    case 'watching':
      return (
        <button className="button primary big" disabled={busy} data-testid="seat-request" onClick={() => ask(() => room.request())}>
          <Chair /> {busy ? 'Asking…' : state.seat.holder || room.me.role === 'viewer' ? 'Request the seat' : 'Take the seat'}
        </button>
      );
    case 'waiting':
      return (
        <div className="waiting-mine">
          <p>
            {place.position === 1 ? 'You are next' : `You are number ${place.position}`}
            {place.request.deadline === null ? null : <span>{duration(place.request.deadline - now)} left to answer</span>}
          </p>
          <button className="button" disabled={busy} data-testid="seat-cancel" onClick={() => ask(() => room.cancel())}>Cancel</button>
        </div>
      );
    case 'holding':
      return (
        <button className="button" disabled={busy} data-testid="seat-release" onClick={() => ask(() => room.release())}>
          Leave the seat
        </button>
      );
    default:
      return null;
  }
}

interface WaitingProps {
  room: Room;
  request: SeatRequest;
  position: number;
  now: number;
  mayDecide: boolean;
  /** A hand-over runs: nothing can be approved. */
  busy: boolean;
}

function Waiting({ room, request, position, now, mayDecide, busy }: WaitingProps) {
  const [asking, ask] = useAsk();
  const { requester, requestId, deadline, since } = request;
  const left = deadline === null ? null : deadline - now;
  const part = deadline === null || left === null ? 1 : Math.max(0, Math.min(1, left / Math.max(1, deadline - since)));
  return (
    <li className={mayDecide ? 'waiting decide' : 'waiting'} data-testid="queue-entry" data-request={requestId}>
      <div className="waiting-who">
        <span className="waiting-position">{position}</span>
        <Avatar person={requester} size="small" />
        <span className="waiting-name">{requester.id === room.me.id ? 'You' : requester.name}</span>
        {left === null ? null : <span className={left < 10_000 ? 'waiting-left soon' : 'waiting-left'}>{duration(left)}</span>}
      </div>
      {mayDecide ? (
        <div className="waiting-buttons">
          <button className="button good" disabled={busy || asking} data-testid="seat-approve"
            onClick={() => ask(() => room.approve(requestId))}><Check /> Approve</button>
          <button className="button" disabled={asking} data-testid="seat-deny"
            onClick={() => ask(() => room.deny(requestId))}><Cross /> Deny</button>
        </div>
      ) : null}
      {left === null ? null : <span className="waiting-bar" style={{ transform: `scaleX(${part})` }} aria-hidden="true" />}
    </li>
  );
}

function LeadTools({ room, state, onEnd }: { room: Room; state: State; onEnd: () => void }) {
  const [busy, ask] = useAsk();
  const [sure, setSure] = useState(false);
  const other = state.seat.holder !== null && state.seat.holder.id !== room.me.id;
  return (
    <div className="lead-tools">
      {other ? (
        <button className="button small quiet" disabled={busy || state.handOver !== null} data-testid="seat-takeback"
          onClick={() => ask(() => room.release('Taken back by the QA lead'))}>Take the seat back</button>
      ) : null}
      {sure ? (
        <span className="lead-sure">
          End for everybody?
          <button className="button small" onClick={() => { setSure(false); onEnd(); }} data-testid="session-end-yes">End</button>
          <button className="button small quiet" onClick={() => setSure(false)}>Keep</button>
        </span>
      ) : (
        <button className="button small quiet" onClick={() => setSure(true)} data-testid="session-end">End the playtest</button>
      )}
    </div>
  );
}

/** Runs one wish at a time and says while it runs. */
function useAsk(): [boolean, (wish: () => Promise<boolean>) => void] {
  const [busy, setBusy] = useState(false);
  const ask = (wish: () => Promise<boolean>) => {
    setBusy(true);
    void wish().finally(() => setBusy(false));
  };
  return [busy, ask];
}
