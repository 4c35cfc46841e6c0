// Slots that a daemon grants by itself while the store is away, for pools that are told so: at most
// its declared share of each account, without waiting, rates or tenants' terms. What would be
// charged to a budget is not granted. When the store is back, renewals.ts registers what still
// runs, before anything else is asked.
//
// States: closed → open (an acquire could not be asked within the store's time, and nothing has
// been answered since) → closed (the store answers).
//
// The bound: in flight ≤ limit + the shares of the daemons in this mode. A daemon counts all that it
// holds at an account, so once the leases from before have ended it is the sum of the shares.
import type { Target } from '../core/domain.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { msToSeconds } from '../core/units.ts';
import { CODES } from '../redis/codes.ts';
import { Acquiring } from './acquiring.ts';
import type { AcquireAsked, Caller, Desk } from './acquiring.ts';
import type { RegisteredAccount, Registry } from './plan.ts';
import { DENIAL_RETRY_MS } from './refusals.ts';
import type { StoreWatch } from './store-watch.ts';

/** Which pools are served without the store, and among how many daemons their limits are divided. */
export interface LocalPolicy {
  readonly pools: readonly string[];
  readonly expectedDaemons: number;
}

/**
 * What is held is counted again after so many ms, and after a release: in between the count is only
 * ever too high.
 */
const RECOUNT_MS = 5;

interface Choice {
  readonly account: RegisteredAccount;
  readonly target: Target;
  /** Of the target, from 0. */
  readonly number: number;
}

export class LocalGrants {
  readonly #expectedDaemons: number;
  readonly #daemon: string;
  readonly #watch: StoreWatch;
  readonly #desk: () => Desk;
  readonly #pools: ReadonlySet<string>;
  #registry: Registry | undefined;
  /** By pool and model of the registry. */
  readonly #candidates = new Map<string, readonly RegisteredAccount[]>();
  #open: { readonly since: number; grants: number } | undefined;
  /** By account. */
  #held = new Map<string, number>();
  #countedAt = -Infinity;
  /** Grants so far, over all times in which it was open: their fences. */
  #made = 0;

  /** `daemon` is the scheduler's own id, which the ids that it makes contain. */
  constructor(
    { pools, expectedDaemons }: LocalPolicy,
    {
      daemon,
      watch,
      events,
      desk,
    }: {
      readonly daemon: string;
      readonly watch: StoreWatch;
      readonly events: SchedulerEmitter;
      readonly desk: () => Desk;
    },
  ) {
    this.#pools = new Set(pools);
    this.#expectedDaemons = expectedDaemons;
    this.#daemon = daemon;
    this.#watch = watch;
    this.#desk = desk;
    events.on('outage', this.#close);
    events.on('released', () => (this.#countedAt = -Infinity));
  }

  /**
   * Whether it has answered; false while the store is to be asked. Who `orWaits` in the store's
   * queue is granted a slot or nothing.
   */
  serve(op: AcquireAsked, caller: Caller, { orWaits = false } = {}): boolean {
    if (this.#open === undefined || !this.#mayServe(op)) return false;
    const choice = this.#choose(op);
    if (choice === undefined && orWaits) return false;
    if (choice === undefined) this.#deny(op, caller);
    else this.#grant(choice, op, caller);
    return true;
  }

  /** The same for an acquire that the store has left without an answer; opens where it is away. */
  standIn(op: AcquireAsked, caller: Caller, options: { readonly orWaits?: boolean } = {}): boolean {
    if (!this.#watch.isAway || !this.#mayServe(op)) return false;
    if (this.#open === undefined) {
      this.#open = { since: performance.now(), grants: 0 };
      this.#desk().events.emit('localModeBegan', {});
    }
    return this.serve(op, caller, options);
  }

  /**
   * Ids that callers gave, leases that others renew, and lanes are the store's alone: they must mean
   * the same to all daemons.
   */
  #mayServe({ isFresh, isRenewed, reserveMicro = 0, targets, session }: AcquireAsked): boolean {
    if (!isFresh || !isRenewed || reserveMicro > 0 || session?.isLane === true) return false;
    return targets.some(({ pool }) => this.#pools.has(pool));
  }

  #deny(op: AcquireAsked, caller: Caller): void {
    const target = op.targets[0];
    if (target !== undefined) this.#desk().events.emit('denied', { reason: 'pool_full', target });
    caller.denied({ kind: 'denied', reason: 'pool_full', retryAfterMs: DENIAL_RETRY_MS });
  }

  #grant({ account, number, target }: Choice, op: AcquireAsked, caller: Caller): void {
    const { events, link } = this.#desk();
    const { name, index } = account;
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    this.#made += 1;
    if (this.#open !== undefined) this.#open.grants += 1;
    // The id that was asked for may have been granted by the store after all: it is cancelled there.
    const requestId = `${this.#daemon}.${this.#made.toString(36)}`;
    const model = link.view.registry.models.find(
      (entry) => entry.pool === target.pool && entry.model === target.model,
    );
    events.emit('grantedLocally', { account: name });
    const own = { ...op, requestId, id: `${op.tenant}/${requestId}` };
    const now = performance.now();
    const answer = {
      tag: CODES.TAG.granted,
      detail: number,
      model: model?.number ?? 0,
      account: index,
      fence: this.#made,
      at: Date.now() + op.leaseMs,
    };
    new Acquiring(own, now, this.#desk(), caller).answered(answer, now);
  }

  /** The first target that has room; in it the lowest tier, and there the least load. */
  #choose(op: AcquireAsked): Choice | undefined {
    this.#recount();
    for (const [number, target] of op.targets.entries()) {
      if (!this.#pools.has(target.pool)) continue;
      let best: { readonly account: RegisteredAccount; readonly load: number } | undefined;
      for (const account of this.#serving(target)) {
        if (best !== undefined && account.priority > best.account.priority) break;
        const share = this.#shareOf(account);
        const held = this.#held.get(account.name) ?? 0;
        const load = (held + 1) / (share * account.weight);
        if (held < share && load < (best?.load ?? Infinity)) best = { account, load };
      }
      if (best !== undefined) return { account: best.account, target, number };
    }
    return undefined;
  }

  #shareOf({ maxConcurrency }: RegisteredAccount): number {
    return Math.floor(maxConcurrency / this.#expectedDaemons);
  }

  /** Accounts with a share, by tier; kept while the cell's registry is the same. */
  #serving({ pool, model }: Target): readonly RegisteredAccount[] {
    const { registry } = this.#desk().link.view;
    if (this.#registry !== registry) {
      this.#registry = registry;
      this.#candidates.clear();
    }
    const key = `${pool}\t${model}`;
    const known = this.#candidates.get(key);
    if (known !== undefined) return known;
    const serving = registry.accounts
      .filter((account) => account.enabled && account.pool === pool && this.#shareOf(account) > 0)
      .filter((account) => account.models.includes(model))
      .sort((a, b) => a.priority - b.priority);
    this.#candidates.set(key, serving);
    return serving;
  }

  #recount(): void {
    const now = performance.now();
    if (now - this.#countedAt < RECOUNT_MS) return;
    this.#countedAt = now;
    this.#held = new Map();
    for (const { account } of this.#desk().renewals.leases()) {
      this.#held.set(account, (this.#held.get(account) ?? 0) + 1);
    }
  }

  readonly #close = (): void => {
    if (this.#open === undefined) return;
    const { since, grants } = this.#open;
    this.#open = undefined;
    const seconds = msToSeconds(performance.now() - since);
    this.#desk().events.emit('localModeEnded', { seconds, grants });
  };
}
