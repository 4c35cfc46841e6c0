// @module-tag redis_required
// Waiting, tenants, rates, budgets, sessions and lanes, on any sequence of commands of several daemons, one of which
// may fall silent: after every step the counters are what the leases say, no slot is oversold, no
// budget passes its stop at admission, no free slot stands beside a waiter that it could serve, and
// when all is over every counter reads 0.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/domain.ts';
import { useRedis } from '../support/redis.ts';
import { World } from './drive/admission.ts';
import { aStep } from './drive/admission-steps.ts';
import type { Step } from './drive/admission-steps.ts';

const store = useRedis();

const RUNS = Number(process.env['ADMISSION_RUNS'] ?? 40);

describe('admission, on any sequence of commands,', () => {
  it('keeps its invariants after every step, and ends with nothing left', async () => {
    const seen = new Set<string>();

    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 20, maxLength: 60 }), async (steps) => {
        const world = new World(store, seen);
        await world.begin();
        for (const step of steps) {
          await world.run(step);
          await world.check(step.do !== 'pass');
        }
        await world.finish();
      }),
      {
        numRuns: RUNS,
        examples: [[COVERING]],
        interruptAfterTimeLimit: 150_000,
        ...seedOf(process.env['ADMISSION_SEED']),
      },
    );

    expect(MUST_MEET.filter((what) => !seen.has(what))).toEqual([]);
  });
});

function seedOf(text: string | undefined): { readonly seed?: number } {
  return text === undefined ? {} : { seed: Number(text) };
}

const ask = (tenant: string, wish: object = {}): Step => {
  const base = { tenant, demand: 0, waitMs: 0, priority: 5, reserveMicro: 0, tokens: 0 };
  return { do: 'ask', daemon: 0, asks: [{ ...base, ...wish }] };
};

const ALONE = { session: 1, isLane: true, demand: 4, waitMs: 500 };

/** Its account is full, so the next one waits for it a little, and then goes elsewhere. */
const SESSIONS: readonly Step[] = [
  { do: 'limits', limits: [1, 1] },
  ask('stranger', { session: 0, demand: 2 }),
  endAll(0),
  ask('stranger', { session: 0, demand: 2 }),
  ask('stranger', { session: 0, demand: 2, waitMs: 500 }),
  { do: 'pass', ms: 50 },
  { do: 'tick', daemon: 0 },
  endAll(0),
  ...[ask('stranger', ALONE), ask('stranger', ALONE), ask('stranger', { ...ALONE, waitMs: 0 })],
  ...[endAll(0), endAll(0)],
];

const ALL_FULL = Array.from({ length: 4 }, () => ask('stranger', { demand: 2 }));

/** All accounts are taken; one that leaves its own waits for another, in vain and not. */
const MOVES: readonly Step[] = [
  { do: 'limits', limits: [1, 1] },
  ...ALL_FULL,
  { do: 'move', daemon: 0, which: 2, outcome: 'success', waitMs: 5 },
  { do: 'pass', ms: 7 },
  { do: 'tick', daemon: 0 },
  ...[endAll(0), { do: 'pass', ms: 101 } as const, ...ALL_FULL],
  { do: 'move', daemon: 0, which: 2, outcome: 'success', waitMs: 500 },
  { do: 'end', daemon: 0, which: [0, 1, 3], cost: 0, outcome: 'success' },
  endAll(0),
];

/** Reaches every limit by itself, whatever the random ones do. */
const COVERING: readonly Step[] = [
  ...SESSIONS,
  ...MOVES,
  { do: 'limits', limits: [3, 3] },
  ...[ask('capped'), ask('capped'), ask('capped'), { do: 'pass', ms: 50 } as const],
  { do: 'renew', daemon: 0, which: 0 },
  { do: 'move', daemon: 0, which: 1, outcome: 'success', waitMs: 0 },
  { do: 'end', daemon: 0, which: [0, 1], cost: 0, outcome: 'success' },
  ...Array.from({ length: 5 }, () => [ask('rated'), endAll()]).flat(),
  ...[ask('poor', { reserveMicro: 25 }), ask('poor', { reserveMicro: 25 })],
  ask('poor', { reserveMicro: 25 }),
  ...Array.from({ length: 8 }, () => ask('plain', { reserveMicro: 25, demand: 2 })),
  ask('plain', { waitMs: 5 }),
  ask('plain', { waitMs: 500 }),
  { do: 'leave', daemon: 0, which: 1 },
  { do: 'pass', ms: 7 },
  { do: 'tick', daemon: 0 },
  ask('plain', { reserveMicro: 25, demand: 1 }),
  { do: 'limits', limits: [3, 2] },
  ...(['failed', 'overloaded'] as const).flatMap((outcome) => [ask('plain'), endAs(outcome)]),
  { do: 'pass', ms: 50 },
  ...[ask('plain'), endAs('success'), ask('plain'), endAs('unusable')],
  { do: 'mend', daemon: 0, which: 0 },
  endAll(),
];

function endAs(outcome: Outcome): Step {
  return { do: 'end', daemon: 0, which: [0, 1, 2, 3], cost: 0, outcome };
}

function endAll(cost = 40): Step {
  return { do: 'end', daemon: 0, which: [0, 1, 2, 3], cost, outcome: 'success' };
}

/** A run that never reaches a limit proves nothing. */
const MUST_MEET = [
  'granted',
  'queued',
  'cancelled',
  'released',
  'moved',
  'renewed',
  'denied pool_full',
  'denied queue_timeout',
  'denied tenant_concurrency',
  'denied tenant_rate',
  'denied budget_stop',
  'warned',
  ...['breaker 1', 'breaker 2', 'breaker 3', 'breaker 4', 'breaker 5'],
  ...['kept away: breaker', 'kept away: unusable'],
  'denied lane_busy',
  'state laned',
  'state preferring',
  ...['state moving', 'moved after waiting', 'move refused at its deadline'],
  'sticky hit',
  'sticky spilled',
  'sticky bound',
];
