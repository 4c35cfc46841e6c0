// The alerts' outbox: features tell it what is so or has happened; it sees to it that every destination
// hears of it, whatever dies meanwhile. Its parts: intake (until the store has it), the register (what
// fires), deliveries (what is on its way) and the keeper (what lasts, and what a crash left undone).
import type { Redis } from 'ioredis';
import type { AlertsConfig } from '../config/alerts-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { fingerprintOf, type Notice, type Severity, type Told } from './alert.ts';
import { Deliverer } from './deliver.ts';
import { Deliveries, type QueuedDelivery } from './deliveries.ts';
import type { Destination } from './destination.ts';
import { destinationsOf } from './destinations.ts';
import { OutboxEmitter } from './events.ts';
import { Intake } from './intake.ts';
import { Keeper, type Levels } from './keeper.ts';
import { Poster } from '../outbound/post.ts';
import { Register, type AlertRecord } from './register.ts';
import { giveUpLeastUrgent, roomFor } from './room.ts';

export interface OutboxOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly config: AlertsConfig;
  /** What holds in the cell now; read once an interval by one daemon. */
  readonly levels: () => Promise<Levels>;
  /** Whether this daemon may look through the alerts now; by default whoever comes first does. */
  readonly mayKeep?: () => boolean;
  /** For so long in ms `mayKeep` may be false for all daemons; 0 by default. */
  readonly unwatchedMs?: number;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: () => number;
}

export interface OutboxView {
  /** What fires or did within the last hour, in the order in which it began. */
  readonly alerts: readonly AlertRecord[];
  /** What is on its way, or was given up. */
  readonly deliveries: readonly QueuedDelivery[];
}

const RETRY_STORE_MS = 1000;

