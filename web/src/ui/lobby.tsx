import { useCallback, useEffect, useState } from 'react';
import { ApiError, type Application, type Session } from '../api';
import type { Signed } from '../app';
import { Header } from './header';
import { Chair, Clock, Gamepad } from './icons';
import { go, Link } from './route';
import { about, clockTime, useNow } from './time';
import './lobby.css';

/** The list is small and the lobby is not where people stay: asking now and then is enough. */
const POLL_MS = 4000;

export function Lobby({ signed }: { signed: Signed }) {
  const { api, me } = signed;
  const [sessions, setSessions] = useState<readonly Session[] | null>(null);
  const [problem, setProblem] = useState('');
  const mayStart = me.role === 'player' || me.role === 'qa-lead';

  const load = useCallback(async () => {
    try {
      setSessions(await api.sessions());
      setProblem('');
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : 'The list could not be read.');
    }
  }, [api]);

  useEffect(() => {
    document.title = 'Hotseat';
    void load();
    const timer = setInterval(() => document.visibilityState === 'visible' && void load(), POLL_MS);
    return () => clearInterval(timer);
  }, [load]);

  const running = sessions?.filter((session) => !isOver(session)) ?? [];
  const over = sessions?.filter(isOver).slice(0, 12) ?? [];
  return (
    <>
      <Header signed={signed} />
      <main className="lobby">
        <div className="lobby-title">
          <h1>Playtests</h1>
          {problem ? <p className="notice bad" role="alert">{problem}</p> : null}
        </div>
        {sessions === null ? <Skeletons /> : null}
        {sessions && running.length === 0 ? <Empty mayStart={mayStart} /> : null}
        {running.length > 0 ? (
          <ul className="cards">{running.map((session) => <Card key={session.id} session={session} />)}</ul>
        ) : null}
        {mayStart && sessions ? <Start signed={signed} /> : null}
        {over.length > 0 ? (
          <section>
            <h2>Earlier</h2>
            <ul className="cards past">{over.map((session) => <Card key={session.id} session={session} />)}</ul>
          </section>
        ) : null}
      </main>
    </>
  );
}

export function isOver(session: Session): boolean {
  return session.endedAt !== null || session.status === 'TERMINATED' || session.status === 'ERROR';
}

function Card({ session }: { session: Session }) {
  const now = useNow(Date.now, 10_000);
  const ended = isOver(session);
  const endsAt = session.endsAt ? Date.parse(session.endsAt) : null;
  return (
    <li>
      <Link to={`/s/${session.id}`} className="card">
        <div className="card-body" data-testid="session-card" data-session={session.id}>
          <div className="card-top">
            <Pill session={session} />
            <span className="card-when">{clockTime(Date.parse(session.createdAt))}</span>
          </div>
          <h3>{session.title}</h3>
          <p className="card-seat">
            <Chair size={16} />
            {ended
              ? session.statusReason || (session.endedAt ? `Ended ${clockTime(Date.parse(session.endedAt))}` : 'Ended')
              : session.holder
                ? `${session.holder.name} plays`
                : 'The seat is free'}
            {session.waiting > 0 ? <span className="card-waiting">{session.waiting} waiting</span> : null}
          </p>
          <p className="card-more">
            {session.width}×{session.height}, {session.framerate} fps
            {!ended && endsAt ? <span><Clock />{about(endsAt - now)} left</span> : null}
          </p>
        </div>
      </Link>
    </li>
  );
}

export function Pill({ session }: { session: Pick<Session, 'status' | 'endedAt' | 'published'> }) {
  if (session.status === 'ERROR') return <span className="pill bad">Error</span>;
  if (session.endedAt || session.status === 'TERMINATED') return <span className="pill">Ended</span>;
  if (session.status === 'TERMINATING') return <span className="pill">Ending</span>;
  if (session.status === 'ACTIVATING') return <span className="pill warm">Starting</span>;
  return session.published ? <span className="pill live">Live</span> : <span className="pill warm">No picture yet</span>;
}

function Empty({ mayStart }: { mayStart: boolean }) {
  return (
    <div className="empty" data-testid="lobby-empty">
      <Gamepad size={40} />
      <h2>No playtest is running</h2>
      <p>
        {mayStart
          ? 'Start one below. You watch first; ask for the seat to play.'
          : 'A player or a QA lead starts one. It appears here by itself, no need to reload.'}
      </p>
    </div>
  );
}

function Skeletons() {
  return <ul className="cards" aria-hidden="true">{[1, 2].map((n) => <li key={n} className="skeleton" />)}</ul>;
}

const LENGTHS = [
  [1800, '30 minutes'],
  [3600, '1 hour'],
  [7200, '2 hours'],
  [14400, '4 hours'],
] as const;

function Start({ signed }: { signed: Signed }) {
  const { api } = signed;
  const [applications, setApplications] = useState<readonly Application[] | null>(null);
  const [starting, setStarting] = useState('');
  const [problem, setProblem] = useState('');
  const [framerate, setFramerate] = useState(30);
  const [length, setLength] = useState(3600);

  useEffect(() => {
    api.applications().then(setApplications, (error: unknown) => {
      setProblem(error instanceof ApiError ? error.message : 'The games could not be listed.');
    });
  }, [api]);

  const start = async (application: string) => {
    setStarting(application);
    setProblem('');
    try {
      go(`/s/${(await api.start({ application, framerate, sessionLengthSeconds: length })).id}`);
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : 'Starting did not work.');
      setStarting('');
    }
  };

  return (
    <section className="start" aria-labelledby="start-title">
      <div className="start-top">
        <h2 id="start-title">Start a playtest</h2>
        <label>
          Length
          <select value={length} onChange={(event) => setLength(Number(event.target.value))}>
            {LENGTHS.map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
          </select>
        </label>
        <label>
          Broadcast
          <select value={framerate} onChange={(event) => setFramerate(Number(event.target.value))}>
            <option value={30}>30 fps</option>
            <option value={60}>60 fps</option>
          </select>
        </label>
      </div>
      {applications?.length === 0 ? <p className="notice">No games are installed. Add an application to the stream group first.</p> : null}
      <ul className="games">
        {applications?.map((application) => (
          <li key={application.id}>
            <span className="game-icon"><Gamepad /></span>
            <span className="game-name">{application.description}<small>{application.id}</small></span>
            <button className="button primary" disabled={starting !== ''} onClick={() => void start(application.id)}
              data-testid="session-start">
              {starting === application.id ? 'Starting…' : 'Start'}
            </button>
          </li>
        ))}
      </ul>
      {problem ? <p className="notice bad" role="alert">{problem}</p> : null}
    </section>
  );
}
