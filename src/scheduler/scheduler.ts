// The library's face of the heart: acquire, renew, release, cancel. Deciding is the store's
// (lua/tick.lua); this makes sure that what was taken comes back, whatever is lost on the way.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import type { CancelResult, ReleaseResult, Target } from '../core/domain.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { CODES, namesByCode } from '../redis/codes.ts';
import { cellKeys } from '../redis/keys.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { loadScripts } from '../redis/scripts.ts';
import { Batcher } from './batcher.ts';
import { CellLink } from './cell-link.ts';
import { audit } from './inspect.ts';
import { Lease } from './lease.ts';
import type { LeaseKeeper } from './lease.ts';
import type { SchedulerAccount } from './plan.ts';
import {
  DENIAL_MESSAGES,
  DENIAL_RETRY_MS,
  checkedId,
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
} from './types.ts';
import { Unconfirmed } from './unconfirmed.ts';
import { claimOf, demandOf } from './wire.ts';
import type { Answer, Operation } from './wire.ts';

export interface SchedulerOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
  readonly reapIntervalMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
  readonly recoveryMs: number;
  readonly maxCallsInFlight: number;
  readonly maxPendingOperations: number;
  readonly auditIntervalMs: number;
  /** Time in ms after which the store counts as unavailable. */
  readonly timeoutMs: number;
  /**
   * Whether another server behind the same address counts as a loss of data (default true).
   * False only where this process runs the server itself, for itself alone.
   */
  readonly watchServer?: boolean;
}

const TAG = CODES.TAG;
const REASONS = namesByCode(CODES.REASON);
const JITTER = 0.2;

export class Scheduler implements Service, LeaseKeeper {
  readonly id = nanoid(10);
  readonly events = new SchedulerEmitter();
  readonly #options: SchedulerOptions;
  readonly #link: CellLink;
  readonly #batcher: Batcher;
  readonly #renewals: Renewals;
  readonly #unconfirmed: Unconfirmed;
  #tickTimer: NodeJS.Timeout | undefined;
  #auditTimer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { redis, cell, keyStyle, recoveryMs, leaseMs } = options;
    const scripts = loadScripts();
    const registry = new CellRegistry({
      redis,
      keys: cellKeys(cell, keyStyle),
      scripts,
      recoveryMs,
    });
    const events = this.events;
    this.#link = new CellLink({
      redis,
      registry,
      events,
      watchServer: options.watchServer ?? true,
    });
    this.#batcher = new Batcher({
      ...options,
      scripts,
      daemon: this.id,
      link: this.#link,
      events,
      gapMs: leaseMs / 6,
    });
    const submit = (op: Operation): Promise<Answer> => this.#batcher.submit(op);
    this.#renewals = new Renewals({ submit, events, leaseMs });
    this.#unconfirmed = new Unconfirmed(submit);
  }

  /** Registers the accounts; may be called again on a live system with changed ones. */
  async configure(accounts: readonly SchedulerAccount[]): Promise<void> {
    await this.#link.configure(accounts);
  }

  /** Begins to renew, to reap in idleness and to audit. `configure` comes first. */
  async start(): Promise<void> {
    await this.ping();
    await this.#renewals.start();
    await this.#unconfirmed.start();
    this.#tickLater();
    this.#auditTimer = setInterval(() => void this.#audit(), this.#options.auditIntervalMs).unref();
  }

  /** Gives back all that is held, then resolves. New acquires are refused from the first moment. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#tickTimer);
    clearInterval(this.#auditTimer);
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
    const requestId = checkedId(request.requestId ?? nanoid());
    const key = `${tenant}/${requestId}`;
    const demand = demandOf(targets);
    const claim = claimOf(holder, demand, this.#checkedLife(leaseMs));
    const sentAt = performance.now();
    let answer: Answer;
    try {
      const isFresh = request.requestId === undefined;
      const op = { kind: 'acquire', id: key, demand, leaseMs, claim, isFresh } as const;
      answer = await this.#batcher.submit(op);
    } catch (error) {
      // Perhaps granted all the same: nobody else knows an id that was made here.
      if (request.requestId === undefined)
        this.#unconfirmed.add({ kind: 'cancel', id: key }, leaseMs);
      throw error;
    }
    if (answer.tag === TAG.denied) return this.#denied(answer, targets);
    const known = this.#renewals.get(key);
    const lease = this.#leaseOf(answer, { requestId, tenant, targets });
    if (known?.fence === lease.fence) return { kind: 'granted', lease: known };
    if (renewal === 'automatic') this.#renewals.add({ lease, key, leaseMs, claim, sentAt });
    this.#emitGranted(lease);
    if (isAborted(signal)) {
      lease.release({ outcome: 'ignored' }).catch(() => undefined);
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

  /** Runs an empty tick. Rejects when the store cannot serve. */
  async ping(): Promise<void> {
    await this.#batcher.tick();
  }

  /** Reaps all that is due now; returns the number of slots that came back. */
  async reap(): Promise<number> {
    for (let slots = 0; ;) {
      const report = await this.#batcher.tick();
      slots += report.reaped;
      if (!report.more) return slots;
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
      this.#unconfirmed.add(op, this.#options.maxLeaseMs);
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
    },
  ): Lease {
    const replayed = answer.tag === TAG.replayed;
    if (answer.tag !== TAG.granted && !replayed) throw mistakeOf(answer);
    const { requestId, tenant, targets } = request;
    const model = this.#link.view.model(answer.model);
    const targetIndex = replayed
      ? Math.max(
          0,
          targets.findIndex((t) => t.pool === model?.pool && t.model === model.model),
        )
      : answer.detail;
    const account = this.#link.accountName(answer.account);
    const target = targets[targetIndex];
    if (account === undefined || target === undefined) {
      const op = { kind: 'release', id: `${tenant}/${requestId}`, fence: answer.fence } as const;
      this.#unconfirmed.add({ ...op, outcome: 'ignored' }, this.#options.leaseMs);
      throw new AppError(
        'internal',
        'The store granted an account that this daemon does not know.',
      );
    }
    const grant = { account, target, targetIndex, fence: answer.fence, expiresAtMs: answer.at };
    return new Lease({ ...grant, replayed }, { requestId, tenant, keeper: this });
  }

  #emitGranted({ account, target, replayed }: Lease): void {
    this.events.emit('granted', { account, target, replayed });
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

  /** The floor under all other ticks: heals in idleness. Jittered, so that daemons spread out. */
  #tickLater(): void {
    const { reapIntervalMs } = this.#options;
    const delay = reapIntervalMs * (1 + JITTER * (Math.random() - 0.5));
    this.#tickTimer = setTimeout(() => {
      this.reap()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isStopping) this.#tickLater();
        });
    }, delay).unref();
  }

  async #audit(): Promise<void> {
    try {
      const { differences } = await audit(this.#options);
      this.events.emit('audited', { differences: differences.length });
    } catch {
      // The store is away: storeError has told, and the next audit will look again.
    }
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
