// What may happen to a cell, as fast-check draws it. A command names ids and leases by choice
// (the third open one), so that it still means something when others before it are left out.
import fc from 'fast-check';
import type { Outcome } from '../../src/core/domain.ts';
import { OUTCOMES } from '../../src/core/domain.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import { MAX_BATCH } from '../../src/scheduler/wire.ts';
import type { CellSettings } from './model/tick.ts';

export type IdChoice =
  | { readonly kind: 'named'; readonly n: number }
  /** Never used before, and marked so. */
  | { readonly kind: 'fresh' }
  | { readonly kind: 'granted before'; readonly n: number }
  | { readonly kind: 'malformed'; readonly n: number };

export interface GrantChoice {
  /** Open: stored. Believed: not released by its holder. Any: ever granted. */
  readonly among: 'open' | 'believed' | 'any';
  readonly n: number;
}

export type OpChoice =
  | {
      readonly kind: 'acquire';
      readonly id: IdChoice;
      /** Whatever asks under this name always asks for the same: so it may be replayed. */
      readonly isUsual: boolean;
      readonly demand: string;
      readonly leaseMs: number;
      readonly holder: string;
    }
  | {
      readonly kind: 'renew';
      readonly of: GrantChoice;
      readonly leaseMs: number;
      readonly off: number;
    }
  | {
      readonly kind: 'release';
      readonly of: GrantChoice;
      readonly off: number;
      readonly outcome: Outcome;
    }
  | {
      readonly kind: 'move';
      readonly of: GrantChoice;
      readonly off: number;
      readonly demand: string;
      readonly leaseMs: number;
      readonly outcome: Outcome;
      readonly exclude: readonly string[];
    }
  | { readonly kind: 'register'; readonly of: GrantChoice }
  | { readonly kind: 'cancel' | 'check'; readonly id: IdChoice }
  | { readonly kind: 'reap' };

export type Command =
  | {
      readonly kind: 'batch';
      readonly daemon: number;
      readonly track: number;
      readonly isOutOfMemory: boolean;
      readonly ops: readonly OpChoice[];
    }
  | { readonly kind: 'idle'; readonly daemon: number }
  | { readonly kind: 'resend'; readonly back: number }
  | { readonly kind: 'wait'; readonly ms: number }
  /** To the first expiry, or the end of the recovery, and some ms more or less. */
  | { readonly kind: 'wait until'; readonly event: 'expiry' | 'recovered'; readonly plusMs: number }
  | {
      readonly kind: 'configure';
      readonly daemon: number;
      readonly accounts: readonly SchedulerAccount[];
    }
  | { readonly kind: 'flush' | 'save' | 'roll back' | 'restart' };

export interface Scenario {
  readonly settings: CellSettings;
  /** Whether daemons know one server from another: else lost writes show in numbers alone. */
  readonly isServerWatched: boolean;
  readonly accounts: readonly SchedulerAccount[];
  readonly commands: readonly Command[];
}

export const DAEMONS = 3;
const POOLS = ['p', 'p', 'q'];
const MODELS = ['x', 'y', 'z'];
const DEMANDS = ['p\tx', 'p\tx\tq\tx', 'p\ty', 'q\tx\tp\tz', 'p\tnowhere\tp\tx\tp\ty'];
const RARE_DEMANDS = ['nowhere\tx', 'p\tnowhere', 'q\tz'];
const LIVES_MS = [3000, 1000, 5000, 400, 2000, 100];

/** What the n-th name asks for as a rule. */
export function usual(n: number): { readonly demand: string; readonly leaseMs: number } {
  const demand = DEMANDS[n % DEMANDS.length] ?? '';
  return { demand, leaseMs: LIVES_MS[n % LIVES_MS.length] ?? 0 };
}

const few = { minLength: 1, maxLength: 6 } as const;
const many = { minLength: 1, maxLength: 64, size: 'max' } as const;

function weighted<T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

const anAccount = (name: string): fc.Arbitrary<SchedulerAccount> =>
  fc.record({
    name: fc.constant(name),
    pool: fc.constantFrom(...POOLS),
    maxConcurrency: fc.integer({ min: 1, max: 5 }),
    weight: fc.constantFrom(1, 1, 1, 2, 3),
    priority: fc.constantFrom(0, 0, 0, 1, 2),
    enabled: fc.integer({ min: 0, max: 7 }).map((drawn) => drawn < 7),
    models: fc.subarray(MODELS, { minLength: 1 }),
  });

const names = Array.from({ length: 8 }, (_, i) => `a${i}`);
const someAccounts = fc
  .oneof(
    { weight: 8, arbitrary: fc.subarray(names, { minLength: 4 }) },
    { weight: 1, arbitrary: fc.subarray(names, { maxLength: 2 }) },
  )
  .chain((chosen) => fc.tuple(...chosen.map((name) => anAccount(name))));

/** So many sets of models that some accounts share the class of the odd ones. */
const oddAccounts = fc
  .array(
    fc.record({
      limit: fc.constantFrom(1, 1, 1, 2),
      enabled: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn < 9),
    }),
    { minLength: 22, maxLength: 24 },
  )
  .map((drawn): SchedulerAccount[] =>
    drawn.map(({ limit, enabled }, i) => {
      const models = [`own${i % 23}`, 'x'];
      const facts = { pool: 'p', weight: 1, priority: i % 11 === 0 ? 1 : 0, enabled, models };
      return { name: `b${i}`, maxConcurrency: limit, ...facts };
    }),
  );

