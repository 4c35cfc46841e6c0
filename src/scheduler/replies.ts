// The bytes that lua/tick.lua answers with: what a tick tells, and one answer an operation.
import { V2_BREAKERS, type SchedulerEvents, type V2Breaker } from '../core/events.ts';
import { decodeLimitsList } from './limits.ts';
import type { RateLimits } from './limits.ts';

export const ANSWER_SIZE = 24;

/** What the heart answers to one operation; which fields mean something depends on the tag. */
export interface Answer {
  readonly tag: number;
  /** Target's number, reason or mistake. */
  readonly detail: number;
  readonly model: number;
  readonly account: number;
  readonly fence: number;
  /** Expiry as cell time, or a delay, in ms. */
  readonly at: number;
  /** What is left of the tenant's rates, where it has any. */
  readonly limits?: RateLimits | undefined;
  /** Of a grant that other daemons' ticks made: ms of its tick within which it must be claimed. */
  readonly claimMs?: number;
}

/** tag 1, detail 1, model 2, account 4, fence 8, time 8. */
export function decodeAnswer(raw: Buffer, number: number): Answer {
  const at = ANSWER_SIZE * number;
  return {
    tag: raw.readUInt8(at),
    detail: raw.readUInt8(at + 1),
    model: raw.readUInt16LE(at + 2),
    account: raw.readUInt32LE(at + 4),
    fence: raw.readDoubleLE(at + 8),
    at: raw.readDoubleLE(at + 16),
  };
}

/**
 * The answers of a batch, one after another in one object: an object for each would be a good part
 * of all that a batch leaves to the collector.
 */
export class Answers implements Answer {
  readonly #raw: DataView;
  readonly #limits: ReadonlyMap<number, RateLimits> | undefined;
  #at = 0;

  constructor({ answers, limits }: Pick<TickReport, 'answers' | 'limits'>) {
    this.#raw = new DataView(answers.buffer, answers.byteOffset, answers.length);
    this.#limits = limits.length > 0 ? decodeLimitsList(limits) : undefined;
  }

  get limits(): RateLimits | undefined {
    return this.#limits?.get(this.#at / ANSWER_SIZE);
  }

  next(): void {
    this.#at += ANSWER_SIZE;
  }

  get tag(): number {
    return this.#raw.getUint8(this.#at);
  }

  get detail(): number {
    return this.#raw.getUint8(this.#at + 1);
  }

  get model(): number {
    return this.#raw.getUint16(this.#at + 2, true);
  }

  get account(): number {
    return this.#raw.getUint32(this.#at + 4, true);
  }

  get fence(): number {
    return this.#raw.getFloat64(this.#at + 8, true);
  }

  get at(): number {
    return this.#raw.getFloat64(this.#at + 16, true);
  }
}

/** What a tick tells beside its answers. */
export interface TickReport {
  readonly nowMs: number;
  readonly incarnation: number;
  readonly sequence: number;
  /** More is due than one tick may do. */
  readonly more: boolean;
  readonly reaped: number;
  readonly overage: number;
  readonly setAside: number;
  /** Time in ms for which nothing is granted: leases register again. */
  readonly recoveringMs: number;
  /** Time in ms for which nothing is reaped: holders had no chance to renew. */
  readonly keepingMs: number;
  /** Ms until something changes by itself that may concern a waiter; -1 where nobody waits. */
  readonly wakeInMs: number;
  /** Rates of tenants after an operation, by its number in the batch (limits.ts). */
  readonly limits: Buffer;
  /** What was decided for waiters of this daemon (notices.ts). */
  readonly notices: Buffer;
  /** Budgets that were crossed, and accounts whose health has changed, one line each. */
  readonly alarms: string;
  readonly answers: Buffer;
  readonly v2: V2Breaker;
}

export type TickReply =
  | { readonly kind: 'ok'; readonly report: TickReport }
  | { readonly kind: 'stale' }
  | { readonly kind: 'unconfigured' }
  /** The cell has another layout than this version's scripts. */
  | { readonly kind: 'layout'; readonly layout: number }
  /** A later batch of the same track was executed before this one. */
  | { readonly kind: 'outdated' };

export function decodeReply(reply: unknown): TickReply {
  const [tag, ...facts] = reply as [Buffer, ...unknown[]];
  const kind = tag.toString();
  if (kind === 'stale' || kind === 'unconfigured' || kind === 'outdated') return { kind };
  if (kind === 'layout') return { kind, layout: facts[0] as number };
  const [nowMs, incarnation, sequence, more, reaped, ...last] = facts as Facts;
  const [overage, setAside, recoveringMs, keepingMs, wakeInMs, ...texts] = last;
  const [limits, notices, alarms, answers, estimates] = texts;
  return {
    kind: 'ok',
    report: {
      nowMs,
      incarnation,
      sequence,
      more: more === 1,
      reaped,
      overage,
      setAside,
      recoveringMs,
      keepingMs,
      wakeInMs,
      limits,
      notices,
      alarms: alarms.length > 0 ? alarms.toString() : '',
      answers,
      v2: V2_BREAKERS[estimates] ?? 'corrupt',
    },
  };
}

type Five = [number, number, number, number, number];
/** What follows the tag of a batch that was run: see the reply in lua/tick.lua. */
type Facts = [...Five, ...Five, Buffer, Buffer, Buffer, Buffer, number];

/** Budgets whose warning was crossed: "warn TAB scope TAB settled TAB reserved TAB stop" a line. */
export function readAlarms(text: string): SchedulerEvents['budgetWarning'][] {
  if (text === '') return [];
  return text.split('\n').flatMap((line) => {
    const [kind, scope = '', settled, reserved, stop] = line.split('\t');
    if (kind !== 'warn') return [];
    return {
      scope,
      settledMicro: Number(settled),
      reservedMicro: Number(reserved),
      stopMicro: Number(stop),
    };
  });
}
