/** Types of the stand-in services, for the unit tests. */
export interface StandIn {
  readonly url: string;
  readonly knobs: Record<string, unknown>;
  readonly counts: Record<'refresh' | 'subscribes' | 'logReads' | 'offers' | 'whep' | 'deletes', number>;
  readonly PEOPLE: Record<string, { id: string; name: string; role: string }>;
  createSession(application: string, title: string, createdBy: string): { id: string; log: unknown[] };
  publish(channel: string, person: { id: string; name: string; role: string }, event: object): void;
  kick(): void;
  close(): Promise<void>;
}
export function startServer(options?: { port?: number; tokenSeconds?: number }): Promise<StandIn>;
