// The servers of Redis behind one fault: one that is brought along, a master that Sentinels watch, or a
// Cluster. It starts and stops them; what is done to them is the faults' matter.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedRedis, type EmbeddedRedis } from '../../src/redis/embedded.ts';
import { findRedisServer } from '../../src/redis/find-server.ts';
import type { KeyStyle } from '../../src/redis/keys.ts';
import type { StoreLocation } from '../../src/redis/location.ts';
import { startCluster, type TestCluster } from '../support/cluster-servers.ts';
import { startSentinels, type TestSentinels } from '../support/sentinel-servers.ts';
import type { ServerHost } from '../support/servers.ts';
import { CELL } from './configuration.ts';

export interface OneServerWish {
  readonly persistence: 'append-only' | 'none';
  readonly appendfsync?: 'always' | 'everysec';
}

/** One server as it is wished for, or several. */
export type StoreWish = OneServerWish | 'sentinels' | 'cluster';

export interface Store {
  readonly location: string | StoreLocation;
  readonly keyStyle: KeyStyle;
  /** Daemons go there by links of their own; undefined: they find their servers by themselves. */
  readonly linkTo: string | undefined;
  /** What the daemons' configuration says of Redis. */
  readonly settings: Readonly<Record<string, unknown>> | undefined;
  /** Of a server that commands may be given. */
  url(): Promise<string>;
  stop(): Promise<void>;
  /** Each of these is there where it was wished for. */
  readonly server?: EmbeddedRedis;
  readonly sentinels?: TestSentinels;
  readonly cluster?: TestCluster;
}

export async function startStore(wish: StoreWish, directory: string): Promise<Store> {
  if (wish === 'sentinels') return await startWithSentinels(await hostIn(directory));
  if (wish === 'cluster') return await startAsCluster(await hostIn(directory));
  const { persistence, appendfsync = 'everysec' } = wish;
  const server = await startEmbeddedRedis({
    dataDir: join(directory, 'redis'),
    persistence,
    settings: { appendfsync },
  });
  const { url } = server;
  return {
    location: url,
    keyStyle: 'plain',
    linkTo: url,
    settings: undefined,
    url: () => Promise.resolve(url),
    stop: () => server.stop(),
    server,
  };
}

async function hostIn(directory: string): Promise<ServerHost> {
  const server = await findRedisServer({ env: process.env });
  if (server.kind !== 'binary') throw new Error('this fault needs a redis-server that runs here');
  return {
    serverPath: server.serverPath,
    directory: () => mkdtemp(join(directory, 'server-')),
  };
}

async function startWithSentinels(host: ServerHost): Promise<Store> {
  const sentinels = await startSentinels(host);
  const { location } = sentinels;
  const { password } = location.credentials;
  return {
    location,
    keyStyle: 'plain',
    linkTo: undefined,
    settings: {
      mode: 'sentinel',
      nodes: sentinels.sentinels.map(({ address }) => address),
      sentinelName: location.name,
      password,
      sentinelPassword: location.sentinelCredentials.password,
    },
    url: async () => `redis://:${password}@${(await sentinels.master()).address}`,
    stop: () => sentinels.stop(),
    sentinels,
  };
}

async function startAsCluster(host: ServerHost): Promise<Store> {
  const cluster = await startCluster(host);
  return {
    location: cluster.location(CELL),
    keyStyle: 'tagged',
    linkTo: undefined,
    settings: { mode: 'cluster', nodes: cluster.nodes.slice(0, 2).map(({ address }) => address) },
    url: () => Promise.resolve(`redis://${cluster.nodes[0]!.address}`),
    stop: () => cluster.stop(),
    cluster,
  };
}
