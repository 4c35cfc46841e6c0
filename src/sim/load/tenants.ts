// Tenants of a load run: who they are, as the command line says it, and the daemon and upstream that
// are started where the run has none. It sends nothing and judges nothing.
import { randomBytes } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import type { Simulator } from '../options.ts';
import { startSimulator } from '../server.ts';
import { startOwnDaemon, type OwnDaemon } from './own-daemon.ts';

export interface TenantWeight {
  readonly name: string;
  readonly weight: number;
}

export interface LoadTenant extends TenantWeight {
  /** Undefined where the run has not been told one. */
  readonly apiKey: string | undefined;
}

/** Few enough for a handful of callers to want more of them. */
const OWN_LIMITS = [2, 6];
const KEY_BYTES = 24;
const FROM_ENVIRONMENT = 'env:';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** `a:1,b:2`; a weight that is left out is 1. Throws an Error that says how to write it. */
export function parseTenants(text: string): readonly TenantWeight[] {
  const tenants = text.split(',').map((part) => {
    const [name = '', weight = '1', ...rest] = part.trim().split(':');
    if (!NAME.test(name) || !/^[1-9]\d{0,3}$/.test(weight) || rest.length > 0) {
      throw new Error(`Use NAME:WEIGHT with commas between, such as a:1,b:2, not "${part}".`);
    }
    return { name, weight: Number(weight) };
  });
  const twice = tenants.find(({ name }, index) => {
    return tenants.findIndex((other) => other.name === name) !== index;
  });
  if (twice !== undefined) throw new Error(`The tenant "${twice.name}" is named twice.`);
  if (tenants.length < 2) throw new Error('Shares need two tenants at least.');
  return tenants;
}

/** `a=KEY,b=env:NAME`: the key itself, or the variable that holds it. */
export function parseTenantKeys(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map((part) => {
      const at = part.indexOf('=');
      const [name, key] = [part.slice(0, at).trim(), part.slice(at + 1).trim()];
      if (at < 1 || key === '' || key === FROM_ENVIRONMENT) {
        throw new Error('Use NAME=KEY or NAME=env:VARIABLE with commas between.');
      }
      return [name, key] as const;
    }),
  );
}

/** Throws where a variable is not set or a key belongs to nobody. */
export function withKeys(
  tenants: readonly TenantWeight[],
  keys: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv,
): readonly LoadTenant[] {
  const stranger = [...keys.keys()].find((name) => !tenants.some((one) => one.name === name));
  if (stranger !== undefined) {
    throw new AppError('invalid_params', `--tenant-keys names "${stranger}", --tenants does not.`);
  }
  return tenants.map((tenant) => {
    const key = keys.get(tenant.name);
    if (!key?.startsWith(FROM_ENVIRONMENT)) return { ...tenant, apiKey: key };
    const variable = key.slice(FROM_ENVIRONMENT.length);
    const apiKey = env[variable];
    if (!apiKey) throw new AppError('invalid_params', `${variable} (--tenant-keys) is not set.`);
    return { ...tenant, apiKey };
  });
}

/** Keys for those that have none, where the run's own daemon is told them. */
export function withGeneratedKeys(tenants: readonly LoadTenant[]): readonly LoadTenant[] {
  return tenants.map((tenant) => ({
    ...tenant,
    apiKey: tenant.apiKey ?? `sk-load-${randomBytes(KEY_BYTES).toString('hex')}`,
  }));
}

export interface OwnTenantDaemon extends OwnDaemon {
  readonly simUrl: string;
}

/** A daemon whose configuration holds these tenants, over a simulated upstream of a few slots. */
export async function startTenantDaemon(
  tenants: readonly LoadTenant[],
  model: string,
): Promise<OwnTenantDaemon> {
  const limits = Object.fromEntries(OWN_LIMITS.map((limit) => [`sim-key-${limit}`, limit]));
  const simulator = await startSimulator({ limits });
  try {
    const daemon = await startOwnDaemon(configurationOf(tenants, { model, simulator }));
    const stop = async (): Promise<void> => {
      await daemon.stop();
      await simulator.stop();
    };
    return { url: daemon.url, simUrl: simulator.url, stop };
  } catch (error) {
    await simulator.stop();
    throw error;
  }
}

/** YAML, of which JSON is a part. */
function configurationOf(
  tenants: readonly LoadTenant[],
  { model, simulator }: { readonly model: string; readonly simulator: Simulator },
): string {
  const accounts = OWN_LIMITS.map((limit) => ({
    name: `sim-${limit}`,
    maxConcurrency: limit,
    credential: `sim-key-${limit}`,
  }));
  const pool = { provider: 'openai', baseUrl: `${simulator.url}/v1`, models: [model], accounts };
  const terms = tenants.map(({ name, weight, apiKey }) => {
    return [name, { weight, keys: [apiKey] }] as const;
  });
  return JSON.stringify({ pools: { openai: pool }, tenants: Object.fromEntries(terms) });
}
