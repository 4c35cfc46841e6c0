// The cell's registry: applies this daemon's configuration by compare-and-set on the generation,
// and knows the names behind the numbers that scripts answer with. A configuration that another
// one has replaced is never applied again.
import { createHash, randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import type { Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import type { CellKeys } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import type { BoundKeys } from '../redis/script.ts';
import type { Scripts } from '../redis/scripts.ts';
import { OPEN_ADMISSION, ledgerFields, writeTenant } from './admission.ts';
import type { AdmissionPolicy } from './admission.ts';
import { EMPTY_REGISTRY, planRegistry } from './plan.ts';
import type { Registry, SchedulerAccount } from './plan.ts';
import { recordsOf } from './registry-records.ts';

const MAX_TRIES = 20;

export interface RegistryOptions {
  readonly redis: Redis;
  readonly keys: CellKeys;
  readonly scripts: Scripts;
  readonly recoveryMs: number;
  /** Whether nobody but this process can hold leases of the cell. */
  readonly isAlone: boolean;
  /** Cell time for tests; the server's own by default. */
  readonly clock?: () => number;
}

/** A registry with look-ups and the keys that every script of its generation declares. */
export interface CellView {
  readonly registry: Registry;
  readonly bound: BoundKeys;
  model(number: number): Target | undefined;
}

/** What a daemon knows of the cell's past; a store that knows less has lost it. */
export interface SeenCell {
  readonly incarnation: number;
  readonly server: string;
}

/** The fixed keys of a cell by the names that scripts declare. */
export function scriptKeys(keys: CellKeys): Record<string, string> {
  return {
    cell: keys.cell,
    requests: keys.requests,
    finished: keys.finished,
    finished_before: keys.finishedBefore,
    expiries: keys.expiries,
    accounts: keys.accounts,
    inflight: keys.inflight,
    targets: keys.targets,
    daemons: keys.daemons,
    replies: keys.replies,
    set_aside: keys.setAside,
    waiters: keys.waiters,
    line: keys.line,
    timers: keys.timers,
    demands: keys.demands,
    flows: keys.flows,
    tenants: keys.tenants,
    tenant_state: keys.tenantState,
    account_state: keys.accountState,
    health: keys.health,
    breaker_history: keys.breakerHistory,
    ledger: keys.ledger,
    spend: keys.spend,
    run_spend: keys.runSpend,
    spend_runs: keys.spendRuns,
    sessions: keys.sessions,
    sessions_before: keys.sessionsBefore,
    lanes: keys.lanes,
    registry: keys.registry,
  };
}

interface Fingerprints {
  /** Of all that is registered. */
  readonly fingerprint: string;
  /** Of the configuration alone: the same whatever arms its accounts are in. */
  readonly configuration: string;
}

function fingerprints(
  accounts: readonly SchedulerAccount[],
  admission: AdmissionPolicy,
): Fingerprints {
  const facts = accounts.map((account) => [
    account.name,
    account.pool,
    account.maxConcurrency,
    account.weight,
    account.priority,
    account.enabled,
    [...new Set(account.models)].sort(),
    account.rates ?? null,
    account.breaker ?? null,
    account.credentialMark ?? 0,
  ]);
  const inArms = accounts.flatMap(({ name, breakerArms }) =>
    breakerArms ? [{ name, ...breakerArms }] : [],
  );
  if (inArms.length === 0) {
    const fingerprint = digestOf([facts, admission]);
    return { fingerprint, configuration: fingerprint };
  }
  const configured = inArms.map(({ name, rollout, arms }) => [name, rollout, arms]);
  return {
    fingerprint: digestOf([facts, admission, inArms]),
    configuration: digestOf([facts, admission, configured]),
  };
}

function digestOf(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}

/**
 * Rises, and is given once even where a store that has lost its latest configurations is given
 * others: a daemon that knows a lost one must not work on by its numbers.
 */
function nextGeneration(generation: number): number {
  return generation + randomInt(1, 2 ** 32);
}

function packed(entries: readonly (readonly [string, Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, record] of entries) {
    for (const text of [Buffer.from(name), record]) {
      const length = Buffer.alloc(2);
      length.writeUInt16LE(text.length, 0);
      parts.push(length, text);
    }
  }
  return Buffer.concat(parts);
}

/** The registry that the cell has now; the empty one where there is none. */
export async function readRegistry(redis: Redis, keys: CellKeys): Promise<Registry> {
  const json = await redis.get(keys.registry);
  return json === null ? EMPTY_REGISTRY : (JSON.parse(json) as Registry);
}

/** Look-ups over a registry, and its keys in the order of the heart's header. */
export function viewOf(registry: Registry, keys: CellKeys, scripts: Scripts): CellView {
  const models = new Map(registry.models.map((entry) => [entry.number, entry]));
  return {
    registry,
    bound: bindKeys(scripts.tick, scriptKeys(keys), keyLists(registry, keys)),
    model: (number) => models.get(number),
  };
}

/** Class and counter keys by number; a number without a model gets a counter that nobody writes. */
export function keyLists(
  registry: Registry,
  keys: CellKeys,
): Record<'class' | 'concurrency', string[]> {
  const highest = Math.max(-1, ...registry.models.map((entry) => entry.number));
  const byNumber = new Map(registry.models.map((entry) => [entry.number, entry]));
  return {
    class: registry.classes.map(({ number }) => keys.class(number)),
    concurrency: Array.from({ length: highest + 1 }, (_, number) =>
      keys.concurrency(byNumber.get(number) ?? { pool: '-', model: String(number) }),
    ),
  };
}

/** Applies configurations and re-reads the registry; keeps no state but the last fingerprint. */
export class CellRegistry {
  readonly #options: RegistryOptions;
  /** Fingerprint of the configuration that this process has registered last. */
  #applied: string | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  async read(): Promise<CellView> {
    const { redis, keys, scripts } = this.#options;
    return viewOf(await readRegistry(redis, keys), keys, scripts);
  }

  /**
   * Registers `accounts` unless they are registered already, and answers with what the cell has
   * then. The configuration that this process applied last, where another one's has replaced it
   * since, is not applied again, whatever arms its accounts are in, except to a cell that has lost
   * everything.
   */
  async apply(
    accounts: readonly SchedulerAccount[],
    seen: SeenCell,
    admission: AdmissionPolicy = OPEN_ADMISSION,
  ): Promise<CellView> {
    const { redis, keys, scripts } = this.#options;
    const { fingerprint, configuration } = fingerprints(accounts, admission);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const current = await readRegistry(redis, keys);
      const isOthers = (current.configuration ?? current.fingerprint) !== configuration;
      const superseded = this.#applied === configuration && isOthers && current.generation > 0;
      if (current.fingerprint === fingerprint || superseded) {
        this.#applied = configuration;
        return viewOf(current, keys, scripts);
      }
      const plan = planRegistry(accounts, current, {
        fingerprint,
        configuration: configuration === fingerprint ? undefined : configuration,
        isBusy: await this.#busyModels(current),
      });
      const next = { ...plan, generation: nextGeneration(current.generation) };
      if (await this.#configure(current, next, seen, admission)) {
        this.#applied = configuration;
        return viewOf(next, keys, scripts);
      }
    }
    throw new AppError(
      'store_unavailable',
      'The configuration could not be registered: other daemons keep changing it.',
    );
  }

  /** Tells the store of days and months to come: it knows them for about a year ahead. */
  async extendPeriods(admission: AdmissionPolicy): Promise<void> {
    const { redis, keys, clock } = this.#options;
    const fields = ledgerFields(admission, clock?.() ?? Date.now()).slice(1);
    await redis.hset(keys.ledger, ...fields.flat());
  }

  /** Whether a (pool, model) that is not configured any more has leases left. */
  async #busyModels(registry: Registry): Promise<(target: Target) => boolean> {
    const { redis, keys } = this.#options;
    const counters = registry.models
      .filter((entry) => entry.retired)
      .map((entry) => keys.concurrency(entry));
    if (counters.length === 0) return () => false;
    const counts = await redis.mget(counters);
    const busy = new Set(counters.filter((_, i) => Number(counts[i] ?? 0) > 0));
    return (target) => busy.has(keys.concurrency(target));
  }

  async #configure(
    current: Registry,
    next: Registry,
    seen: SeenCell,
    admission: AdmissionPolicy,
  ): Promise<boolean> {
    const { redis, keys, scripts, recoveryMs, isAlone, clock } = this.#options;
    const { accounts, targets } = recordsOf(next, keys);
    const stays = new Set(next.models.map((entry) => keys.concurrency(entry)));
    const lists = keyLists(next, keys);
    const bound = bindKeys(scripts.configure, scriptKeys(keys), {
      class: Array.from({ length: Math.max(current.classes.length, next.classes.length) }, (_, i) =>
        keys.class(i),
      ),
      concurrency: lists.concurrency,
      retired: current.models
        .map((entry) => keys.concurrency(entry))
        .filter((counter) => !stays.has(counter)),
    });
    const head = Buffer.alloc(40);
    head.writeDoubleLE(current.generation, 0);
    head.writeDoubleLE(next.generation, 8);
    head.writeDoubleLE(seen.incarnation, 16);
    // Leases that a new cell does not know can only be held by somebody who was there before.
    head.writeDoubleLE(isAlone && seen.incarnation === 0 ? 0 : recoveryMs, 24);
    head.writeDoubleLE(clock?.() ?? -1, 32);
    const reply = (await callScript(redis, scripts.configure, 'configure', bound, [
      head,
      seen.server,
      nanoid(),
      JSON.stringify(next),
      packed(accounts),
      packed(targets),
      packed(
        admission.tenants.map(
          (tenant) => [tenant.name, writeTenant(tenant, 'configuration')] as const,
        ),
      ),
      packed(ledgerFields(admission, clock?.() ?? Date.now())),
    ])) as [Buffer, number];
    return reply[0].toString() === 'configured';
  }
}
