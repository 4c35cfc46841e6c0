// A tick on the model: resends, the clock, the recovery guard, the batch, and what is remembered.
import { CODES } from '../../../src/redis/codes.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';
import type { WordedAnswer } from './answers.ts';
import { BatchRun } from './batch.ts';
import type { DueEntries } from './batch.ts';
import type { ModelCell } from './cell.ts';

/** What daemons are configured with, in ms. */
export interface CellSettings {
  readonly gapMs: number;
  readonly recoveryMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
}

export interface ModelTick {
  readonly daemon: string;
  readonly track: number;
  readonly batch: number;
  /** Name of the configuration that the daemon knows. */
  readonly registry: string;
  readonly incarnation: number;
  readonly sequence: number;
  /** Which server it talks to; empty where it does not watch that. */
  readonly server: string;
  readonly clockMs: number;
  readonly isOutOfMemory: boolean;
  readonly ops: readonly Operation[];
}

export interface TickContext extends CellSettings {
  /** The entries of the stored wheel that are due at a cell time. */
  readonly dueAt: (nowMs: number) => DueEntries;
  readonly actual: readonly WordedAnswer[];
  readonly seen: (what: string) => void;
}

export interface ExpectedReport {
  readonly nowMs: number;
  readonly incarnation: number;
  readonly sequence: number;
  readonly more: boolean;
  readonly reaped: number;
  readonly overage: number;
  readonly setAside: number;
  readonly recoveringMs: number;
  readonly answers: readonly WordedAnswer[];
}

export type ExpectedReply =
  | { readonly kind: 'ok'; readonly report: ExpectedReport }
  | { readonly kind: 'again'; readonly reply: unknown }
  | { readonly kind: 'stale' | 'unconfigured' | 'outdated' };

/** Changes the cell; `cell` is undefined where the store knows none. */
export function tick(
  cell: ModelCell | undefined,
  asked: ModelTick,
  context: TickContext,
): ExpectedReply {
  if (cell === undefined) return { kind: 'unconfigured' };
  const kept = cell.replies.get(trackOf(asked));
  if (kept?.batch === asked.batch) return { kind: 'again', reply: kept.reply };
  if (kept !== undefined && kept.batch > asked.batch) return { kind: 'outdated' };
  if (cell.registry !== asked.registry) return { kind: 'stale' };
  tellTime(cell, asked, context);
  if (hasLostWrites(cell, asked)) {
    beginIncarnation(cell, asked, context);
    context.seen('incarnation');
  }
  cell.sequence += 1;
  cell.touches += 1;
  const { isOutOfMemory, ops } = asked;
  const due = context.dueAt(cell.nowMs);
  const run = new BatchRun(cell, { ...context, isOutOfMemory, due });
  const answers = run.run(ops);
  if (run.endings > 0) growOld(cell, context);
  rememberDaemon(cell, asked);
  const { nowMs, incarnation, sequence } = cell;
  const { more, reaped, overage } = run;
  const recoveringMs = Math.max(0, cell.recoverUntilMs - nowMs);
  const numbers = { nowMs, incarnation, sequence, more, reaped, overage, setAside: 0 };
  return { kind: 'ok', report: { ...numbers, recoveringMs, answers } };
}

/** The heart keeps what it has answered, whatever that was. */
export function keepReply(cell: ModelCell, asked: ModelTick, reply: unknown): void {
  if (asked.ops.length > 0) cell.replies.set(trackOf(asked), { batch: asked.batch, reply });
}

function trackOf({ daemon, track }: ModelTick): string {
  return `${daemon}:${track}`;
}

function tellTime(cell: ModelCell, { clockMs }: ModelTick, settings: CellSettings): void {
  const gapMs = clockMs - cell.nowMs;
  cell.nowMs = Math.max(cell.nowMs, clockMs);
  if (gapMs > settings.gapMs) cell.keepUntilMs = cell.nowMs + settings.recoveryMs;
}

function hasLostWrites(cell: ModelCell, { server, incarnation, sequence }: ModelTick): boolean {
  const isBehind = cell.incarnation === incarnation && cell.sequence < sequence;
  const isAnother = server !== '' && server !== cell.server;
  return isAnother || cell.incarnation < incarnation || isBehind;
}

function beginIncarnation(cell: ModelCell, asked: ModelTick, { recoveryMs }: CellSettings): void {
  cell.incarnation = Math.max(cell.incarnation, asked.incarnation) + 1;
  cell.sequence = 0;
  cell.grants = 0;
  cell.recoverUntilMs = cell.nowMs + recoveryMs;
  cell.keepUntilMs = cell.recoverUntilMs;
  if (asked.server !== '') cell.server = asked.server;
}

function growOld(cell: ModelCell, { rememberMs, rememberMax, seen }: TickContext): void {
  const sentinels = 1;
  if (cell.nowMs < cell.rotateAtMs && cell.finished.size + sentinels < rememberMax) return;
  cell.finishedBefore = cell.finished;
  cell.finished = new Map();
  cell.rotateAtMs = cell.nowMs + rememberMs;
  seen('finished ids grew old');
}

/** An empty tick also forgets daemons that have been silent for long, and their replies. */
function rememberDaemon(cell: ModelCell, { daemon, ops }: ModelTick): void {
  cell.daemons.set(daemon, cell.nowMs);
  if (ops.length > 0) return;
  const gone = [...cell.daemons]
    .filter(([, at]) => at <= cell.nowMs - CODES.REPLIES.forget_ms)
    .sort(([a, atA], [b, atB]) => atA - atB || (a < b ? -1 : 1))
    .slice(0, CODES.REPLIES.forget_most);
  for (const [name] of gone) {
    cell.daemons.delete(name);
    for (const track of cell.replies.keys()) {
      if (track.startsWith(`${name}:`)) cell.replies.delete(track);
    }
  }
}
