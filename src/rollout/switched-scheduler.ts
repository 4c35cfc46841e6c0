// The scheduler behind the pools' switches: it asks the heart, or lets a request run without a slot
// where its pool is not enforced. A request goes by the switch of its first target's pool. What was
// granted by the heart is given back to the heart, whatever has been switched since.
import { nanoid } from 'nanoid';
import type { Config } from '../config/schema.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import type { CancelResult, ReleaseResult, Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { remade } from '../core/remade.ts';
import { Lease, type LeaseKeeper } from '../scheduler/lease.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type {
  AcquireRequest,
  AcquireResult,
  LeaseRef,
  MoveRef,
  MoveReport,
  MoveResult,
  NamedMoveReport,
  NamedMoveResult,
  ReleaseReport,
  RenewRef,
  RenewResult,
} from '../scheduler/types.ts';
import type { RolloutEmitter } from './events.ts';
import { PlainChoice } from './plain-choice.ts';
import type { Scheduling, Switches } from './switches.ts';

export interface SwitchedRequest extends AcquireRequest {
  /** Its session, else its own id: by it a part of the requests is told from the others. */
  readonly stableKey: string;
}

export interface SwitchedSchedulerOptions {
  readonly scheduler: Pick<
    Scheduler,
    'tryAcquire' | 'renew' | 'move' | 'release' | 'cancel' | 'ping' | 'resetHealth' | 'events'
  >;
  readonly switches: Pick<Switches, 'schedulingOf'>;
  readonly events: RolloutEmitter;
  readonly config: Pick<Config, 'accounts' | 'scheduler'>;
}

const NOBODY_ELSE = {
  ...({ kind: 'denied', reason: 'no_account_for_model' } as const),
  retryAfterMs: undefined,
  hasAccount: true,
};

/** No lease of the heart has it: fences begin at the cell's first incarnation, far above. */
const NO_FENCE = 1;

export class SwitchedScheduler {
  readonly #options: SwitchedSchedulerOptions;
  readonly #choice: () => PlainChoice;
  /** Of leases without a slot: there is nothing to give back, and any other account may be next. */
  readonly #keeper: LeaseKeeper = {
    giveBack: () => Promise.resolve('already'),
    move: (lease, report) => Promise.resolve(this.#move(lease, report)),
  };

  constructor(options: SwitchedSchedulerOptions) {
    this.#options = options;
    const { config } = options;
    this.#choice = remade(
      () => config.accounts,
      (accounts) => new PlainChoice(accounts),
    );
  }

  get events() {
    return this.#options.scheduler.events;
  }

  ping(): Promise<void> {
    return this.#options.scheduler.ping();
  }

  /** As the scheduler's; in a window it may grant a lease without a slot, whose fence is 1. */
  async tryAcquire(request: SwitchedRequest): Promise<AcquireResult> {
    const { scheduler, switches } = this.#options;
    const pool = request.targets[0]?.pool ?? '';
    const scheduling = switches.schedulingOf(pool, request.stableKey);
    if (scheduling === 'enforce') return scheduler.tryAcquire(request);
    if (scheduling === 'off') return this.#unscheduled(request, { scheduling, reason: 'none' });
    const refusal = await this.#observed(request);
    if (refusal.kind === 'granted') return refusal;
    return this.#unscheduled(request, { scheduling, reason: refusal.reason });
  }

  /** A lease without a slot lives as long as its holder says. */
  async renew(ref: RenewRef, leaseMs?: number): Promise<RenewResult> {
    const { scheduler, config } = this.#options;
    if (ref.fence !== NO_FENCE) return scheduler.renew(ref, leaseMs);
    const expiresAtMs = Date.now() + (leaseMs ?? config.scheduler.leaseMs);
    return { kind: 'renewed', expiresAtMs, token: undefined };
  }

  /** A lease without a slot goes on with any account that its caller has not tried. */
  move(ref: MoveRef, report: NamedMoveReport): Promise<NamedMoveResult> {
    const { scheduler, config } = this.#options;
    if (ref.fence !== NO_FENCE) return scheduler.move(ref, report);
    const { targets, exclude } = report;
    const found = this.#choose(targets, targets[0]?.pool ?? '', new Set(exclude));
    if (found === undefined) return Promise.resolve(NOBODY_ELSE);
    const expiresAtMs = Date.now() + (ref.leaseMs ?? config.scheduler.leaseMs);
    const { account, target } = found;
    const moved = { account, target, fence: NO_FENCE, expiresAtMs, token: undefined };
    return Promise.resolve({ kind: 'moved', ...moved });
  }

  release(ref: LeaseRef, report?: ReleaseReport): Promise<ReleaseResult> {
    if (ref.fence === NO_FENCE) return Promise.resolve('already');
    return this.#options.scheduler.release(ref, report);
  }

  resetHealth(account: string, target?: Target): Promise<boolean> {
    return this.#options.scheduler.resetHealth(account, target);
  }

  cancel(ref: Omit<LeaseRef, 'fence'>): Promise<CancelResult> {
    return this.#options.scheduler.cancel(ref);
  }

  /** What the heart decides now: whoever is not held back does not wait either. */
  async #observed(request: SwitchedRequest) {
    try {
      return await this.#options.scheduler.tryAcquire({ ...request, waitMs: 0 });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'store_unavailable') throw error;
      return { kind: 'denied', reason: error.code } as const;
    }
  }

  #unscheduled(
    request: SwitchedRequest,
    why: { readonly scheduling: Scheduling; readonly reason: string },
  ): AcquireResult {
    const { events, config } = this.#options;
    const pool = request.targets[0]?.pool ?? '';
    const found = this.#choose(request.targets, pool);
    if (found === undefined) {
      return { kind: 'denied', reason: 'no_account_for_model', retryAfterMs: undefined };
    }
    events.emit('unscheduled', { pool, ...why });
    const { requestId = nanoid(), tenant = DEFAULT_TENANT } = request;
    const leaseMs = request.leaseMs ?? config.scheduler.leaseMs;
    const expiresAtMs = Date.now() + leaseMs;
    const lease = new Lease(
      { ...found, fence: NO_FENCE, expiresAtMs, replayed: false, sticky: undefined },
      {
        requestId,
        tenant,
        targets: request.targets,
        key: `${tenant}/${requestId}`,
        isFresh: false,
        leaseMs,
        heldSince: performance.now(),
        queuedMs: 0,
        limits: undefined,
        token: undefined,
        keeper: this.#keeper,
      },
    );
    return { kind: 'granted', lease };
  }

  #move(lease: Lease, { targets = lease.targets, exclude = [] }: MoveReport): MoveResult {
    const tried = new Set([...exclude, lease.account]);
    const found = this.#choose(targets, lease.target.pool, tried);
    if (found === undefined) return NOBODY_ELSE;
    lease.moved({ ...found, fence: NO_FENCE, expiresAtMs: lease.expiresAtMs });
    return { kind: 'moved' };
  }

  /** Within the pool that is switched: what the other pools of a route say is their own matter. */
  #choose(targets: readonly Target[], pool: string, tried?: ReadonlySet<string>) {
    for (const [targetIndex, target] of targets.entries()) {
      const account = target.pool === pool ? this.#choice().pick(target, { tried }) : undefined;
      if (account !== undefined) return { account, target, targetIndex };
    }
    return undefined;
  }
}
