// What the product cannot work without: a version, an eviction policy, on every server that holds
// the cell now or may come to hold it. It changes no setting.
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import { SlotOwner } from './cluster-owner.ts';
import { describeNode } from './location.ts';
import type { NodeAddress, StoreLocation } from './location.ts';
import { askNode } from './node-client.ts';
import type { NodeAccess } from './node-client.ts';

export interface ServerCheck {
  readonly version: string;
  /** Whether the server is a node of a Redis Cluster. */
  readonly cluster: boolean;
  /** What works, but should not stay as it is. */
  readonly warnings: readonly string[];
}

const OLDEST_MAJOR = 7;
/**
 * Checks the server behind the connection, and each other one to which the cell may move: replicas,
 * and all masters of a Cluster. Rejects with `config_invalid` where one must not be used; those that
 * do not answer now are warnings.
 */
export async function checkStore(
  redis: Redis,
  location: StoreLocation,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<ServerCheck> {
  const own = await checkServer(redis);
  if (own.cluster !== (location.kind === 'cluster')) {
    const is = own.cluster ? 'a node of a Redis Cluster' : 'no node of a Redis Cluster';
    const cure = own.cluster
      ? 'set redis.mode to cluster and name some of its nodes in redis.nodes'
      : 'set redis.mode to standalone or sentinel';
    throw new AppError('config_invalid', `The Redis that answers is ${is}: ${cure}.`);
  }
  if (location.kind === 'standalone') return own;
  const { credentials, tls } = location;
  const access = { credentials, tls, timeoutMs };
  const nodes =
    location.kind === 'cluster' ? await nodesOf(location, timeoutMs) : await replicasOf(redis);
  const warnings = await Promise.all(nodes.map((node) => checkNode(node, access)));
  return { ...own, warnings: [...own.warnings, ...warnings.flat()] };
}

async function nodesOf(
  location: StoreLocation & { kind: 'cluster' },
  timeoutMs: number,
): Promise<readonly NodeAddress[]> {
  const shards = await new SlotOwner(location, { timeoutMs }).shards().catch(() => []);
  const nodes = shards.flatMap((shard) => shard.nodes);
  return [...new Map(nodes.map((node) => [describeNode(node), node])).values()];
}

async function replicasOf(redis: Redis): Promise<readonly NodeAddress[]> {
  const info = await readInfo(redis);
  return [...info].flatMap(([name, value]) => {
    const [, host, port] = /^ip=([^,]+),port=(\d+)/.exec(value) ?? [];
    return /^slave\d+$/.test(name) && host !== undefined ? [{ host, port: Number(port) }] : [];
  });
}

async function checkNode(node: NodeAddress, access: NodeAccess): Promise<readonly string[]> {
  try {
    await askNode(node, access, checkServer);
    return [];
  } catch (error) {
    const where = describeNode(node);
    if (error instanceof AppError) throw new AppError(error.code, `${where}: ${error.message}`);
    return [`${where} cannot be checked now: should the cell move there, its policy counts.`];
  }
}

/**
 * Checks what the product cannot work without: version 7.0 and `noeviction`. Rejects with
 * `config_invalid` and what to do; what cannot be read (managed services) becomes a warning.
 */
export async function checkServer(redis: Redis): Promise<ServerCheck> {
  const info = await readInfo(redis);
  const warnings: string[] = [];
  const version = info.get('redis_version') ?? 'unknown';
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new AppError(
      'config_invalid',
      `Redis ${version} is too old: use 7.0 or newer, or Valkey.`,
    );
  }
  const policy = info.get('maxmemory_policy') ?? (await readPolicy(redis));
  if (policy === undefined) {
    warnings.push('The eviction policy cannot be read here: make sure that it is noeviction.');
  } else if (policy !== 'noeviction') {
    throw new AppError(
      'config_invalid',
      `This Redis has maxmemory-policy ${policy}: it would silently drop leases under memory ` +
        'pressure, and slots would be sold twice. Run `redis-cli CONFIG SET maxmemory-policy ' +
        'noeviction` (and set it in redis.conf or at your provider), then start again.',
    );
  }
  if (info.get('aof_enabled') === '0') {
    warnings.push(
      'Redis has no append-only file: a crash of it loses the leases (appendonly yes).',
    );
  }
  return { version, cluster: info.get('cluster_enabled') === '1', warnings };
}

async function readInfo(redis: Redis): Promise<ReadonlyMap<string, string>> {
  const text = await redis.info().catch(() => '');
  const lines = text.split('\r\n').map((line) => line.split(':'));
  return new Map(lines.flatMap(([name, value]) => (name && value ? [[name, value]] : [])));
}

async function readPolicy(redis: Redis): Promise<string | undefined> {
  const reply: unknown = await redis.config('GET', 'maxmemory-policy').catch(() => undefined);
  return Array.isArray(reply) && typeof reply[1] === 'string' ? reply[1] : undefined;
}
