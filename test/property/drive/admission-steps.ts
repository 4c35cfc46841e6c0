// What may happen to a cell with waiting, tenants, budgets, sessions and lanes, as fast-check draws it.
import fc from 'fast-check';
import type { Outcome } from '../../../src/core/domain.ts';

const TENANTS = ['capped', 'rated', 'poor', 'plain', 'stranger'];
/** Number of the demand that has no targets. */
const LANE_ALONE = 4;

export type Step =
  | { readonly do: 'ask'; readonly daemon: number; readonly asks: readonly Ask[] }
  | {
      readonly do: 'end';
      readonly daemon: number;
      readonly which: readonly number[];
      readonly cost: number | undefined;
      readonly outcome: Outcome;
    }
  | {
      readonly do: 'leave' | 'renew' | 'claim' | 'mend';
      readonly daemon: number;
      readonly which: number;
    }
  | {
      readonly do: 'move';
      readonly daemon: number;
      readonly which: number;
      readonly waitMs: number;
      readonly outcome: Outcome;
    }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'tick'; readonly daemon: number }
  | { readonly do: 'limits'; readonly limits: readonly [number, number] };

export interface Ask {
  readonly tenant: string;
  readonly demand: number;
  readonly waitMs: number;
  readonly priority: number;
  readonly reserveMicro: number;
  readonly tokens: number;
  /** Of the tenant's; undefined for none. */
  readonly session?: number | undefined;
  readonly isLane?: boolean;
}

const anOrdinaryAsk: fc.Arbitrary<Ask> = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  demand: fc.nat(3),
  waitMs: fc.constantFrom(0, 5, 500, 500, 500),
  priority: fc.constantFrom(5, 5, 0, 9),
  reserveMicro: fc.constantFrom(0, 10, 25),
  tokens: fc.constantFrom(0, 30),
  session: fc.constantFrom(undefined, undefined, 0, 1),
  isLane: fc.boolean(),
});

const anOutcome = fc.constantFrom<Outcome[]>(
  ...(['success', 'success', 'success', 'failed', 'failed', 'overloaded'] as const),
  ...(['rate_limited', 'ignored', 'unusable'] as const),
);
/** For a lane alone. */
const aLaneAsk: fc.Arbitrary<Ask> = fc.record({
  tenant: fc.constantFrom('plain', 'stranger'),
  demand: fc.constant(LANE_ALONE),
  waitMs: fc.constantFrom(0, 5, 500, 500),
  priority: fc.constant(5),
  reserveMicro: fc.constant(0),
  tokens: fc.constant(0),
  session: fc.nat(1),
  isLane: fc.constant(true),
});

const anAsk = fc.oneof({ weight: 5, arbitrary: anOrdinaryAsk }, { weight: 1, arbitrary: aLaneAsk });

const daemon = fc.nat(2);
export const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      daemon,
      asks: fc.array(anAsk, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      daemon,
      which: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }),
      cost: fc.constantFrom(undefined, 0, 5, 40),
      outcome: anOutcome,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('leave', 'renew', 'claim', 'mend'),
      daemon,
      which: fc.nat(20),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      daemon,
      which: fc.nat(20),
      waitMs: fc.constantFrom(0, 5, 500, 500),
      outcome: anOutcome,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 7, 50, 101, 1999),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('tick' as const), daemon }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limits' as const),
      limits: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    }),
  },
);
