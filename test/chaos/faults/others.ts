// Faults of upstreams and of clients.
import type { BehaviourInput } from '../../../src/sim/behaviour.ts';
import { SILENCE_MS, SLOTS, TOTAL_MS, WAIT_MS } from '../configuration.ts';
import type { Expectation, Fault } from '../fault.ts';

const STORM_MS = 2000;
/** All accounts are kept away for longer than a request may wait. */
const BREAKER = '503 breaker_open';
const QUEUE_FULL = '429 queue_timeout';

interface Storm {
  readonly behaviour: BehaviourInput;
  readonly expects: Expectation;
  readonly forMs?: number;
}

/** Every request that arrives meanwhile is answered so. */
function behaving(
  name: string,
  does: string,
  { behaviour, expects, forMs = STORM_MS }: Storm,
): Fault {
  return {
    name,
    does: `${does} for ${forMs} ms`,
    expects,
    run: async (stage) => {
      stage.sim.configure({ behaviour });
      await stage.pause(forMs);
      stage.sim.configure({ behaviour: { fault: null, status: null } });
    },
  };
}

const upstreams: readonly Fault[] = [
  behaving('upstream-hang', 'the upstream never answers', {
    behaviour: { fault: 'hang' },
    expects: {
      holds: 'cut at the limit, 504; the slot is free then; others wait or are refused in time',
      errors: ['504 upstream_timeout', BREAKER, QUEUE_FULL],
      hurtsAll: true,
      recoveryMs: SILENCE_MS + 3000,
    },
  }),
  behaving('upstream-endless-stream', 'the upstream’s answers never end', {
    behaviour: { fault: 'endless' },
    // Each lasts for the whole time that an answer may take.
    forMs: 500,
    expects: {
      holds: 'cut at the limit of a whole answer; the slot is free then',
      errors: ['answer cut*', '504 upstream_timeout', BREAKER, QUEUE_FULL],
      hurtsAll: true,
      recoveryMs: TOTAL_MS + WAIT_MS,
    },
  }),
  behaving('upstream-429-storm', 'the upstream refuses everything with 429', {
    behaviour: { status: 429, retryAfterMs: 100 },
    expects: {
      holds: 'callers hear the upstream’s refusal; slots and reservations come back',
      errors: ['429 rate_limit_exceeded'],
      hurtsAll: true,
      recoveryMs: 1000,
    },
  }),
  behaving('upstream-500-storm', 'the upstream fails with 500', {
    behaviour: { status: 500 },
    expects: {
      holds: 'callers hear the upstream’s failure; slots and reservations come back',
      errors: ['500', BREAKER],
      hurtsAll: true,
      recoveryMs: 1000,
    },
  }),
  {
    name: 'upstream-reset-mid-stream',
    does: 'one daemon’s connections to the upstream are reset each 250 ms',
    expects: {
      holds: 'callers see a cut stream or 502, never a part as the whole; slots come back',
      errors: ['502 upstream_unreachable', '502 upstream_protocol', 'answer cut*', BREAKER],
      recoveryMs: 1000,
    },
    run: async (stage) => {
      await stage.repeat({ everyMs: 250, forMs: 3000 }, () => stage.victim.upstream.reset());
    },
  },
];

const VANISHING = 200;
const VANISH_MS = 600;
/** By then the places of those that left are given up: long before their deadlines. */
const PLACES_MS = 2000;

const clientsVanish: Fault = {
  name: 'clients-vanish-queued',
  does: `${VANISHING} further requests at once, all of whose clients leave within ${VANISH_MS} ms`,
  expects: {
    holds: 'their places are given up; everybody else is served, or refused clearly and in time',
    errors: [QUEUE_FULL],
    hurtsAll: true,
    recoveryMs: 2000,
  },
  run: async (stage) => {
    const waiting = async (): Promise<number> =>
      Number(await stage.admin.hget('slotkeeper:{main}:cell', 'waiting'));
    stage.load.burst(VANISHING, VANISH_MS);
    let mostWaiting = 0;
    await stage.repeat({ everyMs: 20, forMs: VANISH_MS }, async () => {
      mostWaiting = Math.max(mostWaiting, await waiting());
    });
    stage.demand(mostWaiting > SLOTS, `only ${mostWaiting} requests were queued`);
    await stage.pause(PLACES_MS);
    const clients = stage.daemons.flatMap(({ index }) => stage.load.running(index)).length;
    const places = await waiting();
    stage.demand(places <= clients, `${places} places for ${clients} clients that are still there`);
  },
};

export const upstreamFaults = upstreams;
export const clientFaults: readonly Fault[] = [clientsVanish];