const n = fc.nat({ max: 1000 });
const anId = weighted<IdChoice>(
  [6, fc.record({ kind: fc.constant('named' as const), n })],
  [6, fc.constant({ kind: 'fresh' as const })],
  [3, fc.record({ kind: fc.constant('granted before' as const), n })],
  [1, fc.record({ kind: fc.constant('malformed' as const), n })],
);
const aGrant: fc.Arbitrary<GrantChoice> = fc.record({
  among: fc.constantFrom('open', 'open', 'open', 'open', 'open', 'believed', 'any'),
  n,
});
const life = weighted([12, fc.constantFrom(...LIVES_MS)], [1, fc.constant(0)]);
const off = weighted([8, fc.constant(0)], [1, fc.constantFrom(1, -1)]);

const acquire = fc.record({
  kind: fc.constant('acquire' as const),
  id: anId,
  isUsual: fc.constantFrom(true, true, true, false),
  demand: weighted([10, fc.constantFrom(...DEMANDS)], [1, fc.constantFrom(...RARE_DEMANDS)]),
  leaseMs: life,
  holder: fc.constantFrom('h0', 'h0', 'h0', 'h1'),
});
const anOp = (eagerness: number): fc.Arbitrary<OpChoice> =>
  weighted<OpChoice>(
    [eagerness, acquire],
    [3, fc.record({ kind: fc.constant('renew' as const), of: aGrant, leaseMs: life, off })],
    [
      5,
      fc.record({
        kind: fc.constant('release' as const),
        of: aGrant,
        off,
        outcome: fc.constantFrom(...OUTCOMES),
      }),
    ],
    [
      3,
      fc.record({
        kind: fc.constant('move' as const),
        of: aGrant,
        off,
        demand: weighted([10, fc.constantFrom(...DEMANDS)], [1, fc.constantFrom(...RARE_DEMANDS)]),
        leaseMs: life,
        outcome: fc.constantFrom(...OUTCOMES),
        exclude: fc.subarray(['a0', 'a1', 'a2', 'a3', 'unknown'], { maxLength: 3 }),
      }),
    ],
    [2, fc.record({ kind: fc.constant('register' as const), of: aGrant })],
    [2, fc.record({ kind: fc.constant('cancel' as const), id: anId })],
    [1, fc.record({ kind: fc.constant('check' as const), id: anId })],
    [1, fc.constant({ kind: 'reap' as const })],
  );

const daemon = fc.nat({ max: DAEMONS - 1 });
const aBatch = (ops: fc.Arbitrary<readonly OpChoice[]>): fc.Arbitrary<Command> =>
  fc.record({
    kind: fc.constant('batch' as const),
    daemon,
    track: fc.nat({ max: 1 }),
    isOutOfMemory: fc.integer({ min: 0, max: 19 }).map((drawn) => drawn === 0),
    ops,
  });

/** The same choices over and over, up to the size of a full batch. */
function repeated(ops: readonly OpChoice[]): readonly OpChoice[] {
  return Array.from({ length: MAX_BATCH }, (_, i) => ops[i % ops.length]!);
}

const aCommand = (
  accounts: fc.Arbitrary<readonly SchedulerAccount[]>,
  op: fc.Arbitrary<OpChoice>,
): fc.Arbitrary<Command> =>
  weighted<Command>(
    [14, aBatch(fc.array(op, few))],
    [5, aBatch(fc.array(op, many))],
    [1, aBatch(fc.array(op, many).map(repeated))],
    [4, fc.record({ kind: fc.constant('idle' as const), daemon })],
    [4, fc.record({ kind: fc.constant('resend' as const), back: fc.nat({ max: 3 }) })],
    [4, fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) })],
    [
      1,
      fc.record({
        kind: fc.constant('wait' as const),
        ms: fc.constantFrom(-300, 2000, 9000, 61_000),
      }),
    ],
    [
      5,
      fc.record({
        kind: fc.constant('wait until' as const),
        event: fc.constantFrom('expiry' as const, 'expiry' as const, 'recovered' as const),
        plusMs: fc.constantFrom(-1, 0, 0, 1),
      }),
    ],
    [3, fc.record({ kind: fc.constant('configure' as const), daemon, accounts })],
    [
      2,
      fc.record({
        kind: fc.constantFrom('save', 'save', 'roll back', 'roll back', 'restart', 'flush'),
      }),
    ],
  );

const settings: fc.Arbitrary<CellSettings> = fc.record({
  gapMs: fc.constantFrom(500, 10_000),
  recoveryMs: fc.constantFrom(1, 300),
  rememberMs: fc.constantFrom(500, 30_000),
  rememberMax: fc.constantFrom(4, 1000),
});

function scenarioOf(
  accounts: fc.Arbitrary<readonly SchedulerAccount[]>,
  steps: number,
  eagerness: number,
): fc.Arbitrary<Scenario> {
  const command = aCommand(accounts, anOp(eagerness));
  const length = { minLength: 1, maxLength: 2 * steps, size: 'max' } as const;
  const commands = fc.array(command, length);
  return fc.record({ settings, isServerWatched: fc.boolean(), accounts, commands });
}

/** A few accounts with small limits, so that limits are reached all the time. */
export const aScenario = (steps: number): fc.Arbitrary<Scenario> =>
  scenarioOf(someAccounts, steps, 10);

/** More sets of models than classes are looked at. */
export const anOddScenario = (steps: number): fc.Arbitrary<Scenario> =>
  scenarioOf(oddAccounts, steps, 40);
