/** Whole-page messages: what happened, and what to do. */
import type { ReactNode } from 'react';
import { Mark } from './icons';
import { Link } from './route';
import './pages.css';

export function Message({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <main className="message" data-testid="message">
      <Mark size={44} />
      <h1>{title}</h1>
      {children ? <p>{children}</p> : null}
      {action}
    </main>
  );
}

export function Loading({ label = 'Loading' }: { label?: string }) {
  return (
    <main className="message" role="status">
      <span className="spinner" aria-hidden="true" />
      <p>{label}…</p>
    </main>
  );
}

export function NotFound() {
  return (
    <Message title="There is nothing here" action={<Link className="button primary" to="/">To the lobby</Link>}>
      The address is wrong, or the playtest was removed.
    </Message>
  );
}

export function Unreachable({ onRetry }: { onRetry?: () => void }) {
  return (
    <Message
      title="Hotseat does not answer"
      action={onRetry ? <button className="button primary" onClick={onRetry}>Try again</button> : undefined}
    >
      The connection is down, or the backend is starting. This page tries again by itself every few seconds.
    </Message>
  );
}
