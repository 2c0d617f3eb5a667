/** Where the services are, as `GET /api/config` says. */
import { isObject } from './events/entry';

export interface Config {
  readonly region: string;
  readonly cognito: { readonly endpoint: string; readonly userPoolId: string; readonly clientId: string };
  readonly events: { readonly httpUrl: string; readonly realtimeUrl: string; readonly host: string };
  readonly local: boolean;
}

export function readConfig(value: unknown): Config {
  if (!isObject(value) || !isObject(value['cognito']) || !isObject(value['events'])) {
    throw new Error('the backend sent a configuration that this page does not understand');
  }
  const { cognito, events } = value;
  return {
    region: text(value['region']),
    cognito: {
      endpoint: text(cognito['endpoint']),
      userPoolId: text(cognito['userPoolId']),
      clientId: text(cognito['clientId']),
    },
    events: {
      httpUrl: text(events['httpUrl']),
      realtimeUrl: text(events['realtimeUrl']),
      host: text(events['host']),
    },
    local: value['local'] === true,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
