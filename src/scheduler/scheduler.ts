// The library's face of the heart: acquire, renew, release, cancel. Deciding is the store's
// (lua/tick.lua); this makes sure that what was taken comes back, whatever is lost on the way.
import { setTimeout as sleep } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { CancelResult, ReleaseResult, Target } from '../core/domain.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { CODES, namesByCode } from '../redis/codes.ts';
import { cellKeys } from '../redis/keys.ts';
import { loadScripts } from '../redis/scripts.ts';
import { readGrant } from './answers.ts';
import { Batcher } from './batcher.ts';
import { CellLink } from './cell-link.ts';
import { Lease } from './lease.ts';
import type { LeaseKeeper } from './lease.ts';
import type { SchedulerAccount } from './plan.ts';
import {
  DENIAL_MESSAGES,
  DENIAL_RETRY_MS,
  checkedDemand,
  denialCode,
  gaveUp,
  keyOf,
  mistakeOf,
} from './refusals.ts';
import { CellRegistry } from './registry.ts';
import { Renewals } from './renewals.ts';
import type {
  AcquireRequest,
  AcquireResult,
  LeaseRef,
  ReleaseReport,
  RenewResult,
  SchedulerOptions,
} from './types.ts';
import { Unconfirmed } from './unconfirmed.ts';
import { Upkeep } from './upkeep.ts';
import { claimOf } from './wire.ts';
import type { Answer, Operation } from './wire.ts';

const TAG = CODES.TAG;
const REASONS = namesByCode(CODES.REASON);

