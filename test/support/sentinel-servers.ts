// A real Sentinel set-up: a master, two replicas, three Sentinels, quorum 2; made by commands, for tests
// (sentinel.ts) and for the fault harness.
import type { SentinelLocation } from '../../src/redis/location.ts';
import { eventually } from './eventually.ts';
import { fields, freePorts, startServer } from './servers.ts';
import type { ServerHost, TestServer } from './servers.ts';

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
  /**
   * Replicas receive nothing more until `reattach`, as if cut off: they may not log in any more. To the
   * Sentinels they follow the master all the same.
   */
  detach(): Promise<void>;
  reattach(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSentinels(host: ServerHost): Promise<TestSentinels> {
  const ports = await freePorts(6);
  const servers = await startReplicated(host, ports.slice(0, 3));
  const sentinels = await startWatching(host, ports.slice(3), ports[0]!);
  const alive = (): readonly TestServer[] =>
    servers.filter(({ redis }) => redis.status === 'ready');
  const master = async (): Promise<TestServer> => {
    const asked = sentinels.find(({ redis }) => redis.status === 'ready');
    const [, port] = (await asked!.redis.call(
      'SENTINEL',
      'GET-MASTER-ADDR-BY-NAME',
      NAME,
    )) as string[];
    const found = servers.find((server) => server.port === Number(port));
    if (found === undefined) throw new Error('the Sentinels name no master of ours');
    return found;
  };
  const setPassword = async (password: string): Promise<void> => {
    // One that was killed this moment still looks alive.
    for (const { redis } of alive()) {
      await redis.config('SET', 'masterauth', password).catch(() => undefined);
    }
  };
  return {
    servers,
    sentinels,
    location: {
      kind: 'sentinel',
      sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
      name: NAME,
      credentials: { password: PASSWORD },
      sentinelCredentials: { password: SENTINEL_PASSWORD },
      tls: false,
    },
    master,
    detach: async () => {
      await setPassword(`not-${PASSWORD}`);
      const { redis } = await master();
      await redis.call('CLIENT', 'KILL', 'TYPE', 'replica');
      await eventually(async () => {
        const { connected_slaves: connected } = fields(await redis.info('replication'));
        if (connected !== '0') throw new Error('a replica is still there');
      });
    },
    reattach: () => setPassword(PASSWORD),
    stop: async () => {
      await Promise.all([...sentinels, ...servers].map((one) => one.kill()));
    },
  };
}

async function startReplicated(
  host: ServerHost,
  ports: readonly number[],
): Promise<readonly TestServer[]> {
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
      return startServer(host, port, settings, { lines, password: PASSWORD });
    }),
  );
  await eventually(async () => {
    const { connected_slaves: connected } = fields(await master!.redis.info('replication'));
    if (connected !== String(replicas.length)) throw new Error('replicas are missing');
  });
  return [master!, ...replicas];
}

async function startWatching(
  host: ServerHost,
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
    ports.map((port) => startServer(host, port, {}, { args: ['--sentinel'], lines, password })),
  );
  await eventually(async () => {
    for (const { redis } of sentinels) {
      const about = (await redis.call('SENTINEL', 'MASTER', NAME)) as string[];
      const of = (name: string): string | undefined => about[about.indexOf(name) + 1];
      const known = `${of('num-other-sentinels')} ${of('num-slaves')}`;
      if (known !== '2 2') throw new Error('a Sentinel does not know all others yet');
    }
  });
  return sentinels;
}
