// Where the store is: one server by its URL, the master that Sentinels name, or the master of one
// slot of a Redis Cluster. Words only: connection.ts connects, cluster-owner.ts finds the master.
import { AppError } from '../core/errors.ts';
import { keySlot } from './slot.ts';

export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

interface ManyServers {
  /** Of the servers that hold data. */
  readonly credentials: Credentials;
  readonly tls: boolean;
}

export interface SentinelLocation extends ManyServers {
  readonly kind: 'sentinel';
  readonly sentinels: readonly NodeAddress[];
  /** What the Sentinels call the master. */
  readonly name: string;
  readonly sentinelCredentials: Credentials;
}

export interface ClusterLocation extends ManyServers {
  readonly kind: 'cluster';
  /** Nodes to begin with; they tell of the others. */
  readonly seeds: readonly NodeAddress[];
  /** All keys of a cell lie in one slot, so one connection, to its master, serves the cell. */
  readonly slot: number;
}

export type StoreLocation =
  { readonly kind: 'standalone'; readonly url: string } | SentinelLocation | ClusterLocation;

/** What a configuration says of Redis (config/redis-schema.ts). */
export interface RedisSettings {
  readonly mode: StoreLocation['kind'];
  readonly nodes: readonly string[];
  readonly sentinelName?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  readonly tls: boolean;
}

/** Where a cell is that does not live on one server alone; undefined for `standalone`. */
export function locateServers(
  settings: RedisSettings,
  cell: string,
): SentinelLocation | ClusterLocation | undefined {
  const { mode, username, password, tls, sentinelName: name = '' } = settings;
  if (mode === 'standalone') return undefined;
  const nodes = settings.nodes.map(parseNode);
  const credentials = { username, password };
  if (mode === 'cluster') {
    return { kind: 'cluster', seeds: nodes, slot: keySlot(cell), credentials, tls };
  }
  const { sentinelUsername, sentinelPassword } = settings;
  const sentinelCredentials = { username: sentinelUsername, password: sentinelPassword };
  return { kind: 'sentinel', sentinels: nodes, name, credentials, sentinelCredentials, tls };
}

/** host:port, with an IPv6 address in brackets. */
export function parseNode(text: string): NodeAddress {
  const [, bracketed, host = bracketed, port = ''] =
    /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  if (host !== undefined) return { host, port: Number(port) };
  throw new AppError('config_invalid', 'A node of redis.nodes must be written as host:port.');
}

export function describeNode({ host, port }: NodeAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `host:port`, or the socket's path: all that may be said about a URL in a log or a message. */
export function describeAddress(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const { protocol, hostname, port, pathname } = new URL(url);
  return protocol === 'unix:' ? decodeURIComponent(pathname) : `${hostname}:${port || '6379'}`;
}

/** The same for all kinds; nothing in it is secret. */
export function describeStore(location: StoreLocation): string {
  if (location.kind === 'standalone') return `Redis at ${describeAddress(location.url)}`;
  if (location.kind === 'cluster') {
    return `The Redis Cluster of ${location.seeds.map(describeNode).join(', ')}`;
  }
  const { name, sentinels } = location;
  return `Redis ${name} of the Sentinels ${sentinels.map(describeNode).join(', ')}`;
}

/** Shell line that opens redis-cli. Passwords and TLS are left to whoever types it: it is printed. */
export function cliCommandOf(location: Exclude<StoreLocation, { kind: 'standalone' }>): string {
  if (location.kind === 'sentinel') return `redis-cli -h <master of ${location.name}>`;
  const [{ host, port } = { host: '127.0.0.1', port: 6379 }] = location.seeds;
  return `redis-cli -c -h ${host} -p ${port}`;
}
