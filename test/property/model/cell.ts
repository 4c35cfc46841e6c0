// What a cell should know, as plain data: the model that the heart is compared with. It knows of no
// Redis, no packing, no index; everything here is meant to be obvious.
import { isDeepStrictEqual } from 'node:util';
import type { Target } from '../../../src/core/domain.ts';
import { CODES } from '../../../src/redis/codes.ts';
import type { SchedulerAccount } from '../../../src/scheduler/plan.ts';

export type Ending = 'released' | 'reaped' | 'cancelled';

export interface ModelLease {
  readonly account: string;
  readonly target: Target;
  readonly fence: number;
  readonly claim: number;
  readonly isFresh: boolean;
  /** The fence before its last move: its holder may not have heard of that yet. */
  readonly before?: number;
  expiresAtMs: number;
}

export interface ModelAccount {
  readonly spec: SchedulerAccount;
  /** False where it is disabled, or not configured any more and kept for its leases. */
  readonly isInUse: boolean;
  inFlight: number;
  /** When a batch granted from it or returned to it last; 0: not since it was configured. */
  touch: number;
}

export interface KeptReply {
  readonly batch: number;
  readonly reply: unknown;
}

export interface ModelCell {
  /** Which configuration it has, and what that was made of; never twice the same name. */
  registry: string;
  configuration: readonly SchedulerAccount[];
  /** Whether accounts with odd sets of models share a class (beyond 16 sets for one model). */
  hasOddSets: boolean;
  incarnation: number;
  sequence: number;
  nowMs: number;
  grants: number;
  touches: number;
  recoverUntilMs: number;
  keepUntilMs: number;
  rotateAtMs: number;
  server: string;
  leases: Map<string, ModelLease>;
  finished: Map<string, Ending>;
  finishedBefore: Map<string, Ending>;
  accounts: Map<string, ModelAccount>;
  replies: Map<string, KeptReply>;
  daemons: Map<string, number>;
}

export interface Configuring {
  readonly registry: string;
  readonly accounts: readonly SchedulerAccount[];
  /** The highest that the configuring daemon has seen. */
  readonly incarnation: number;
  readonly server: string;
  readonly recoveryMs: number;
  readonly clockMs: number;
}

function newCell({ incarnation, server, recoveryMs, clockMs }: Configuring): ModelCell {
  const minutes = Math.floor(clockMs / 60_000) - CODES.FENCE.first_minute;
  return {
    registry: '',
    configuration: [],
    hasOddSets: false,
    incarnation: Math.max(1, minutes, incarnation + 1),
    sequence: 0,
    nowMs: clockMs,
    grants: 0,
    touches: 0,
    recoverUntilMs: clockMs + recoveryMs,
    keepUntilMs: clockMs + recoveryMs,
    rotateAtMs: clockMs,
    server,
    leases: new Map(),
    finished: new Map(),
    finishedBefore: new Map(),
    accounts: new Map(),
    replies: new Map(),
    daemons: new Map(),
  };
}

/** The cell with another configuration; a cell that was not there begins. */
export function configured(before: ModelCell | undefined, to: Configuring): ModelCell {
  const cell = before ?? newCell(to);
  const configuration = to.accounts;
  if (cell.registry !== '' && isDeepStrictEqual(cell.configuration, configuration)) return cell;
  const accounts = new Map<string, ModelAccount>();
  for (const [name, account] of cell.accounts) {
    if (account.inFlight > 0) accounts.set(name, { ...account, isInUse: false });
  }
  for (const spec of to.accounts) {
    const inFlight = cell.accounts.get(spec.name)?.inFlight ?? 0;
    accounts.set(spec.name, { spec, isInUse: spec.enabled, inFlight, touch: 0 });
  }
  return { ...cell, registry: to.registry, configuration, accounts, touches: 0 };
}

export function limitOf(account: ModelAccount): number {
  return account.isInUse ? account.spec.maxConcurrency : 0;
}

export function hasRoom(account: ModelAccount): boolean {
  return account.inFlight < limitOf(account);
}

/** (in-flight + 1) / (limit × weight) in 9000ths, as an integer. */
export function loadRatio({ spec, inFlight }: ModelAccount): number {
  return Math.floor((inFlight + 1) * (CODES.LOAD.scale / (spec.maxConcurrency * spec.weight)));
}

export function serves(account: ModelAccount, { pool, model }: Target): boolean {
  return account.isInUse && account.spec.pool === pool && account.spec.models.includes(model);
}