export class Scheduler implements Service, LeaseKeeper {
  readonly id = nanoid(10);
  readonly events = new SchedulerEmitter();
  readonly #options: SchedulerOptions;
  readonly #link: CellLink;
  readonly #batcher: Batcher;
  readonly #renewals: Renewals;
  readonly #unconfirmed: Unconfirmed;
  readonly #upkeep: Upkeep;
  #isStopping = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { redis, cell, keyStyle, recoveryMs, leaseMs, watchServer = true } = options;
    const scripts = loadScripts();
    const keys = cellKeys(cell, keyStyle);
    const isAlone = !watchServer;
    const registry = new CellRegistry({ redis, keys, scripts, recoveryMs, isAlone });
    const events = this.events;
    this.#link = new CellLink({ redis, registry, events, watchServer });
    this.#batcher = new Batcher({
      ...options,
      scripts,
      daemon: this.id,
      link: this.#link,
      events,
      // Half a renewal interval, but never less than what idle daemons leave between their ticks.
      gapMs: Math.max(leaseMs / 6, 1.5 * options.reapIntervalMs),
    });
    const submit = (op: Operation): Promise<Answer> => this.#batcher.submit(op);
    this.#renewals = new Renewals({ submit, events, leaseMs });
    this.#unconfirmed = new Unconfirmed(submit);
    this.#upkeep = new Upkeep({ ...options, scripts, events, reap: () => this.reap() });
  }

  /** Registers the accounts; may be called again on a live system with changed ones. */
  async configure(accounts: readonly SchedulerAccount[]): Promise<void> {
    await this.#link.configure(accounts);
  }

  /** Works with the accounts that the cell has already; throws where it has none. */
  async join(): Promise<void> {
    await this.#link.join();
  }

  /** Begins to renew, to reap in idleness and to audit. `configure` comes first. */
  async start(): Promise<void> {
    await this.#recovered();
    await this.#renewals.start();
    await this.#unconfirmed.start();
    await this.#upkeep.start();
  }

  /** Gives back all that is held, then resolves. New acquires are refused from the first moment. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await this.#upkeep.stop();
    await Promise.allSettled(
      this.#renewals.leases().map((lease) => lease.release({ outcome: 'ignored' })),
    );
    await this.#renewals.stop();
    await this.#unconfirmed.stop();
    await this.#batcher.drained();
  }

  /**
   * Selects an account and takes a slot, or throws an AppError that names the reason.
   * Idempotent by `requestId`: the same holder gets the same lease again, marked `replayed`.
   */
  async acquire(request: AcquireRequest): Promise<Lease> {
    const result = await this.tryAcquire(request);
    if (result.kind === 'granted') return result.lease;
    const { reason, retryAfterMs } = result;
    throw new AppError(denialCode(reason), DENIAL_MESSAGES[reason], { retryAfterMs });
  }

  /** Like acquire, with a refusal as a value. Throws for the caller's mistakes and a lost store. */
  async tryAcquire(request: AcquireRequest): Promise<AcquireResult> {
    this.#refuseWhenStopping();
    const { targets, tenant = DEFAULT_TENANT, holder = this.id, signal } = request;
    const { leaseMs = this.#options.leaseMs, renewal = 'automatic' } = request;
    if (isAborted(signal)) throw gaveUp();
    const requestId = request.requestId ?? nanoid();
    const key = keyOf({ tenant, requestId });
    const demand = checkedDemand(targets);
    const claim = claimOf(holder, demand, this.#checkedLife(leaseMs));
    const sentAt = performance.now();
    const isFresh = request.requestId === undefined;
    let answer: Answer;
    try {
      const op = { kind: 'acquire', id: key, demand, leaseMs, claim, isFresh } as const;
      answer = await this.#batcher.submit(op);
    } catch (error) {
      // Perhaps granted all the same: nobody else knows an id that was made here.
      if (isFresh) this.#unconfirmed.add({ kind: 'cancel', id: key }, leaseMs);
      throw error;
    }
    if (answer.tag === TAG.denied) return this.#denied(answer, targets);
    const known = this.#renewals.get(key);
    const lease = this.#leaseOf(answer, { requestId, tenant, targets, leaseMs });
    if (known?.fence === lease.fence) return { kind: 'granted', lease: known };
    if (renewal === 'automatic') this.#renewals.add({ lease, key, leaseMs, claim, sentAt });
    const { account, target, replayed } = lease;
    this.events.emit('granted', { account, target, replayed });
    if (isAborted(signal) || this.#isStopping) {
      lease.release({ outcome: 'ignored' }).catch(() => undefined);
      this.#refuseWhenStopping();
      throw gaveUp();
    }
    return { kind: 'granted', lease };
  }

  /** Runs `work` with a slot that comes back however the work ends. */
  async withSlot<T>(request: AcquireRequest, work: (lease: Lease) => Promise<T>): Promise<T> {
    const lease = await this.acquire(request);
    let outcome: ReleaseReport['outcome'] = 'failed';
    try {
      const result = await work(lease);
      outcome = 'success';
      return result;
    } finally {
      await lease.release({ outcome }).catch(() => undefined);
    }
  }

  /** Lets a lease that its holder renews live on. */
  async renew(ref: LeaseRef, leaseMs: number = this.#options.leaseMs): Promise<RenewResult> {
    const answer = await this.#batcher.submit({
      kind: 'renew',
      id: keyOf(ref),
      fence: ref.fence,
      leaseMs: this.#checkedLife(leaseMs),
    });
    if (answer.tag !== TAG.renewed) return { kind: 'lost' };
    return { kind: 'renewed', expiresAtMs: answer.at };
  }

  /** Gives back a lease by its name. Idempotent; never frees someone else's slot. */
  async release(ref: LeaseRef, report: ReleaseReport = {}): Promise<ReleaseResult> {
    const { outcome = 'success' } = report;
    const op = { kind: 'release', id: keyOf(ref), fence: ref.fence, outcome } as const;
    this.#renewals.remove(op.id);
    const answer = await this.#batcher.submit(op);
    return answer.tag === TAG.released ? 'released' : 'already';
  }

  /** Ends a request whatever its state; one that has not arrived yet is refused when it does. */
  async cancel(ref: Omit<LeaseRef, 'fence'>): Promise<CancelResult> {
    const id = keyOf(ref);
    this.#renewals.remove(id);
    const { tag } = await this.#batcher.submit({ kind: 'cancel', id });
    if (tag === TAG.cancelled) return 'cancelled';
    return tag === TAG.was_granted ? 'was_granted' : 'already';
  }

  /** Runs an empty tick. Rejects when the store cannot serve, `recovering` while it must not. */
  async ping(): Promise<void> {
    const { recoveringMs } = await this.#batcher.tick();
    if (recoveringMs === 0) return;
    throw new AppError('recovering', DENIAL_MESSAGES.recovering, { retryAfterMs: recoveringMs });
  }

  /** Waits until the cell grants: a cell that is new, or has lost its data, lets holders register first. */
  async #recovered(): Promise<void> {
    for (;;) {
      const { recoveringMs } = await this.#batcher.tick();
      if (recoveringMs === 0) return;
      await sleep(recoveringMs);
    }
  }

  /**
   * Reaps all that is due now; returns the number of slots that came back. Waits where the cell
   * waits for its holders: after a loss of data, or when nobody has served it for a while.
   */
  async reap(): Promise<number> {
    for (let slots = 0; ;) {
      const { reaped, more, keepingMs } = await this.#batcher.tick();
      slots += reaped;
      if (!more && (keepingMs === 0 || this.#isStopping)) return slots;
      // In steps: a longer silence than between idle daemons would make the cell wait anew.
      if (!more) await sleep(Math.min(keepingMs + 1, this.#options.reapIntervalMs));
    }
  }

  /** Leases that this instance renews. */
  held(): number {
    return this.#renewals.size;
  }

  /** For Lease alone. */
  async giveBack(lease: Lease, report: ReleaseReport): Promise<ReleaseResult> {
    const { outcome = 'success' } = report;
    const { account, target, fence, requestId } = lease;
    const op = { kind: 'release', id: keyOf(lease), fence, outcome } as const;
    this.#renewals.remove(op.id);
    try {
      const { tag } = await this.#batcher.submit(op);
      const heldMs = performance.now() - lease.heldSince;
      this.events.emit('released', { account, target, outcome, heldMs });
      return tag === TAG.released ? 'released' : 'already';
    } catch (error) {
      this.#unconfirmed.add(op, lease.leaseMs);
      this.events.emit('releaseFailed', { requestId, account, error: error as Error });
      throw error;
    }
  }

  #denied(answer: Answer, targets: readonly Target[]): AcquireResult {
    const reason = REASONS[answer.detail] ?? 'pool_full';
    const target = targets[0];
    if (target !== undefined) this.events.emit('denied', { reason, target });
    return { kind: 'denied', reason, retryAfterMs: answer.at || DENIAL_RETRY_MS };
  }

  #leaseOf(
    answer: Answer,
    request: {
      readonly requestId: string;
      readonly tenant: string;
      readonly targets: readonly Target[];
      readonly leaseMs: number;
    },
  ): Lease {
    if (answer.tag !== TAG.granted && answer.tag !== TAG.replayed) throw mistakeOf(answer);
    const { requestId, tenant, targets, leaseMs } = request;
    const grant = readGrant(answer, targets, this.#link);
    if (grant !== undefined) return new Lease(grant, { requestId, tenant, leaseMs, keeper: this });
    const op = { kind: 'release', id: `${tenant}/${requestId}`, fence: answer.fence } as const;
    this.#unconfirmed.add({ ...op, outcome: 'ignored' }, leaseMs);
    throw new AppError('internal', 'The store granted an account that this daemon does not know.');
  }

  #refuseWhenStopping(): void {
    if (!this.#isStopping) return;
    throw new AppError('shutting_down', 'The daemon is shutting down.', { retryAfterMs: 1000 });
  }

  #checkedLife(leaseMs: number): number {
    const { maxLeaseMs } = this.#options;
    if (Number.isInteger(leaseMs) && leaseMs >= 1 && leaseMs <= maxLeaseMs) return leaseMs;
    throw new AppError('invalid_params', `leaseMs must be an integer from 1 to ${maxLeaseMs}.`, {
      param: 'leaseMs',
    });
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
