/**
 * Who is signed in. Tokens live in memory; only the refresh token is kept in
 * sessionStorage, so that a reload of this tab stays signed in and closing it does not.
 */
import { Store } from '../store';
import { pause } from '../events/backoff';
import { SignedOutError, type Credential } from '../events/client';
import { refresh, revoke, signInWithPassword, SignInError, type CognitoConfig, type Tokens } from './cognito';

export type AccountView =
  | { readonly kind: 'unknown' }
  /** `notice`: why a person who was signed in is not any more. */
  | { readonly kind: 'signed-out'; readonly notice?: string }
  | { readonly kind: 'signed-in' };

const KEY = 'hotseat.refresh';
/** A token is renewed this long before it expires: longer than any call takes. */
const EARLY_MS = 60_000;

export class Account {
  readonly view = new Store<AccountView>({ kind: 'unknown' });
  private tokens: Tokens | null = null;
  private renewing: Promise<Tokens> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly config: CognitoConfig,
    private readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> = sessionStorage,
  ) {}

  /** Signs in again after a reload, if the refresh token is still good. */
  async resume(): Promise<void> {
    if (!this.storage.getItem(KEY)) return this.view.set({ kind: 'signed-out' });
    for (;;) {
      try {
        await this.renew();
        return this.view.set({ kind: 'signed-in' });
      } catch (error) {
        if (!(error instanceof SignInError) || error.type !== 'Unreachable') return;
        await pause(2000);
      }
    }
  }

  /** Rejects with SignInError, whose message is for a person. */
  async signIn(email: string, password: string): Promise<void> {
    this.keep(await signInWithPassword(this.config, email, password));
    this.view.set({ kind: 'signed-in' });
  }

  signOut(notice?: string): void {
    const token = this.storage.getItem(KEY);
    this.forget(notice);
    // Best effort: the token also expires by itself.
    if (token && !notice) revoke(this.config, token).catch(() => undefined);
  }

  /** An ID token with some life left; `fresh` asks for a new one. Rejects when signed out. */
  async idToken(fresh = false): Promise<string> {
    if (!fresh && this.tokens && this.tokens.expires - Date.now() > this.early(this.tokens) / 2) {
      return this.tokens.idToken;
    }
    return (await this.renew()).idToken;
  }

  /** The same, with its expiry. Rejects with SignedOutError when there will be no token any more. */
  async credential(fresh = false): Promise<Credential> {
    let token: string;
    try {
      token = await this.idToken(fresh);
    } catch (error) {
      if (error instanceof SignInError && error.type === 'NotAuthorizedException') throw new SignedOutError();
      throw error;
    }
    return { token, expires: this.tokens?.expires ?? Date.now() };
  }

  private renew(): Promise<Tokens> {
    this.renewing ??= this.refreshNow().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  private async refreshNow(): Promise<Tokens> {
    const token = this.storage.getItem(KEY);
    if (!token) throw new SignInError('NotAuthorizedException', 'Please sign in.');
    try {
      const tokens = await refresh(this.config, token);
      this.keep(tokens);
      return tokens;
    } catch (error) {
      const final = error instanceof SignInError && error.type === 'NotAuthorizedException';
      if (final && this.storage.getItem(KEY) === token) {
        this.forget('Your sign-in has expired. Please sign in again.');
      }
      throw error;
    }
  }

  private keep(tokens: Tokens): void {
    this.tokens = tokens;
    if (tokens.refreshToken) this.storage.setItem(KEY, tokens.refreshToken);
    this.schedule(Math.max(1000, tokens.lifeMs - this.early(tokens)));
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.renew().catch(() => {
        // Unreachable: try again soon. Refused: forget() has cleared the tokens.
        if (this.tokens) this.schedule(5000);
      });
    }, ms);
  }

  private early(tokens: Tokens): number {
    return Math.min(EARLY_MS, tokens.lifeMs / 2);
  }

  private forget(notice?: string): void {
    clearTimeout(this.timer);
    this.tokens = null;
    this.storage.removeItem(KEY);
    this.view.set(notice ? { kind: 'signed-out', notice } : { kind: 'signed-out' });
  }
}