export class Outbox implements Service {
  readonly events = new OutboxEmitter();
  readonly #options: OutboxOptions;
  readonly #register: Register;
  readonly #poster: Poster;
  readonly #destinations: readonly Destination[];
  readonly #deliverer: Deliverer;
  readonly #deliveries: Deliveries;
  readonly #intake: Intake;
  readonly #keeper: Keeper;
  /** What the register has taken and the queue has not. */
  readonly #unqueued = new Set<Notice>();
  #timer: NodeJS.Timeout | undefined;
  #keeping: Promise<void> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { redis, cell, keyStyle, config, levels, clock } = options;
    const { events } = this;
    const { maxAlerts, timeoutMs } = config;
    this.#register = new Register({ redis, cell, keyStyle, maxAlerts, clock });
    this.#poster = new Poster({ timeoutMs });
    this.#destinations = destinationsOf({ ...options, poster: this.#poster });
    const destinations = new Map(this.#destinations.map((one) => [one.id, one]));
    const common = { register: this.#register, config, events };
    this.#deliverer = new Deliverer({ ...common, destinations });
    this.#deliveries = new Deliveries({
      redis,
      config,
      prefix: cellKeys(cell, keyStyle).queue,
      deliver: (delivery) => this.#deliverer.deliver(delivery),
      onTooOld: (delivery) => this.#deliverer.giveUp(delivery, 'retried_too_long'),
    });
    const put = (told: Told, beforeMs?: number): Promise<void> => this.#put(told, beforeMs);
    this.#intake = new Intake({ put, events, retryMs: RETRY_STORE_MS });
    this.#keeper = new Keeper({
      ...common,
      put,
      levels,
      deliveries: this.#deliveries,
      destinations: this.#destinations,
    });
  }

  async start(): Promise<void> {
    await this.#deliveries.start();
    const { refreshMs } = this.#options.config;
    // Looked for more often than done: the daemon that did it last may be gone.
    this.#timer = setInterval(() => this.#keepIfMay(), refreshMs / 2).unref();
  }

  /** Idempotent. What is not sent yet is sent by other daemons, or after the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#intake.stop();
    await this.#poster.close();
    await this.#keeping;
    await this.#deliveries.stop();
  }

  /** Never throws and never waits. The same told by many, or many times, is one alert. */
  tell(told: Told): void {
    this.#intake.take(told);
  }

  /** Resolves when the store has all that was told before, or cannot take it now. */
  told(): Promise<void> {
    return this.#intake.flush();
  }

  /** Looks through all alerts, unless another daemon has just done so. Rejects as the store does. */
  async keep(): Promise<void> {
    await this.#keeper.keep();
    await this.#keepWithinBound();
  }

  /** Notices that are neither sent nor given up. */
  depth(): Promise<number> {
    return this.#deliveries.depth();
  }

  /** Alerts that fire, by severity. */
  async firing(): Promise<Readonly<Record<Severity, number>>> {
    const firing = (await this.#register.all()).filter(({ state }) => state === 'firing');
    const of = (severity: Severity): number =>
      firing.filter(({ alert }) => alert.severity === severity).length;
    return { P1: of('P1'), P2: of('P2'), P3: of('P3') };
  }

  async view(): Promise<OutboxView> {
    const [alerts, deliveries] = await Promise.all([this.#register.all(), this.#deliveries.list()]);
    return { alerts, deliveries };
  }

  /** Tries a delivery at once, as if it were new. Rejects with `alert_not_found`. */
  async retry(id: string): Promise<void> {
    const { notice, destination } = await this.#takeOut(id);
    await this.#deliveries.add([{ notice, destination }]);
  }

  /** Gives a delivery up for good. Rejects with `alert_not_found`. */
  async drop(id: string): Promise<void> {
    const delivery = await this.#takeOut(id);
    // One that was given up has been counted then.
    if (delivery.state !== 'given_up') await this.#deliverer.giveUp(delivery, 'dropped');
  }

  async #takeOut(id: string): Promise<QueuedDelivery> {
    const delivery = await this.#deliveries.find(id);
    if (delivery === undefined || !(await this.#deliveries.remove(id))) {
      throw new AppError('alert_not_found', 'No such delivery waits, or it is being sent.');
    }
    return delivery;
  }

  #keepIfMay(): void {
    if (this.#options.mayKeep?.() === false) return;
    // It is done again half an interval later, here or elsewhere.
    this.#keeping ??= this.keep()
      .catch((error: unknown) => {
        const { message } = error instanceof Error ? error : new Error(String(error));
        this.events.emit('storeFailed', { error: new Error(message), kept: 0 });
      })
      .finally(() => (this.#keeping = undefined));
  }

  async #put(told: Told, beforeMs?: number): Promise<void> {
    await this.#queueNotices();
    const notice =
      told.kind === 'condition' && !told.holds
        ? await this.#end(told.alert, beforeMs)
        : await this.#begin(told);
    if (notice === undefined) return;
    const { name, severity } = notice.alert;
    this.events.emit('changed', { name, severity, state: notice.state });
    this.#unqueued.add(notice);
    await this.#queueNotices();
    await this.#keepWithinBound();
  }

  /** Should the queue not take them now, they go before what comes next; the keeper finds them, too. */
  async #queueNotices(): Promise<void> {
    const notices = [...this.#unqueued];
    const places = this.#destinations.map(({ id }) => id);
    await this.#deliveries.add(
      notices.flatMap((notice) => places.map((destination) => ({ notice, destination }))),
    );
    for (const notice of notices) this.#unqueued.delete(notice);
  }

  #keepWithinBound(): Promise<void> {
    return giveUpLeastUrgent(this.#options.config.maxQueued, {
      deliveries: this.#deliveries,
      giveUp: (delivery) => this.#deliverer.giveUp(delivery, 'queue_full'),
    });
  }

  async #begin({ kind, alert }: Told): Promise<Notice | undefined> {
    const fingerprint = fingerprintOf(alert);
    const lastsMs = kind === 'incident' ? this.#options.config.incidentMs : undefined;
    const raise = () => this.#register.raise(fingerprint, alert, lastsMs);
    let raised = await raise();
    if (raised.kind === 'full') {
      const room = await roomFor(alert, { register: this.#register, events: this.events });
      if (room) raised = await raise();
    }
    if (raised.kind !== 'raised') return undefined;
    const { episode, nowMs } = raised;
    return { fingerprint, episode, state: 'firing', alert, sinceMs: nowMs };
  }

  async #end(alert: Told['alert'], beforeMs?: number): Promise<Notice | undefined> {
    const fingerprint = fingerprintOf(alert);
    const ended = await this.#register.resolve(fingerprint, beforeMs);
    const record = await this.#register.find(fingerprint);
    if (ended.kind === 'nothing' || record === undefined) return undefined;
    const { episode, endedMs } = ended;
    const { alert: told, sinceMs } = record;
    return { fingerprint, episode, state: 'resolved', alert: told, sinceMs, endedMs };
  }
}
