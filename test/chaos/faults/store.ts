// Faults of Redis itself: killed, emptied, full, slow to think, robbed of its scripts.
import { connect } from 'node:net';
import { DAEMONS, LEASE_MS, RECOVERY_MS } from '../configuration.ts';
import type { Expectation, Fault } from '../fault.ts';
import type { Stage } from '../stage.ts';
import type { OneServerWish } from '../store.ts';

export const NO_STORE = ['503 store_unavailable', '503 recovering'];
const FAULT_MS = 3000;

function killed(name: string, store: OneServerWish, expects: Partial<Expectation>): Fault {
  return {
    name,
    does: 'kill -9 of Redis, which is started again at once',
    store,
    expects: {
      holds: 'no acknowledged slot is lost; running requests go on',
      errors: NO_STORE,
      hurtsAll: true,
      takesStoreAway: true,
      recoveryMs: RECOVERY_MS + 3000,
      ...expects,
    },
    run: async (stage) => {
      const { server } = stage.store;
      const killedPid = server?.pid;
      if (killedPid !== undefined) process.kill(killedPid, 'SIGKILL');
      await stage.until('Redis answered again', async () => {
        const isNew = server?.pid !== undefined && server.pid !== killedPid;
        return isNew && (await stage.admin.ping().catch(() => '')) === 'PONG';
      });
    },
  };
}

/** Data is lost: the holders' own word is all that is left, so the time is declared. */
export const AMNESIA = {
  holds: 'nothing is granted blindly: live leases are registered again first',
  windowAfterMs: RECOVERY_MS + LEASE_MS,
  losesLedger: true,
} as const;

const always = { persistence: 'append-only', appendfsync: 'always' } as const;
const everysec = { persistence: 'append-only', appendfsync: 'everysec' } as const;

const losses: readonly Fault[] = [
  killed('redis-kill-aof-always', always, {}),
  killed('redis-kill-aof-everysec', everysec, {}),
  killed('redis-kill-no-aof', { persistence: 'none' }, AMNESIA),
  {
    name: 'flushall',
    does: 'FLUSHALL',
    expects: {
      ...AMNESIA,
      errors: NO_STORE,
      hurtsAll: true,
      takesStoreAway: true,
      recoveryMs: RECOVERY_MS + 3000,
    },
    run: async ({ admin }) => {
      await admin.flushall();
    },
  },
];

const scriptFlush: Fault = {
  name: 'script-flush',
  does: 'FUNCTION FLUSH and SCRIPT FLUSH each second',
  expects: {
    holds: 'callers notice nothing',
    errors: [],
    hurtsAll: true,
    recoveryMs: 1000,
  },
  run: async (stage) => {
    await stage.repeat({ everyMs: 1000, forMs: FAULT_MS }, async () => {
      await stage.admin.call('FUNCTION', 'FLUSH');
      await stage.admin.call('SCRIPT', 'FLUSH');
    });
  },
};

const BUSY_SECONDS = 5;
const BUSY_SCRIPT = `
  local ends = redis.call('TIME')[1] + ARGV[1]
  while tonumber(redis.call('TIME')[1]) < ends do end
  return 1`;

const busy: Fault = {
  name: 'redis-busy-5s',
  does: `a script that runs for ${BUSY_SECONDS} s: Redis answers BUSY`,
  expects: {
    holds: 'refused within the timeout; nothing is reaped that could not be renewed meanwhile',
    errors: [...NO_STORE, '503 lease_lost', 'answer cut*', '429 queue_timeout'],
    hurtsAll: true,
    takesStoreAway: true,
    recoveryMs: RECOVERY_MS + 4000,
  },
  run: async ({ admin }) => {
    await admin.config('SET', 'busy-reply-threshold', '100');
    await admin.eval(BUSY_SCRIPT, 0, String(BUSY_SECONDS));
  },
};

const memoryFull: Fault = {
  name: 'redis-memory-full',
  does: `Redis has more than maxmemory for ${FAULT_MS} ms`,
  expects: {
    holds: 'acquires are refused; renewals, releases and settlements go on',
    errors: ['503 store_unavailable', '429 queue_timeout'],
    hurtsAll: true,
    recoveryMs: 2000,
  },
  run: async (stage) => {
    const { admin, load } = stage;
    const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
    await admin.config('SET', 'maxmemory', String(Math.floor(used / 2)));
    await stage.pause(FAULT_MS).finally(() => admin.config('SET', 'maxmemory', '0'));
    const words = load.ended.map(({ outcome }) => (outcome.kind === 'error' ? outcome.word : ''));
    stage.demand(
      words.some((word) => word.startsWith('503')),
      'no acquire was refused',
    );
  },
};

const wrongPolicy: Fault = {
  name: 'wrong-eviction-policy',
  does: 'maxmemory-policy allkeys-lru while a daemon is started again',
  expects: {
    holds: 'it refuses to start, with code 2 and the reason; the others serve on',
    errors: ['connection refused', 'connection lost', '503 shutting_down'],
    recoveryMs: 2000,
  },
  run: async (stage) => {
    const { admin, victim } = stage;
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    victim.signal('SIGTERM');
    await victim.ended();
    const { code, said } = await victim.startInVain();
    stage.demand(code === 2, `it ended with ${String(code)}, not 2`);
    stage.demand(said.includes('noeviction'), `it did not name the policy: ${said}`);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await victim.start();
  },
};

const subscriptions: Fault = {
  name: 'subscriptions-killed',
  does: 'every subscription is killed each 200 ms',
  expects: {
    holds: 'a lost message costs one check interval, never a slot',
    errors: [],
    hurtsAll: true,
    recoveryMs: 1000,
  },
  run: async (stage) => {
    let killed = 0;
    await stage.repeat({ everyMs: 200, forMs: FAULT_MS }, async () => {
      killed += Number(await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    });
    stage.demand(killed >= DAEMONS, `only ${killed} subscriptions were killed`);
  },
};

const STRANGERS = 200;

/**
 * Strangers that connect, say one word and leave: what a fleet does when it comes back. They go to Redis
 * itself where that has a socket: a link of ours would be the slower one of the two.
 */
function storm({ store, victim }: Stage): void {
  const path = store.server?.socketPath;
  const where = path === undefined ? { port: victim.store.port } : { path };
  for (let i = 0; i < STRANGERS; i += 1) {
    const socket = connect(where, () => socket.end('PING\r\n'));
    socket.on('error', () => undefined).resume();
  }
}

const reconnects: Fault = {
  name: 'reconnect-storm',
  does: `all connections are killed each 500 ms, and ${STRANGERS} strangers connect with them`,
  expects: {
    holds: 'batches are answered once; whoever is refused is refused in time',
    errors: NO_STORE,
    hurtsAll: true,
    recoveryMs: 2000,
  },
  run: async (stage) => {
    await stage.repeat({ everyMs: 500, forMs: FAULT_MS }, async () => {
      storm(stage);
      await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    });
  },
};

export const storeFaults: readonly Fault[] = [
  ...losses,
  scriptFlush,
  busy,
  memoryFull,
  wrongPolicy,
  subscriptions,
  reconnects,
];
