// Every key that deferral keeps in Redis: its builder, type and members. They lie in their cell's slot, and
// none expires by itself. The keys of the queues are BullMQ's; those that a script touches are named here.
import { cellKeys } from './keys.ts';

export interface DeferralKeys {
  /** HASH id → a deferred job (deferral/record.ts); its request is in its queue alone. */
  readonly deferred: string;
  /** HASH id → how a deferred job ended, its answer included. */
  readonly outcomes: string;
  /** HASH "tenant TAB its key" → id of the job that was submitted under it. */
  readonly keys: string;
  /** ZSET of one score: "tenant TAB id". */
  readonly index: string;
  /** ZSET id → wall clock in ms at which a job is given up. */
  readonly expiries: string;
  /** ZSET id → wall clock in ms since which the job is with the workers. */
  readonly out: string;
  /** ZSET id → wall clock in ms since which the job waits for an operator. */
  readonly dead: string;
  /** ZSET id → wall clock in ms at which a job ended. */
  readonly ended: string;
  /** ZSET "daemon TAB concurrency" → wall clock in ms at which it was heard of last. */
  readonly workers: string;
  /** HASH: whose turn it is (lua/deferral/turns.lua), and the numbers of drains. */
  readonly turns: string;
  /** ZSET "tenant TAB id" → due time, wall clock in ms, of a stage's jobs that wait for it. */
  due(stage: string): string;
  /** ZSET of one score, "tenant TAB due time TAB id": a stage's jobs that are due. */
  ready(stage: string): string;
  /** ZSET id → wall clock in ms at which a stage's job was submitted, until it is dead or has ended. */
  ages(stage: string): string;
  /** What the keys of all queues of the cell begin with. */
  readonly queues: string;
  /** BullMQ's, of a stage's queue: LIST `wait`, ZSET `delayed`, ZSET `marker`. */
  queue(stage: string, part: 'wait' | 'delayed' | 'marker'): string;
}

/** A stage's queue, as BullMQ is told. */
export const queueName = (stage: string): string => `deferred-${stage}`;

export function deferralKeys(cell: string): DeferralKeys {
  const prefix = `slotkeeper:{${cell}}:deferral`;
  const queues = cellKeys(cell).queue;
  return {
    deferred: `slotkeeper:{${cell}}:deferred`,
    outcomes: `${prefix}-outcomes`,
    keys: `${prefix}-keys`,
    index: `${prefix}-index`,
    expiries: `${prefix}-expiries`,
    out: `${prefix}-out`,
    dead: `${prefix}-dead`,
    ended: `${prefix}-ended`,
    workers: `${prefix}-workers`,
    turns: `${prefix}-turns`,
    due: (stage) => `${prefix}-due:${stage}`,
    ready: (stage) => `${prefix}-ready:${stage}`,
    ages: (stage) => `${prefix}-ages:${stage}`,
    queues,
    queue: (stage, part) => `${queues}:${queueName(stage)}:${part}`,
  };
}

/** As the script calls them. */
export function deferralScriptKeys(keys: DeferralKeys): Readonly<Record<string, string>> {
  return {
    deferred: keys.deferred,
    deferral_outcomes: keys.outcomes,
    deferral_keys: keys.keys,
    deferral_index: keys.index,
    deferral_expiries: keys.expiries,
    deferral_out: keys.out,
    deferral_dead: keys.dead,
    deferral_ended: keys.ended,
    deferral_workers: keys.workers,
    deferral_turns: keys.turns,
  };
}

/** The script's lists, in the order of the stages. */
export function stageKeys(
  keys: DeferralKeys,
  stages: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  return {
    due: stages.map(keys.due),
    ready: stages.map(keys.ready),
    ages: stages.map(keys.ages),
    wait: stages.map((stage) => keys.queue(stage, 'wait')),
    delayed: stages.map((stage) => keys.queue(stage, 'delayed')),
    marker: stages.map((stage) => keys.queue(stage, 'marker')),
  };
}
