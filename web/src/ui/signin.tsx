import { useEffect, useRef, useState, type FormEvent } from 'react';
import type { Account } from '../auth/account';
import { SignInError } from '../auth/cognito';
import { Mark } from './icons';
import './signin.css';

export function SignIn({ account, notice, local }: { account: Account; notice?: string | undefined; local: boolean }) {
  const [problem, setProblem] = useState(notice ?? '');
  const [busy, setBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);

  useEffect(() => {
    document.title = 'Sign in · Hotseat';
  }, []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setProblem('');
    try {
      await account.signIn(String(form.get('email')).trim(), String(form.get('password')));
    } catch (error) {
      setProblem(error instanceof SignInError ? error.message : 'Signing in did not work.');
      setBusy(false);
      password.current?.select();
    }
  };

  return (
    <main className="signin">
      <form className="signin-card" onSubmit={(event) => void submit(event)}>
        <div className="signin-brand"><Mark size={40} /><h1>Hotseat</h1></div>
        <p className="signin-lead">Watch a playtest live, talk about it, and take the seat.</p>
        <label>
          E-mail
          <input name="email" type="email" autoComplete="username" required autoFocus data-testid="signin-email" />
        </label>
        <label>
          Password
          <input ref={password} name="password" type="password" autoComplete="current-password" required
            data-testid="signin-password" />
        </label>
        <p className="signin-problem" role="alert" data-testid="signin-problem">{problem}</p>
        <button className="button primary big" disabled={busy} data-testid="signin-submit">
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        {local ? <p className="signin-hint">Running locally: the accounts were printed where Hotseat was started.</p> : null}
      </form>
    </main>
  );
}
