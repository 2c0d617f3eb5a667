/** From nothing to a page: configuration, sign-in, who am I, and then the route. */
import { useEffect, useState } from 'react';
import { Api, ApiError, fetchConfig } from './api';
import { Account } from './auth/account';
import type { Config } from './config';
import { pause } from './events/backoff';
import type { Person } from './events/entry';
import { useStore } from './store';
import { Lobby } from './ui/lobby';
import { Loading, Message, NotFound, Unreachable } from './ui/pages';
import { route } from './ui/route';
import { SessionPage } from './ui/session';
import { SignIn } from './ui/signin';

interface Base {
  readonly config: Config;
  readonly account: Account;
  readonly api: Api;
}

export interface Signed extends Base {
  readonly me: Person;
}

const RETRY_MS = 3000;

export function App() {
  const [base, setBase] = useState<Base | null>(null);
  const [down, setDown] = useState(false);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      while (!stop.signal.aborted) {
        try {
          const config = await fetchConfig(stop.signal);
          const account = new Account(config.cognito);
          const api = new Api((fresh) => account.idToken(fresh));
          if (stop.signal.aborted) return;
          setBase({ config, account, api });
          setDown(false);
          return await account.resume();
        } catch {
          if (stop.signal.aborted) return;
          setDown(true);
          await pause(RETRY_MS, stop.signal);
        }
      }
    };
    void load();
    return () => stop.abort();
  }, [attempt]);

  if (base) return <Gate base={base} />;
  return down ? <Unreachable onRetry={() => setAttempt(attempt + 1)} /> : <Loading />;
}

/** Shows the page to people who are signed in, the sign-in to everybody else. */
function Gate({ base }: { base: Base }) {
  const view = useStore(base.account.view);
  if (view.kind === 'unknown') return <Loading label="Signing in" />;
  if (view.kind === 'signed-out') {
    return <SignIn account={base.account} notice={view.notice} local={base.config.local} />;
  }
  return <Home base={base} />;
}

function Home({ base }: { base: Base }) {
  const [me, setMe] = useState<Person | null>(null);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const at = useStore(route);

  useEffect(() => {
    let gone = false;
    const load = async () => {
      while (!gone) {
        try {
          const person = await base.api.me();
          if (!gone) setMe(person);
          return;
        } catch (error) {
          if (gone) return;
          const known = error instanceof ApiError ? error : null;
          setProblem(known);
          if (known && (known.status === 401 || known.status === 403)) return;
          await pause(RETRY_MS);
        }
      }
    };
    void load();
    return () => {
      gone = true;
    };
  }, [base]);

  if (!me) {
    if (!problem) return <Loading />;
    if (problem.status !== 401 && problem.status !== 403) return <Unreachable />;
    return (
      <Message
        title="You may not enter"
        action={<button className="button" onClick={() => base.account.signOut()}>Sign in as somebody else</button>}
      >
        {problem.message}
      </Message>
    );
  }
  const signed: Signed = { ...base, me };
  if (at.kind === 'session') return <SessionPage key={at.id} signed={signed} id={at.id} />;
  return at.kind === 'lobby' ? <Lobby signed={signed} /> : <NotFound />;
}
