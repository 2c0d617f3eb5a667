/** The two addresses of the page: the lobby, and /s/<session>. */
import type { ReactNode } from 'react';
import { Store } from '../store';

export type Route = { readonly kind: 'lobby' } | { readonly kind: 'session'; readonly id: string } | { readonly kind: 'unknown' };

export function readRoute(path: string): Route {
  if (path === '/' || path === '/index.html') return { kind: 'lobby' };
  const id = /^\/s\/([A-Za-z0-9-]{1,50})\/?$/.exec(path)?.[1];
  return id ? { kind: 'session', id } : { kind: 'unknown' };
}

export const route = new Store<Route>(readRoute(location.pathname));

window.addEventListener('popstate', () => route.set(readRoute(location.pathname)));

export function go(to: string): void {
  // ?debug=1 stays while going around.
  history.pushState(null, '', to + location.search);
  route.set(readRoute(to));
  window.scrollTo(0, 0);
}

export function Link({ to, className, children, label }: { to: string; className?: string; children: ReactNode; label?: string }) {
  return (
    <a
      href={to}
      className={className}
      aria-label={label}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
