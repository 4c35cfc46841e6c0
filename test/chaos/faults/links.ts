// Faults of the network between daemons and Redis.
import { LEASE_MS } from '../configuration.ts';
import type { Fault } from '../fault.ts';
import type { ReplyFault } from '../../support/redis-proxy.ts';

const FAULT_MS = 3000;
const SLOW_MS = 500;

const blackhole: Fault = {
  name: 'redis-blackhole',
  does: `one daemon’s bytes to and from Redis vanish for ${LEASE_MS + 1000} ms`,
  expects: {
    holds: '503 within the Redis timeout, never a hang; what cannot be renewed is aborted in time',
    errors: ['503 store_unavailable', '503 lease_lost', 'answer cut*'],
    recoveryMs: 3000,
  },
  run: async (stage) => {
    stage.victim.store.set('hole');
    await stage.pause(LEASE_MS + 1000);
    stage.victim.store.set('open');
  },
};

function brokenReplies(name: string, how: ReplyFault, does: string): Fault {
  return {
    name,
    does,
    expects: {
      holds: 'a batch is asked again under its number and executed once; callers notice nothing',
      errors: [],
      recoveryMs: 1000,
    },
    run: async (stage) => {
      const { store } = stage.victim;
      await stage.repeat({ everyMs: 250, forMs: FAULT_MS }, () => store.breakReply(how));
      stage.demand(store.brokenReplies >= 5, `only ${store.brokenReplies} replies were broken`);
    },
  };
}

const flapping: Fault = {
  name: 'link-flapping',
  does: 'one daemon’s link to Redis closes for 150 ms of each 300 ms',
  expects: {
    holds: 'whoever is refused is refused in time; the others serve on',
    errors: ['503 store_unavailable'],
    recoveryMs: 2000,
  },
  run: async (stage) => {
    const { store } = stage.victim;
    await stage.repeat({ everyMs: 150, forMs: FAULT_MS }, async () => {
      store.set('closed');
      await stage.pause(150);
      store.set('open');
    });
  },
};

const slow: Fault = {
  name: 'redis-slow-500ms',
  does: `every call to Redis takes ${SLOW_MS} ms more, for all daemons`,
  expects: {
    holds: 'no lease is lost; what slots that turn over so slowly cannot serve is refused in time',
    errors: ['429 queue_timeout'],
    hurtsAll: true,
    recoveryMs: 5000,
  },
  run: async (stage) => {
    for (const { store } of stage.daemons) store.delayMs = SLOW_MS / 2;
    await stage.pause(FAULT_MS);
    for (const { store } of stage.daemons) store.delayMs = 0;
  },
};

export const linkFaults: readonly Fault[] = [
  blackhole,
  brokenReplies('reply-lost', 'lost', 'replies vanish after the batch has run'),
  brokenReplies('reply-cut', 'torn', 'replies are cut in mid-frame'),
  flapping,
  slow,
];
