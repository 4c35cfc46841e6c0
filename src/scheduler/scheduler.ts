// The library's face of the heart: acquire, renew, release, cancel. Deciding is the store's
// (lua/tick.lua); this makes sure that what was taken comes back, whatever is lost on the way.
import { nanoid } from 'nanoid';
import type { CancelResult, ReleaseResult, Target } from '../core/domain.ts';
import { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { CODES } from '../redis/codes.ts';
import { cellKeys } from '../redis/keys.ts';
import { loadScripts } from '../redis/scripts.ts';
import { Acquiring } from './acquiring.ts';
import type { Caller, Desk } from './acquiring.ts';
import { Batcher } from './batcher.ts';
import type { Pending } from './batcher.ts';
import { CellLink } from './cell-link.ts';
import type { AdmissionPolicy, SchedulerTenant } from './admission.ts';
import { Asking } from './asking.ts';
import { Layout } from './layout.ts';
import { LocalGrants } from './local-grants.ts';
import { NoticeChannel } from './notices.ts';
import type { Lease } from './lease.ts';
import { NamedLeases } from './named-leases.ts';
import type { SchedulerAccount } from './plan.ts';
import { denialError, gaveUp, shuttingDown } from './refusals.ts';
import { CellRegistry } from './registry.ts';
import { Keeping } from './keeping.ts';
import { Renewals } from './renewals.ts';
import type {
  AcquireRequest,
  AcquireResult,
  LaneOptions,
  LeaseRef,
  MoveRef,
  NamedMoveReport,
  NamedMoveResult,
  ReleaseReport,
  RenewRef,
  RenewResult,
  SchedulerOptions,
} from './types.ts';
import { TokenSecret } from './token-secret.ts';
import { Unconfirmed } from './unconfirmed.ts';
import { pingCell, reapAll, untilGranting } from './settling.ts';
import { StoreWatch } from './store-watch.ts';
import { Terms } from './terms.ts';
import { Upkeep } from './upkeep.ts';
import { Waiting } from './waiting.ts';
import { laneRequest, runInLane, runWithLease, type LaneWork } from './with-lease.ts';
import type { Answer } from './replies.ts';
import type { Operation } from './wire.ts';

export class Scheduler implements Service {
  readonly id = nanoid(10);
  readonly events = new SchedulerEmitter();
  readonly #options: SchedulerOptions;
  readonly #watch: StoreWatch;
  readonly #link: CellLink;
  readonly #batcher: Batcher;
  readonly #renewals: Renewals;
  readonly #unconfirmed: Unconfirmed;
  readonly #upkeep: Upkeep;
  readonly #waiting: Waiting;
  readonly #terms: Terms;
  readonly #channel: NoticeChannel;
  readonly #asking: Asking;
  readonly #desk: Desk;
  readonly #secret: TokenSecret;
  readonly #named: NamedLeases;
  #isStopping = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { redis, cell, keyStyle, recoveryMs, leaseMs, watchServer = true } = options;
    const scripts = loadScripts();
    const keys = cellKeys(cell, keyStyle);
    const isAlone = !watchServer;
    const registry = new CellRegistry({ redis, keys, scripts, recoveryMs, isAlone });
    const events = this.events;
    this.#watch = new StoreWatch(events, options.onLostStore);
    const layout = new Layout({ redis, keys, events });
    this.#link = new CellLink({ redis, registry, events, layout, watchServer });
    this.#batcher = new Batcher({
      ...options,
      scripts,
      daemon: this.id,
      link: this.#link,
      events,
      // Half a renewal interval, but never less than what idle daemons leave between their ticks.
      gapMs: Math.max(leaseMs / 6, 1.5 * options.reapIntervalMs),
      onReport: (report, sentAt) => this.#waiting.heed(report, sentAt),
    });
    const submit = (op: Operation): Promise<Answer> => this.#batcher.submit(op);
    this.#unconfirmed = new Unconfirmed(submit);
    this.#renewals = new Renewals({
      submit,
      events,
      leaseMs,
      freshMark: `/${this.id}`,
      watch: this.#watch,
      cancel: (id, forMs) =>
        this.#unconfirmed.askNow({ kind: 'cancel', id, isUnused: true }, forMs),
    });
    this.#asking = new Asking({ daemon: this.id, leaseMs, maxLeaseMs: options.maxLeaseMs });
    this.#terms = new Terms(redis, scripts, keys);
    const { checkIntervalMs } = options;
    const tick = (): Promise<unknown> => this.#batcher.tick();
    this.#waiting = new Waiting({ submit, tick, events, checkIntervalMs });
    this.#channel = new NoticeChannel({
      redis,
      channel: keys.channel(this.id),
      onMessage: this.#waiting.heard,
      onOpen: this.#waiting.askAll,
    });
    this.#secret = new TokenSecret({ redis, key: keys.cell, events });
    this.#desk = this.#newDesk();
    const secret = this.#secret;
    this.#named = new NamedLeases({ ...this.#desk, submit, send: this.#send, secret });
    this.#upkeep = new Upkeep({
      ...options,
      scripts,
      events,
      reap: () => this.reap(),
      extendPeriods: () => this.#link.extendPeriods(),
    });
  }

  readonly #send = (pending: Pending): void => this.#batcher.send(pending);

  #newDesk(): Desk {
    const { local } = this.#options;
    const events = this.events;
    const told = {
      link: this.#link,
      events,
      renewals: this.#renewals,
      unconfirmed: this.#unconfirmed,
      waiting: this.#waiting,
      isStopping: () => this.#isStopping,
    };
    const own = { daemon: this.id, watch: this.#watch, events };
    return {
      ...told,
      keeper: new Keeping({ ...told, send: this.#send }),
      seal: this.#secret.seal,
      local: local && new LocalGrants(local, { ...own, desk: () => this.#desk }),
    };
  }

  /**
   * Registers accounts, tenants and budgets; may be called again on a live system with changed
   * ones. Waiters whom the change lets in are served at once.
   */
  async configure(
    accounts: readonly SchedulerAccount[],
    admission?: AdmissionPolicy,
  ): Promise<void> {
    await this.#link.configure(accounts, admission);
    await this.#batcher.tick().catch(() => undefined);
  }

  /** Registers a tenant beside those of the configuration, or changes its terms. */
  async putTenant(tenant: SchedulerTenant): Promise<void> {
    await this.#terms.put(tenant);
  }

  async removeTenant(name: string): Promise<void> {
    await this.#terms.remove(name);
  }

  /** Works with the accounts that the cell has already; throws where it has none. */
  async join(): Promise<void> {
    await this.#link.join();
  }

  /** Begins to renew, to reap in idleness and to audit. `configure` comes first. */
  async start(): Promise<void> {
    await untilGranting(() => this.#batcher.tick());
    const parts = [this.#secret, this.#renewals, this.#unconfirmed, this.#waiting, this.#channel];
    for (const part of [...parts, this.#upkeep]) await part.start();
  }

  /** Gives back all that is held, then resolves. New acquires are refused from the first moment. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const part of [this.#upkeep, this.#channel, this.#secret, this.#waiting])
      await part.stop();
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
  acquire(request: AcquireRequest): Promise<Lease> {
    return new Promise((resolve, reject) => {
      this.#ask(request, {
        granted: resolve,
        denied: (denial) => reject(denialError(denial)),
        failed: reject,
      });
    });
  }

  /** Like acquire, with a refusal as a value. Throws for the caller's mistakes and a lost store. */
  tryAcquire(request: AcquireRequest): Promise<AcquireResult> {
    return new Promise((resolve, reject) => {
      this.#ask(request, {
        granted: (lease) => resolve({ kind: 'granted', lease }),
        denied: resolve,
        failed: reject,
      });
    });
  }

  #ask(request: AcquireRequest, caller: Caller): void {
    if (this.#isStopping) throw shuttingDown();
    if (request.signal?.aborted === true) throw gaveUp();
    const op = this.#asking.asked(request);
    if (this.#desk.local?.serve(op, caller) === true) return;
    this.#send(new Acquiring(op, performance.now(), this.#desk, caller));
  }

  /** Runs `work` with a slot that comes back however the work ends. */
  withSlot<T>(request: AcquireRequest, work: (lease: Lease) => Promise<T>): Promise<T> {
    return runWithLease(this.acquire(request), work);
  }

  /** Runs `work` alone among all of its session, in the order of arrival; it takes no account. */
  withLane<T>(session: string, work: LaneWork<T>, options?: LaneOptions): Promise<T> {
    return runInLane(this.acquire(laneRequest(session, options)), work);
  }

  /**
   * Lets a lease that its holder renews live on. With its token also in a store that has lost the
   * lease meanwhile, unless it had ended before that.
   */
  renew(ref: RenewRef, leaseMs: number = this.#options.leaseMs): Promise<RenewResult> {
    return this.#named.renew(ref, this.#asking.checkedLife(leaseMs));
  }

  /** Moves a lease by its name, as Lease.move does. Idempotent: by the old fence it tells the same. */
  move(ref: MoveRef, report: NamedMoveReport): Promise<NamedMoveResult> {
    const { leaseMs = this.#options.leaseMs } = ref;
    return this.#named.move(ref, report, this.#asking.checkedLife(leaseMs));
  }

  /** Gives back a lease by its name. Idempotent; never frees someone else's slot. */
  release(ref: LeaseRef, report: ReleaseReport = {}): Promise<ReleaseResult> {
    return this.#named.release(ref, report);
  }

  /** An account, or one model of it, is well again and in use. False for one that the cell lacks. */
  async resetHealth(account: string, target?: Target): Promise<boolean> {
    const holding = target ? `${account}\t${target.pool}\t${target.model}` : account;
    const op = { kind: 'reset', id: `-/${this.id}`, holding } as const;
    return (await this.#batcher.submit(op)).tag === CODES.TAG.reset;
  }

  /** Ends a request whatever its state; one that has not arrived yet is refused when it does. */
  cancel(ref: Omit<LeaseRef, 'fence'>): Promise<CancelResult> {
    return this.#named.cancel(ref);
  }

  /**
   * Runs an empty tick. Rejects with `recovering` while the cell grants nothing, and when the store
   * cannot serve, unless some pools are served without it.
   */
  async ping(): Promise<void> {
    await pingCell(
      () => this.#batcher.tick(),
      () => this.#desk.local !== undefined && this.#watch.isAway,
    );
  }

  /**
   * Reaps all that is due now; returns the number of slots that came back. Waits where the cell
   * waits for its holders: after a loss of data, or when nobody has served it for a while.
   */
  reap(): Promise<number> {
    const options = { stepMs: this.#options.reapIntervalMs, isStopping: () => this.#isStopping };
    return reapAll(() => this.#batcher.tick(), options);
  }

  /** Acquires of this instance that wait. */
  waiting(): number {
    return this.#waiting.size;
  }

  /** Leases that this instance renews. */
  held(): number {
    return this.#renewals.size;
  }
}
