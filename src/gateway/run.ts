// The run of a request: which one it is, and that the provider of its first request serves its others
// too. It is asked only by requests that carry a run; a provider that the caller names goes before it.
import type { IncomingHttpHeaders } from 'node:http';
import type { RunsConfig } from '../config/costs-resolve.ts';
import { AppError, asAppError } from '../core/errors.ts';
import { runIdOf } from '../costs/run-id.ts';
import type { Run, RunProviders } from '../sessions/run-provider.ts';
import type { Destination, Places } from './destination.ts';
import type { GatewayEmitter } from './events.ts';
import { sessionAt, type BodySessions } from './session.ts';

export interface RunRules extends Pick<RunsConfig, 'session' | 'sessionFrom'> {
  /** Undefined where runs do not stay with a provider. */
  readonly memory: Pick<RunProviders, 'find' | 'remember'> | undefined;
}

/** Throws `invalid_params` for a run header that is none. */
export function runIn(
  headers: IncomingHttpHeaders,
  sessions: BodySessions,
  { rules, events }: { readonly rules: RunRules; readonly events: GatewayEmitter },
): string | undefined {
  const source = rules.sessionFrom.find((one) => sessionAt(one, headers, sessions) !== undefined);
  const session = source && sessionAt(source, headers, sessions);
  const found = runIdOf({ run: textOf(headers['x-slotkeeper-run']), session }, rules.session);
  if (found.kind === 'malformed_session') events.emit('sessionWithoutRun', { source });
  if (found.kind !== 'malformed_run') return found.kind === 'run' ? found.run : undefined;
  const message = 'A run id is 1 to 128 printable ASCII characters without spaces.';
  throw new AppError('invalid_params', message, { param: 'x-slotkeeper-run' });
}

/** The provider that the run has already. Rejects with `store_unavailable`. */
export async function providerOfRun(run: Run, { memory }: RunRules): Promise<string | undefined> {
  try {
    return await memory?.find(run);
  } catch (cause) {
    // The acquire would find no store either: a second wait for it is spared.
    throw new AppError('store_unavailable', 'The store does not answer; try again.', { cause });
  }
}

/** As far as the route leads to the run's provider, and that is in use, no other serves the run. */
export function stayWith(
  provider: string | undefined,
  destination: Destination,
  places: Places,
): Destination {
  if (provider === undefined || places.providers.get(provider) !== true) return destination;
  const targets = destination.targets.filter(({ pool }) => pool === provider);
  return targets.length === 0 ? destination : { ...destination, targets };
}

/**
 * The provider that serves the first request of a run is its provider. Without a store the next
 * request decides it: this one has its slot and goes on.
 */
export async function keepProvider(
  provider: string,
  run: Run,
  { runs, events }: { readonly runs: RunRules; readonly events: GatewayEmitter },
): Promise<void> {
  try {
    await runs.memory?.remember(run, provider);
  } catch (cause) {
    events.emit('runNotRemembered', { error: asAppError(cause) });
  }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join() : header;
}
