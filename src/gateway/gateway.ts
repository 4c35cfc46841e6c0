// The proxy's life: which requests run, and how they end when the daemon stops. How one request is
// served is told in serve.ts; statuses and bodies of refusals are http/errors.ts's.
//
// States: serving → draining (new requests are refused, running ones go on; after the grace they
// are broken off) → stopped (no connection to any upstream is left).
import type { FailoverLimits } from '../config/outcomes-schema.ts';
import type { AccountConfig, RouteConfig } from '../config/schema.ts';
import type { SessionSource } from '../config/sessions-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import { UpstreamClient } from '../upstream/client.ts';
import { AccountBook } from './account-book.ts';
import type { ChargeRules } from './charge.ts';
import { providersOf } from './destination.ts';
import { GatewayEmitter } from './events.ts';
import type { ParkingRules } from './defer-wish.ts';
import type { Exchange } from './exchange.ts';
import type { ParkingLot } from './parking.ts';
import type { Histories } from './history.ts';
import type { RunRules } from './run.ts';
import { RunningList } from './running.ts';
import { serve, type ServeContext } from './serve.ts';
import type { SlotRules } from './slot.ts';

/** What a configuration says about requests. */
export interface GatewayRules {
  /** How long in ms a request may wait for its slot by default. */
  readonly waitMs: number;
  readonly waitKeepAliveMs: number;
  /** By name, of all pools. */
  readonly accounts: ReadonlyMap<string, AccountConfig>;
  /** By alias. */
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly charging: ChargeRules;
  readonly runs: RunRules;
  /** For routes without limits of their own. */
  readonly failover: FailoverLimits;
  readonly sessionFrom: readonly SessionSource[];
  readonly maxBodyBytes: number;
  /** Time in ms for which a client may refuse to read before it is cut off. */
  readonly writeIdleTimeoutMs: number;
  /** Undefined where deferral is off. */
  readonly parking?: ParkingRules | undefined;
}

export interface GatewayDeps extends GatewayRules {
  readonly scheduler: SlotRules['scheduler'] & Pick<Scheduler, 'events'>;
  /** Absent where nothing is rolled out. */
  readonly rollouts?:
    Pick<Rollouts, 'routesFor' | 'armsOf' | 'armOfAccount' | 'preferred'> | undefined;
}

const SHUTDOWN_RETRY_AFTER_MS = 1000;

export class Gateway implements Service {
  readonly events = new GatewayEmitter();
  readonly #scheduler: GatewayDeps['scheduler'];
  readonly #rollouts: GatewayDeps['rollouts'];
  readonly #upstream = new UpstreamClient();
  readonly #accounts: AccountBook;
  readonly #running = new RunningList();
  /** Of the requests that come now; those that run keep theirs. */
  #context: ServeContext;
  #rules: GatewayRules;
  #lot: ParkingLot | undefined;
  #histories: Histories | undefined;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor({ scheduler, rollouts, ...rules }: GatewayDeps) {
    this.#scheduler = scheduler;
    this.#rollouts = rollouts;
    this.#accounts = new AccountBook(rules.accounts);
    this.#rules = rules;
    this.#context = this.#contextOf(rules);
    // One listener for all: a signal per lease costs each request more than its routing.
    scheduler.events.on('lost', ({ requestId }) => this.#breakLost(requestId));
  }

  /** By alias. */
  get routes(): ReadonlyMap<string, RouteConfig> {
    return this.#rules.routes;
  }

  /** By what requests are charged now. */
  get charging(): ChargeRules {
    return this.#rules.charging;
  }

  /** Grants may name these accounts as well: the heart is about to be told of them. */
  expect(accounts: GatewayRules['accounts']): void {
    this.#accounts.expect(accounts);
  }

  /** New requests are served by `rules`; those that run go on by the rules under which they came. */
  configure(rules: GatewayRules): void {
    this.#accounts.replace(rules.accounts);
    this.#rules = rules;
    this.#context = this.#contextOf(rules);
  }

  /** Requests that may be deferred wait there from here on. Jobs are run by this gateway, so it is first. */
  parkAt(lot: ParkingLot): void {
    this.#lot = lot;
    this.#context = this.#contextOf(this.#rules);
  }

  /** Requests that come now may ask for their session's history. */
  keepHistories(histories: Histories): void {
    this.#histories = histories;
    this.#context = this.#contextOf(this.#rules);
  }

  #contextOf(rules: GatewayRules): ServeContext {
    const { waitMs, waitKeepAliveMs, routes, parking } = rules;
    const rollouts = this.#rollouts;
    return {
      ...rules,
      rollouts,
      histories: this.#histories,
      slots: { scheduler: this.#scheduler, rollouts, waitMs, waitKeepAliveMs },
      places: { routes, providers: providersOf(rules.accounts.values()), slots: parking?.slots },
      lot: this.#lot,
      accounts: this.#accounts.finderFor(rules.accounts),
      upstream: this.#upstream,
      events: this.events,
    };
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Idempotent. Breaks off what still runs. */
  async stop(): Promise<void> {
    await this.drain(0);
    await this.#upstream.close();
  }

  /** Requests that are being served. */
  get running(): number {
    return this.#running.size;
  }

  /** See serve(); rejects with `shutting_down` while draining. */
  async serve(exchange: Exchange): Promise<void> {
    if (this.#draining) throw shuttingDown();
    this.#running.add(exchange);
    try {
      await serve(exchange, this.#context);
    } finally {
      this.#running.remove(exchange);
      if (this.#running.size === 0) this.#onIdle?.();
    }
  }

  /**
   * Refuses new requests and resolves when none runs any more: by itself, or because it was broken
   * off after `graceMs`.
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    if (this.#running.size === 0) return;
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    const grace = setTimeout(() => this.#breakAll(), graceMs);
    await idle;
    clearTimeout(grace);
  }

  #breakLost(slotId: string): void {
    for (const exchange of this.#running) {
      if (exchange.slotId === slotId) exchange.break(leaseLost());
    }
  }

  #breakAll(): void {
    for (const exchange of this.#running) exchange.break(shuttingDown());
  }
}

function leaseLost(): AppError {
  return new AppError('lease_lost', 'The slot of this request was lost; its work was cut.');
}

function shuttingDown(): AppError {
  return new AppError('shutting_down', 'The daemon is stopping.', {
    retryAfterMs: SHUTDOWN_RETRY_AFTER_MS,
  });
}
