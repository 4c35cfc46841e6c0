// Which daemon a load run talks to: the one that was named, the one that runs here, or one of the
// run's own. It also finds the simulator behind it, if there is one.
import { AppError } from '../../core/errors.ts';
import { read } from './observe.ts';
import { startOwnDaemon } from './own-daemon.ts';
import { startTenantDaemon, withGeneratedKeys, type LoadTenant } from './tenants.ts';

export interface TargetOptions {
  /** Undefined: the default address, or else a daemon of the run's own. */
  readonly url: string | undefined;
  readonly simUrl: string | undefined;
  /** Start a daemon even where one runs already. */
  readonly own: boolean;
  /** Whose shares are looked at; none: everybody calls alike. */
  readonly tenants?: readonly LoadTenant[];
  /** What an own daemon's upstream serves. */
  readonly model: string;
}

export interface Target {
  readonly url: string;
  readonly simUrl: string | undefined;
  /** Whether the run started the daemon itself. */
  readonly own: boolean;
  /** Each with its key. */
  readonly tenants: readonly LoadTenant[];
  /** Stops what was started for this run. */
  stop(): Promise<void>;
}

export const DEFAULT_URL = 'http://127.0.0.1:8080';

export async function findTarget(options: TargetOptions): Promise<Target> {
  if (!options.own) {
    const url = (options.url ?? DEFAULT_URL).replace(/\/+$/, '');
    const health = await read(`${url}/healthz`);
    if (health.status !== 0) {
      const simUrl = options.simUrl ?? simulatorOf(health.text);
      const tenants = known(options.tenants ?? []);
      return { url, simUrl, own: false, tenants, stop: () => Promise.resolve() };
    }
    if (options.url !== undefined) {
      throw new AppError(
        'upstream_unreachable',
        `Nothing answers at ${url}. Start the daemon there, or leave --url out to start one.`,
      );
    }
  }
  if (options.tenants !== undefined) {
    const tenants = withGeneratedKeys(options.tenants);
    return { ...(await startTenantDaemon(tenants, options.model)), own: true, tenants };
  }
  const daemon = await startOwnDaemon();
  const { text } = await read(`${daemon.url}/healthz`);
  const { url } = daemon;
  return { url, simUrl: simulatorOf(text), own: true, tenants: [], stop: () => daemon.stop() };
}

/** A daemon that runs already has keys of its own. */
function known(tenants: readonly LoadTenant[]): readonly LoadTenant[] {
  const unknown = tenants.find(({ apiKey }) => apiKey === undefined);
  if (unknown === undefined) return tenants;
  const message =
    `The daemon runs already: give it the tenant's key by --tenant-keys ${unknown.name}=KEY, ` +
    'or start another one by --own.';
  throw new AppError('invalid_params', message);
}

/** A daemon that serves its demo configuration says in /healthz where its simulator is. */
function simulatorOf(health: string): string | undefined {
  try {
    const { sim } = JSON.parse(health) as { readonly sim?: unknown };
    return typeof sim === 'string' ? sim : undefined;
  } catch {
    return undefined;
  }
}
