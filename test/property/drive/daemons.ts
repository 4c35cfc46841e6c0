// The daemons of a scenario: what each knows of the cell, what it has sent, how it reads answers.
import type { Redis } from 'ioredis';
import { callScript } from '../../../src/redis/script.ts';
import type { Scripts } from '../../../src/redis/scripts.ts';
import type { SchedulerAccount } from '../../../src/scheduler/plan.ts';
import type { CellView } from '../../../src/scheduler/registry.ts';
import { encodeHead } from '../../../src/scheduler/head.ts';
import { encodeBatch } from '../../../src/scheduler/wire.ts';
import type { TickReport } from '../../../src/scheduler/replies.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';
import { wordAnswer } from '../model/answers.ts';
import type { WordedAnswer } from '../model/answers.ts';
import type { CellSettings, ModelTick } from '../model/tick.ts';
import { targetOf } from './store.ts';
import type { StoredCell } from './store.ts';

export interface Daemon {
  readonly name: string;
  accounts: readonly SchedulerAccount[];
  view: CellView | undefined;
  registry: string;
  incarnation: number;
  sequence: number;
  batches: number;
}

export interface Sent {
  readonly daemon: Daemon;
  readonly track: number;
  readonly batch: number;
  readonly isOutOfMemory: boolean;
  readonly ops: readonly Operation[];
  /** When it was sent first. */
  readonly atMs: number;
}

/** The highest pair that the daemon has seen. */
export function noteReport(
  daemon: Daemon,
  { incarnation, sequence }: Pick<TickReport, 'incarnation' | 'sequence'>,
): void {
  if (incarnation < daemon.incarnation) return;
  const isNew = incarnation > daemon.incarnation;
  daemon.sequence = isNew ? sequence : Math.max(daemon.sequence, sequence);
  daemon.incarnation = incarnation;
}

/** A kept reply may speak of a configuration that is gone: that one is compared byte by byte. */
export function wordsOf(
  report: TickReport,
  count: number,
  stored: StoredCell | undefined,
): readonly WordedAnswer[] {
  const byIndex = new Map([...(stored?.accounts ?? [])].map(([name, { index }]) => [index, name]));
  const names = {
    account: (index: number) => byIndex.get(index) ?? `account ${index}`,
    target: (number: number) => {
      const target = stored && targetOf(stored.registry, number);
      return target === undefined ? `model ${number}` : `${target.pool}/${target.model}`;
    },
  };
  return Array.from({ length: count }, (_, i) => wordAnswer(report.answers, i, names));
}

/** Of what these sequences do not use. */
const UNUSED = { maxWaiting: 1000, sessionMs: 1000, maxSessions: 1000, preferMs: 0 } as const;

/** One call of the heart; the bare reply. */
export async function callTick(
  redis: Redis,
  scripts: Scripts,
  {
    view,
    asked,
    ...settings
  }: CellSettings & { readonly view: CellView; readonly asked: ModelTick },
): Promise<unknown> {
  const { batch, track, clockMs, incarnation, sequence, isOutOfMemory } = asked;
  const { generation } = view.registry;
  const seen = { generation, incarnation, sequence };
  const head = encodeHead({
    ...settings,
    ...seen,
    ...UNUSED,
    batch,
    track,
    clockMs,
  });
  const { demands, holdings, spends, excludes, sessions, operations, ids } = encodeBatch(asked.ops);
  const lines = [demands, holdings, spends, excludes, sessions];
  const args = [head, asked.daemon, asked.server, ...lines, operations, ...ids];
  const entry = isOutOfMemory ? 'tick_oom' : 'tick';
  return callScript(redis, scripts.tick, entry, view.bound, args);
}

/** Daemons whose registries are equal may work by either. */
export function nameOf({ registry }: CellView): string {
  return JSON.stringify(registry);
}
