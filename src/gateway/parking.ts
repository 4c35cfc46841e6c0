// A live request that may be deferred: its client sees nothing until it is over. A good or a final end
// goes through as it is; where a later try may do better the request is parked, and its client is told
// when and where. It holds no slot then. Whether an end may wait is obstacle.ts's, jobs are deferral/'s.
import { asAppError } from '../core/errors.ts';
import { retryAfterSeconds } from '../core/units.ts';
import type { DeferredJob } from '../deferral/job.ts';
import { refusalHeaders } from './answer-head.ts';
import type { Asked } from './asked.ts';
import { deferWishOf, requestToKeep, type DeferWish, type ParkingRules } from './defer-wish.ts';
import type { Destination } from './destination.ts';
import type { GatewayEmitter } from './events.ts';
import type { Exchange } from './exchange.ts';
import { answerTooLarge, KeptAnswer } from './kept-answer.ts';
import { asksForHistory } from './history.ts';
import { obstacleOf, type Obstacle } from './obstacle.ts';
import { principalOf } from './principal.ts';

/** A job before it has an id and times. */
export interface ToPark extends Pick<DeferredJob, 'stage' | 'tenant' | 'request' | 'slot'> {
  readonly reason: string;
  /** Until it is tried again. */
  readonly delayMs: number;
  readonly key?: string | undefined;
  readonly webhook?: string | undefined;
}

export interface ParkedJob extends Pick<
  DeferredJob,
  'id' | 'stage' | 'reason' | 'submittedAtMs' | 'dueAtMs'
> {
  /** `deferred` while it waits. */
  readonly status: string;
}

/** Where jobs wait. Both reject with `store_unavailable`. */
export interface ParkingLot {
  /** `known`: the job that its tenant has submitted under the same key before. */
  submit(
    job: ToPark,
  ): Promise<
    { readonly kind: 'parked' | 'known'; readonly job: ParkedJob } | { readonly kind: 'full' }
  >;
  findByKey(tenant: string, key: string): Promise<ParkedJob | undefined>;
}

export interface ParkingContext {
  /** Undefined where deferral is off. */
  readonly parking?: ParkingRules | undefined;
  readonly lot?: ParkingLot | undefined;
  readonly writeIdleTimeoutMs: number;
  readonly events: GatewayEmitter;
}

interface Wanted {
  readonly asked: Asked;
  readonly destination: Destination;
  readonly body: Buffer;
}

/** Undefined for a request that is not to be parked, whatever becomes of it. Throws as deferWishOf. */
export function parkingOf(
  exchange: Exchange,
  wanted: Wanted,
  context: ParkingContext,
): Parking | undefined {
  // Inside nothing waits twice; a turn that is kept with its history is not parted from it.
  if (exchange.inner !== undefined || asksForHistory(exchange.req.headers)) return undefined;
  const { parking: rules, lot } = context;
  const wish = deferWishOf(exchange, wanted, rules);
  if (wish === undefined || rules === undefined || lot === undefined) return undefined;
  // It could not be parked, so there is nothing to keep its answer for.
  if (wanted.body.length > rules.maxPayloadBytes) return undefined;
  return new Parking(exchange, { ...context, ...wanted, wish, rules, lot });
}

interface ParkingParts extends Wanted, ParkingContext {
  readonly wish: DeferWish;
  readonly rules: ParkingRules;
  readonly lot: ParkingLot;
}

export class Parking {
  readonly #exchange: Exchange;
  readonly #parts: ParkingParts;
  readonly #kept: KeptAnswer;

  /** The answer of `exchange` is kept from here on. */
  constructor(exchange: Exchange, parts: ParkingParts) {
    this.#exchange = exchange;
    this.#parts = parts;
    const { maxAnswerBytes } = parts.rules;
    this.#kept = new KeptAnswer({
      maxBytes: maxAnswerBytes,
      onOverflow: () => exchange.break(answerTooLarge(maxAnswerBytes)),
    });
    exchange.keepAnswer(this.#kept);
  }

  /** Serves by `serve`, unless a job of its key is there. Rejects as `serve` does where it is final. */
  async settle(serve: () => Promise<void>): Promise<void> {
    const exchange = this.#exchange;
    const known = await this.#known();
    exchange.throwIfBroken();
    if (known !== undefined) {
      this.#tellParked(known, known.dueAtMs - Date.now());
      return;
    }
    const error = await serve().then(() => exchange.broken, asAppError);
    const obstacle = exchange.broken ? undefined : obstacleOf(error, exchange.verdict);
    const job = obstacle && (await this.#park(obstacle));
    // Both times are the store's.
    if (job !== undefined) this.#tellParked(job, job.dueAtMs - job.submittedAtMs);
    else if (error !== undefined) throw error;
    else this.#letThrough();
  }

  async #known(): Promise<ParkedJob | undefined> {
    const { wish, lot } = this.#parts;
    return wish.key === undefined ? undefined : lot.findByKey(this.#tenant, wish.key);
  }

  /** Undefined where there is no room, or no store: its client gets the ordinary end then. */
  async #park({ error, retryAfterMs }: Obstacle): Promise<ParkedJob | undefined> {
    const { wish, rules, lot, events, destination, body } = this.#parts;
    const slot = destination.slot ?? destination.alias;
    const job = {
      ...wish,
      tenant: this.#tenant,
      request: requestToKeep(this.#exchange, body),
      slot,
      reason: `${slot}_unavailable:${error}`,
      delayMs: retryAfterMs ?? rules.retryAfterMs,
    };
    try {
      const parked = await lot.submit(job);
      if (parked.kind !== 'full') return parked.job;
      events.emit('notParked', { stage: wish.stage, error: undefined });
    } catch (cause) {
      events.emit('notParked', { stage: wish.stage, error: asAppError(cause) });
    }
    return undefined;
  }

  get #tenant(): string {
    return principalOf(this.#exchange.req).tenant.name;
  }

  #tellParked({ id, stage, reason, status, dueAtMs }: ParkedJob, waitMs: number): void {
    const statusUrl = `/v1/deferred/${encodeURIComponent(id)}`;
    const body = JSON.stringify({
      ...{ object: 'deferred', id, status, stage, reason: reason ?? null },
      retry_after_minutes: Math.ceil(Math.max(0, waitMs) / 60_000),
      due_at: new Date(dueAtMs).toISOString(),
      status_url: statusUrl,
    });
    const headers = [
      ...['content-type', 'application/json; charset=utf-8'],
      ...['content-length', String(Buffer.byteLength(body))],
      ...['x-request-id', this.#exchange.requestId, 'x-slotkeeper-origin', 'gateway'],
      ...['location', statusUrl, 'retry-after', String(retryAfterSeconds(waitMs))],
    ];
    this.#answer(202, [...headers, ...refusalHeaders(this.#exchange)], Buffer.from(body));
  }

  #letThrough(): void {
    const { status, headers } = this.#kept;
    this.#answer(status, [...headers], this.#kept.body());
  }

  #answer(status: number, headers: string[], body: Buffer): void {
    const client = this.#exchange.endKeeping();
    client.writeHead(status, headers);
    if (!client.write(body)) {
      client.setTimeout(this.#parts.writeIdleTimeoutMs, () => client.destroy());
    }
    client.end();
  }
}
