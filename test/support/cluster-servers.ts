// A real Redis Cluster: three masters with a replica each, on loopback, made by commands; for tests
// (cluster.ts) and for the fault harness. It moves slots as `redis-cli --cluster reshard` does.
import type { ClusterLocation } from '../../src/redis/location.ts';
import { keySlot } from '../../src/redis/slot.ts';
import { eventually } from './eventually.ts';
import { fields, freePorts, startServer } from './servers.ts';
import type { ServerHost, TestServer } from './servers.ts';

const MASTERS = 3;
const SLOTS = 16_384;
/** So many slots belong to each master at the beginning. */
export const SHARE = Math.ceil(SLOTS / MASTERS);
/** Silence after which the others replace a master. */
const NODE_TIMEOUT_MS = 1500;

export interface ClusterNode extends TestServer {
  readonly id: string;
}

export interface TestCluster {
  /** Three masters, then their replicas in the same order. */
  readonly nodes: readonly ClusterNode[];
  location(cell: string): ClusterLocation;
  /** The master of the cell now, by what a living node says. */
  ownerOf(cell: string): Promise<ClusterNode>;
  /** Moves the cell's slot with all of its keys. */
  move(cell: string, to: ClusterNode): Promise<void>;
  /** The first half of it: the slot is marked, and no key has moved yet. */
  beginMove(cell: string, to: ClusterNode): Promise<void>;
  /** Up to so many keys of a slot that is moving go over. Returns how many went. */
  moveKeys(cell: string, to: ClusterNode, most: number): Promise<number>;
  finishMove(cell: string, to: ClusterNode): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(host: ServerHost): Promise<TestCluster> {
  const nodes = await startNodes(host);
  return {
    nodes,
    ...moves(nodes),
    location: (cell) => ({
      kind: 'cluster',
      seeds: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      slot: keySlot(cell),
      credentials: {},
      tls: false,
    }),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
    },
  };
}

async function startNodes(host: ServerHost): Promise<readonly ClusterNode[]> {
  const ports = await freePorts(4 * MASTERS);
  const servers = await Promise.all(
    Array.from({ length: 2 * MASTERS }, (_, i) =>
      startServer(host, ports[2 * i]!, {
        'cluster-enabled': 'yes',
        'cluster-port': String(ports[2 * i + 1]),
        'cluster-node-timeout': String(NODE_TIMEOUT_MS),
        'repl-diskless-sync-delay': '0',
        save: '""',
        appendonly: 'no',
        'maxmemory-policy': 'noeviction',
      }),
    ),
  );
  const nodes = await Promise.all(
    servers.map(async (server, i) => {
      await server.redis.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      return { ...server, id: (await server.redis.call('CLUSTER', 'MYID')) as string };
    }),
  );
  await joinAll(nodes, ports);
  return nodes;
}

async function joinAll(nodes: readonly ClusterNode[], ports: readonly number[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS);
  for (const [i, { redis }] of masters.entries()) {
    const to = Math.min(SLOTS, (i + 1) * SHARE) - 1;
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', i * SHARE, to);
  }
  for (const [i, node] of nodes.entries()) {
    await masters[0]!.redis.call('CLUSTER', 'MEET', '127.0.0.1', node.port, ports[2 * i + 1]!);
  }
  await eventually(async () => {
    for (const { redis } of nodes) demand((await known(redis)) === nodes.length);
  });
  for (const [i, { id }] of masters.entries()) {
    await nodes[MASTERS + i]!.redis.call('CLUSTER', 'REPLICATE', id);
  }
  await eventually(async () => {
    for (const { redis } of nodes) demand((await state(redis)) === 'ok');
    for (const { redis } of nodes.slice(MASTERS)) {
      demand(fields(await redis.info('replication'))['master_link_status'] === 'up');
    }
    for (const { redis } of masters) {
      demand(fields(await redis.info('replication'))['connected_slaves'] === '1');
    }
  });
}

function demand(isSo: boolean): void {
  if (!isSo) throw new Error('the nodes have not all found one another');
}

const info = async (redis: TestServer['redis']) =>
  fields((await redis.call('CLUSTER', 'INFO')) as string);
const known = async (redis: TestServer['redis']) =>
  Number((await info(redis))['cluster_known_nodes']);
const state = async (redis: TestServer['redis']) => (await info(redis))['cluster_state'];

/** First slot, last slot, the master's host and port, its replicas. */
type Shard = readonly [number, number, readonly [string, number], ...unknown[]];

type Moves = Omit<TestCluster, 'nodes' | 'location' | 'stop'>;

function moves(nodes: readonly ClusterNode[]): Moves {
  const ownerOf: Moves['ownerOf'] = async (cell) => {
    const slot = keySlot(cell);
    const asked = nodes.find(({ redis }) => redis.status === 'ready');
    const shards = (await asked!.redis.cluster('SLOTS')) as unknown as Shard[];
    const shard = shards.find(([from, to]) => from <= slot && slot <= to);
    const owner = nodes.find(({ port }) => port === shard?.[2][1]);
    if (owner === undefined) throw new Error(`nobody owns the slot of ${cell}`);
    return owner;
  };
  const beginMove: Moves['beginMove'] = async (cell, to) => {
    const from = await ownerOf(cell);
    const slot = keySlot(cell);
    await to.redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
  };
  const moveKeys: Moves['moveKeys'] = async (cell, to, most) => {
    const from = await ownerOf(cell);
    const keys = (await from.redis.call(
      'CLUSTER',
      'GETKEYSINSLOT',
      keySlot(cell),
      most,
    )) as string[];
    if (keys.length > 0) {
      await from.redis.migrate('127.0.0.1', to.port, '', 0, 5000, 'REPLACE', 'KEYS', ...keys);
    }
    return keys.length;
  };
  const finishMove: Moves['finishMove'] = async (cell, to) => {
    while ((await moveKeys(cell, to, 100)) > 0);
    const others = nodes.filter((node) => node !== to && node.redis.status === 'ready');
    for (const node of [to, ...others]) {
      // Replicas refuse it, and hear of it from their masters.
      await node.redis
        .call('CLUSTER', 'SETSLOT', keySlot(cell), 'NODE', to.id)
        .catch(() => undefined);
    }
  };
  const move: Moves['move'] = async (cell, to) => {
    await beginMove(cell, to);
    await finishMove(cell, to);
  };
  return { ownerOf, beginMove, moveKeys, finishMove, move };
}
