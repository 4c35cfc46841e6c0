// What is wrong with the accounts of a cell: what a tick tells of it, and what inspection reads. It
// decides nothing: that is the heart's (lua/breaker/).
import type { Target } from '../core/domain.ts';
import type { SchedulerEvents } from '../core/events.ts';
import { CODES } from '../redis/codes.ts';
import { readHealth, readHealthEvent } from '../redis/health-records.ts';
import type { BreakerRecordState, HealthRecord } from '../redis/health-records.ts';
import type { LookSource } from './look.ts';
import { readRegistry } from './registry.ts';

type HealthEvents = SchedulerEvents['health'];
type ModelOf = (number: number) => Target | undefined;

const SENTINEL = CODES.SENTINEL.name.replaceAll("'", '');

/** Changes of accounts' health among the alarms of a tick: "breaker TAB …" a line. */
export function readHealthAlarms(alarms: string, modelOf: ModelOf): HealthEvents[] {
  if (alarms === '') return [];
  return alarms.split('\n').flatMap((line) => {
    const [kind, rest] = splitAt(line, line.indexOf('\t'));
    const event = kind === 'breaker' ? worded(rest, modelOf) : undefined;
    return event === undefined ? [] : [event];
  });
}

function splitAt(text: string, at: number): readonly [string, string] {
  return [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
}

function worded(line: string, modelOf: ModelOf): HealthEvents | undefined {
  const event = readHealthEvent(line);
  if (event === undefined) return undefined;
  const { account, model, change, reason, untilMs } = event;
  const found = model === undefined ? undefined : modelOf(model);
  const target = found && { pool: found.pool, model: found.model };
  return { account, target, change, reason, untilMs };
}

/** The breaker of one model of an account. */
export interface BreakerView extends Omit<
  BreakerRecordState,
  'model' | 'untilMs' | 'coolUntilMs' | 'isProbing'
> {
  readonly model: string;
  /** Whether a probe is under way. */
  readonly probing: boolean;
  /** Ms until it may be granted again by itself; 0 where it may be, or nobody knows. */
  readonly restsMs: number;
}

/** An account with which something is wrong, or was of late. Times are cell time in ms. */
export interface AccountHealthView {
  readonly account: string;
  readonly pool: string;
  readonly disabled: boolean;
  readonly reason: string | undefined;
  readonly changedAtMs: number;
  /** Ms for which the whole account cools down. */
  readonly coolsMs: number;
  readonly breakers: readonly BreakerView[];
}

export interface HealthChangeView extends HealthEvents {
  readonly atMs: number;
}

export interface HealthReport {
  readonly nowMs: number;
  readonly accounts: readonly AccountHealthView[];
  /** The last changes, latest first. */
  readonly history: readonly HealthChangeView[];
}

/** What is left of `untilMs`, at least 0. */
const leftOf = (untilMs: number, nowMs: number): number => Math.max(0, untilMs - nowMs);

function breakerView(breaker: BreakerRecordState, nowMs: number, model: string): BreakerView {
  const { untilMs, coolUntilMs, isProbing, ...rest } = breaker;
  const opensMs = breaker.state === 'open' ? leftOf(untilMs, nowMs) : 0;
  const restsMs = Math.max(opensMs, leftOf(coolUntilMs, nowMs));
  return { ...rest, model, probing: isProbing, restsMs };
}

/** Ms for which its health keeps an account from a model; undefined where it does not. */
export function blockedMs(
  record: HealthRecord | undefined,
  model: number,
  nowMs: number,
): { readonly why: 'unusable' | 'breaker' | 'cooling'; readonly ms: number } | undefined {
  if (record === undefined) return undefined;
  if (record.isDisabled) return { why: 'unusable', ms: 0 };
  const breaker = record.breakers.find((entry) => entry.model === model);
  const coolsMs = leftOf(Math.max(record.coolUntilMs, breaker?.coolUntilMs ?? 0), nowMs);
  const isOpen = breaker?.state === 'open' || (breaker?.state === 'half_open' && breaker.isProbing);
  if (isOpen) {
    const reopensMs = breaker.state === 'open' ? leftOf(breaker.untilMs, nowMs) : 0;
    return { why: 'breaker', ms: Math.max(coolsMs, reopensMs) };
  }
  return coolsMs > 0 ? { why: 'cooling', ms: coolsMs } : undefined;
}

/** All accounts that have something to say, and what has changed of late. */
export async function readHealthReport(
  source: LookSource,
  { most }: { readonly most: number },
): Promise<HealthReport> {
  const { redis, keys, clock } = source;
  const registry = await readRegistry(redis, keys);
  const [records, lines, now, [seconds = 0, micros = 0]] = await Promise.all([
    redis.hgetallBuffer(keys.health),
    redis.lrange(keys.breakerHistory, 0, most - 1),
    redis.hget(keys.cell, 'now'),
    redis.time(),
  ]);
  const serverMs = seconds * 1000 + Math.floor(micros / 1000);
  const nowMs = clock?.() ?? Math.max(Number(now ?? 0), serverMs);
  const models = new Map(registry.models.map((entry) => [entry.number, entry]));
  const modelOf: ModelOf = (number) => models.get(number);
  const pools = new Map(registry.accounts.map(({ name, pool }) => [name, pool]));
  const accounts = Object.entries(records).flatMap(([account, raw]) => {
    const record = account === SENTINEL ? undefined : readHealth(raw);
    if (record === undefined) return [];
    const { isDisabled: disabled, coolUntilMs, reason, changedAtMs, breakers } = record;
    const views = breakers.map((breaker) =>
      breakerView(breaker, nowMs, modelOf(breaker.model)?.model ?? `#${breaker.model}`),
    );
    const pool = pools.get(account) ?? '';
    const coolsMs = leftOf(coolUntilMs, nowMs);
    return [{ account, pool, disabled, reason, changedAtMs, coolsMs, breakers: views }];
  });
  const history = lines.flatMap((line) => {
    const [at, rest] = splitAt(line, line.indexOf('\t'));
    const event = worded(rest, modelOf);
    return event === undefined ? [] : [{ atMs: Number(at), ...event }];
  });
  accounts.sort((a, b) => (a.account < b.account ? -1 : 1));
  return { nowMs, accounts, history };
}
