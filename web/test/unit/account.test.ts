import { afterEach, expect, it } from 'vitest';
import { Account } from '../../src/auth/account';
import { SignedOutError } from '../../src/events/client';
import { startServer, type StandIn } from '../server.mjs';

let stage: StandIn;
afterEach(() => stage.close());

function memory() {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

async function account(tokenSeconds: number, storage = memory()) {
  stage = await startServer({ port: 0, tokenSeconds });
  return new Account({ endpoint: `${stage.url}/cognito/`, clientId: 'client' }, storage);
}

it('says in words that the password is wrong', async () => {
  const someone = await account(300);
  await expect(someone.signIn('viewer@ivs.rocks', 'no')).rejects.toThrow('E-mail or password is not right.');
  expect(someone.view.get().kind).toBe('unknown');
});

it('keeps only the refresh token, and resumes with it', async () => {
  const storage = memory();
  const someone = await account(300, storage);
  await someone.signIn('viewer@ivs.rocks', 'hotseat');
  expect([...storage.values.keys()]).toEqual(['hotseat.refresh']);
  const reloaded = new Account({ endpoint: `${stage.url}/cognito/`, clientId: 'client' }, storage);
  await reloaded.resume();
  expect(reloaded.view.get().kind).toBe('signed-in');
  expect(await reloaded.idToken()).toMatch(/^t\.viewer@ivs\.rocks\./);
  someone.signOut('x');
  reloaded.signOut('x');
});

it('renews a token before it expires, once for everybody who asks', async () => {
  const someone = await account(2);
  await someone.signIn('viewer@ivs.rocks', 'hotseat');
  const first = await someone.idToken();
  const [a, b] = await Promise.all([someone.idToken(true), someone.idToken(true)]);
  expect(a).toBe(b);
  expect(a).not.toBe(first);
  expect(stage.counts.refresh).toBe(1);
  someone.signOut('x');
});

it('says why when the refresh token is no longer good', async () => {
  const storage = memory();
  storage.setItem('hotseat.refresh', 'forged');
  const someone = await account(300, storage);
  await someone.resume();
  expect(someone.view.get()).toMatchObject({ kind: 'signed-out', notice: expect.stringContaining('expired') });
  expect(storage.values.size).toBe(0);
});

it('gives the channels a token with its end, and says when there will be none any more', async () => {
  const someone = await account(300);
  await someone.signIn('viewer@ivs.rocks', 'hotseat');
  const first = await someone.credential();
  expect(first.token).toMatch(/^t\.viewer@ivs\.rocks\./);
  expect(first.expires).toBeGreaterThan(Date.now() + 290_000);
  expect((await someone.credential()).token).toBe(first.token);
  expect((await someone.credential(true)).expires).toBeGreaterThanOrEqual(first.expires);
  expect(stage.counts.refresh).toBe(1);
  someone.signOut();
  await expect(someone.credential(true)).rejects.toBeInstanceOf(SignedOutError);
});
