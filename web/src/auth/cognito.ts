/**
 * The part of Amazon Cognito that a page needs: InitiateAuth with a password or a refresh
 * token, and RevokeToken (Amazon Cognito API Reference). These operations are unsigned.
 */
import { isObject } from '../events/entry';

export interface Tokens {
  readonly idToken: string;
  /** Unix milliseconds, by this machine's clock. */
  readonly expires: number;
  /** How long a token lives, in milliseconds. */
  readonly lifeMs: number;
  /** Absent when a refresh did not rotate it: the old one stays good. */
  readonly refreshToken?: string;
}

/** `type` is Cognito's exception name; `Unreachable` when nothing answered. */
export class SignInError extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
    this.name = 'SignInError';
  }
}

export interface CognitoConfig {
  readonly endpoint: string;
  readonly clientId: string;
}

export async function signInWithPassword(config: CognitoConfig, email: string, password: string): Promise<Tokens> {
  return initiateAuth(config, 'USER_PASSWORD_AUTH', { USERNAME: email, PASSWORD: password });
}

export async function refresh(config: CognitoConfig, refreshToken: string): Promise<Tokens> {
  return initiateAuth(config, 'REFRESH_TOKEN_AUTH', { REFRESH_TOKEN: refreshToken });
}

export async function revoke(config: CognitoConfig, refreshToken: string): Promise<void> {
  await operation(config, 'RevokeToken', { Token: refreshToken, ClientId: config.clientId });
}

async function initiateAuth(config: CognitoConfig, flow: string, parameters: Record<string, string>): Promise<Tokens> {
  const value = await operation(config, 'InitiateAuth', {
    AuthFlow: flow,
    ClientId: config.clientId,
    AuthParameters: parameters,
  });
  const result = isObject(value) ? value['AuthenticationResult'] : undefined;
  if (isObject(result) && typeof result['IdToken'] === 'string') {
    const seconds = typeof result['ExpiresIn'] === 'number' && result['ExpiresIn'] > 0 ? result['ExpiresIn'] : 300;
    return {
      idToken: result['IdToken'],
      expires: Date.now() + seconds * 1000,
      lifeMs: seconds * 1000,
      ...(typeof result['RefreshToken'] === 'string' ? { refreshToken: result['RefreshToken'] } : {}),
    };
  }
  if (isObject(value) && value['ChallengeName'] === 'NEW_PASSWORD_REQUIRED') {
    throw new SignInError('NewPasswordRequired', 'This account needs a new password first. Ask your QA lead to set one.');
  }
  throw new SignInError('Challenge', 'This account needs a sign-in step that this page does not know.');
}

async function operation(config: CognitoConfig, name: string, body: object): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(config.endpoint, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': `AWSCognitoIdentityProviderService.${name}`,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(12_000),
      cache: 'no-store',
    });
  } catch {
    throw new SignInError('Unreachable', 'The sign-in service does not answer. Check the connection and try again.');
  }
  const value: unknown = await response.json().catch(() => ({}));
  if (response.ok) return value;
  const type = isObject(value) && typeof value['__type'] === 'string' ? value['__type'].replace(/^.*#/, '') : 'Error';
  throw new SignInError(type, sentence(type, isObject(value) ? value['message'] : undefined));
}

function sentence(type: string, message: unknown): string {
  switch (type) {
    case 'NotAuthorizedException':
    case 'UserNotFoundException':
      return 'E-mail or password is not right.';
    case 'TooManyRequestsException':
    case 'LimitExceededException':
      return 'Too many attempts. Wait a minute, then try again.';
    case 'UserNotConfirmedException':
    case 'PasswordResetRequiredException':
      return 'This account is not ready yet. Ask your QA lead to set its password.';
    default:
      return typeof message === 'string' && message !== '' ? message.slice(0, 300) : 'Signing in did not work.';
  }
}
