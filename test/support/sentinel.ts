// A real Sentinel set-up for one test file: a master, two replicas, three Sentinels, quorum 2.
import { afterAll, beforeAll, expect } from 'vitest';
import type { SentinelLocation } from '../../src/redis/location.ts';
import { eventually } from './eventually.ts';
import { fields, freePorts, startServer } from './servers.ts';
import type { TestServer } from './servers.ts';

const NAME = 'slotkeeper-test';
const PASSWORD = 'of-the-servers';
const SENTINEL_PASSWORD = 'of-the-sentinels';
/** Silence after which a Sentinel takes a server for dead. */
const DOWN_AFTER_MS = 1000;

export interface TestSentinels {
  /** The first is the master at the beginning. */
  readonly servers: readonly TestServer[];
  readonly sentinels: readonly TestServer[];
  readonly location: SentinelLocation;
  /** Whom the Sentinels call master now. */
  master(): Promise<TestServer>;
}

/** Call it at the top of a test file: it registers its own hooks. */
export function useSentinels(): TestSentinels {
  let servers: readonly TestServer[] = [];
  let sentinels: readonly TestServer[] = [];
  beforeAll(async () => {
    const ports = await freePorts(6);
    servers = await startReplicated(ports.slice(0, 3));
    sentinels = await startSentinels(ports.slice(3), ports[0]!);
  });
  afterAll(async () => {
    await Promise.all([...sentinels, ...servers].map((one) => one.kill()));
  });
  return {
    get servers() {
      return servers;
    },
    get sentinels() {
      return sentinels;
    },
    get location() {
      return {
        kind: 'sentinel' as const,
        sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
        name: NAME,
        credentials: { password: PASSWORD },
        sentinelCredentials: { password: SENTINEL_PASSWORD },
        tls: false,
      };
    },
    master: async () => {
      const asked = sentinels.find(({ redis }) => redis.status === 'ready');
      const [, port] = (await asked!.redis.call(
        'SENTINEL',
        'GET-MASTER-ADDR-BY-NAME',
        NAME,
      )) as string[];
      const master = servers.find((server) => server.port === Number(port));
      if (master === undefined) throw new Error('the Sentinels name no master of ours');
      return master;
    },
  };
}

async function startReplicated(ports: readonly number[]): Promise<readonly TestServer[]> {
  const settings = {
    save: '""',
    appendonly: 'no',
    'maxmemory-policy': 'noeviction',
    'repl-diskless-sync-delay': '0',
    requirepass: PASSWORD,
    masterauth: PASSWORD,
  };
  const [master, ...replicas] = await Promise.all(
    ports.map((port, i) => {
      const lines = i === 0 ? [] : [`replicaof 127.0.0.1 ${ports[0]}`];
      return startServer(port, settings, { lines, password: PASSWORD });
    }),
  );
  await eventually(async () => {
    const { connected_slaves: connected } = fields(await master!.redis.info('replication'));
    expect(connected).toBe(String(replicas.length));
  });
  return [master!, ...replicas];
}

async function startSentinels(
  ports: readonly number[],
  masterPort: number,
): Promise<readonly TestServer[]> {
  const lines = [
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel auth-pass ${NAME} ${PASSWORD}`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 5000`,
    `requirepass ${SENTINEL_PASSWORD}`,
    `sentinel sentinel-pass ${SENTINEL_PASSWORD}`,
  ];
  const password = SENTINEL_PASSWORD;
  const sentinels = await Promise.all(
    ports.map((port) => startServer(port, {}, { args: ['--sentinel'], lines, password })),
  );
  await eventually(async () => {
    for (const { redis } of sentinels) {
      const about = (await redis.call('SENTINEL', 'MASTER', NAME)) as string[];
      const of = (name: string): string | undefined => about[about.indexOf(name) + 1];
      expect([of('num-other-sentinels'), of('num-slaves')]).toEqual(['2', '2']);
    }
  });
  return sentinels;
}
