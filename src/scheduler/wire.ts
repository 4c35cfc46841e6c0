// The bytes of the operations that a daemon sends to lua/tick.lua. What it says of itself is head.ts's.
import type { Target } from '../core/domain.ts';
import { CODES } from '../redis/codes.ts';
import { outcomeFlags } from './outcomes.ts';
import type { OutcomeReport } from './outcomes.ts';

const SIZE = CODES.OPERATION.size;

/** In the middle of 0 (most urgent) to 9. */
export const DEFAULT_PRIORITY = 5;

/** Operations that one call of the heart takes. */
export const MAX_BATCH = 64;

interface Base {
  /** "tenant/id". */
  readonly id: string;
}

/** The session of a request (session-key.ts), and what it is asked for. */
export interface SessionWish {
  readonly digest: string;
  /** Whether the account that serves it is to be the same. */
  readonly isSticky: boolean;
  /** Whether its requests that say so run one at a time. */
  readonly isLane: boolean;
}

export interface AcquireOperation extends Base {
  readonly kind: 'acquire';
  /** Ordered targets as demandOf() writes them; none for a lane alone. */
  readonly demand: string;
  readonly leaseMs: number;
  readonly claim: number;
  /** The id was made just now, by this daemon: nobody else can know it. */
  readonly isFresh: boolean;
  /** Estimate, charged to rates of tokens. */
  readonly tokens?: number;
  readonly reserveMicro?: number;
  /** How long it may be queued; without it, it is granted or denied at once. */
  readonly waitMs?: number;
  /** 0 (most urgent) to 9; orders the waiters of one tenant. */
  readonly priority?: number;
  /** Cell time of its first arrival, as the answer `queued` told it. */
  readonly arrivedAt?: number;
  readonly session?: SessionWish | undefined;
}

export interface ReleaseOperation extends Base, OutcomeReport {
  readonly kind: 'release';
  readonly fence: number;
  /** What the use has cost in the end; without it the reservation is settled at its sum. */
  readonly costMicro?: number | undefined;
  /** Input and output in the end; without it the estimate stays charged. */
  readonly tokens?: number | undefined;
  /** Where the cost is booked: "route TAB model TAB run". */
  readonly spend?: string | undefined;
}

/** Its outcome is that of the attempt on the account that is given back. */
export interface MoveOperation extends Base, OutcomeReport {
  readonly kind: 'move';
  /** Where it may go, as demandOf() writes it. */
  readonly demand: string;
  readonly fence: number;
  /** Its life from now on, unless it lives longer already. */
  readonly leaseMs: number;
  /** Accounts that were tried before, joined by TAB. */
  readonly exclude: string;
  /** How long it may wait without an account where nothing is free; without it, it is denied. */
  readonly waitMs?: number;
  /** 0 (most urgent) to 9, as its acquire said. */
  readonly priority?: number;
  /** How long it had been queued before its first account. */
  readonly queuedMs?: number;
}

interface RenewOperation extends Base {
  readonly kind: 'renew';
  readonly fence: number;
  readonly leaseMs: number;
}

export interface RegisterOperation extends Base {
  readonly kind: 'register';
  readonly fence: number;
  readonly leaseMs: number;
  readonly claim: number;
  /** Estimate and reserve of the acquire, charged again. */
  readonly tokens?: number;
  readonly reserveMicro?: number;
  /**
   * "account TAB pool TAB model", and "TAB expiry" (cell time) of a lease that is lost by then; empty
   * for a lane alone.
   */
  readonly holding: string;
  readonly session?: SessionWish | undefined;
}

interface BareOperation extends Base {
  readonly kind: 'cancel' | 'check' | 'reap' | 'reset';
  /** Of a reset: "account", or "account TAB pool TAB model". */
  readonly holding?: string;
  /** Of a cancel: whether a grant that it ends was used by nobody, and so cost nothing. */
  readonly isUnused?: boolean;
  /** Of a cancel: what a release of the same lease would tell. */
  readonly report?: ReleaseOperation;
}

/** What a daemon asks of the heart. Durations in ms; a claim is claimOf() of who asks for what. */
export type Operation =
  | AcquireOperation
  | ReleaseOperation
  | MoveOperation
  | RenewOperation
  | RegisterOperation
  | BareOperation;

/** A batch in the order of the heart's arguments, without its head. */
export interface EncodedBatch {
  readonly demands: string;
  readonly holdings: string;
  readonly spends: string;
  readonly excludes: string;
  readonly sessions: string;
  readonly operations: Buffer;
  readonly ids: readonly string[];
}

export function demandOf(targets: readonly Target[]): string {
  let text = '';
  for (const { pool, model } of targets) {
    text += text === '' ? `${pool}\t${model}` : `\t${pool}\t${model}`;
  }
  return text;
}

/**
 * A 48-bit fingerprint (FNV-1a over two lanes) of who asks for what: the same id with another
 * claim is another request. Collisions merely let a caller repeat under its own tenant's id.
 */
export function claimOf(holder: string, demand: string, leaseMs: number): number {
  const text = `${holder}\n${demand}\n${leaseMs}`;
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + i), 0x85ebca6b);
  }
  return (high >>> 16) * 2 ** 32 + (low >>> 0);
}

/** Numbers the distinct lines of a batch from 1 in order of appearance; an empty one is none, 0. */
class Lines {
  readonly #numbers = new Map<string, number>();

  number(line: string): number {
    if (line === '') return 0;
    let number = this.#numbers.get(line);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(line, number);
    }
    return number;
  }

  text(): string {
    return [...this.#numbers.keys()].join('\n');
  }
}

interface BatchLines {
  readonly demands: Lines;
  readonly holdings: Lines;
  readonly spends: Lines;
  readonly excludes: Lines;
}

function write(raw: Buffer, at: number, op: Operation, lines: BatchLines): void {
  raw[at] = CODES.KIND[op.kind];
  switch (op.kind) {
    case 'acquire':
      raw[at + 1] =
        (op.isFresh ? CODES.ACQUIRE.fresh : 0) +
        (op.session === undefined ? 0 : CODES.ACQUIRE.session) +
        CODES.ACQUIRE.priority * (op.priority ?? DEFAULT_PRIORITY);
      raw.writeUInt16LE(lines.demands.number(op.demand), at + 2);
      raw.writeUInt32LE(op.leaseMs, at + 4);
      if (op.arrivedAt !== undefined) raw.writeDoubleLE(op.arrivedAt, at + 8);
      raw.writeDoubleLE(op.claim, at + 16);
      raw.writeUInt32LE(op.tokens ?? 0, at + 24);
      raw.writeUInt32LE(op.waitMs ?? 0, at + 28);
      raw.writeDoubleLE(op.reserveMicro ?? 0, at + 32);
      return;
    case 'renew':
      raw.writeUInt32LE(op.leaseMs, at + 4);
      raw.writeDoubleLE(op.fence, at + 8);
      return;
    case 'register':
      raw.writeUInt16LE(lines.holdings.number(op.holding), at + 2);
      raw.writeUInt32LE(op.leaseMs, at + 4);
      raw.writeDoubleLE(op.fence, at + 8);
      raw.writeDoubleLE(op.claim, at + 16);
      raw.writeUInt32LE(op.tokens ?? 0, at + 24);
      raw.writeDoubleLE(op.reserveMicro ?? 0, at + 32);
      return;
    case 'move':
      writeMove(raw, at, op, lines);
      return;
    case 'release':
      raw[at + 1] = outcomeFlags(op);
      raw.writeDoubleLE(op.fence, at + 8);
      raw.writeUInt32LE(op.retryAfterMs ?? 0, at + 28);
      if (op.costMicro !== undefined || op.tokens !== undefined) writeUse(raw, at, op, lines);
      return;
    case 'cancel':
      if (op.report !== undefined) write(raw, at, op.report, lines);
      raw[at] = CODES.KIND.cancel;
      if (op.isUnused === true) raw[at + 1] = CODES.RELEASE.cost + CODES.RELEASE.tokens;
      return;
    case 'reset':
      raw.writeUInt16LE(lines.holdings.number(op.holding ?? ''), at + 2);
      return;
    default:
  }
}

function writeMove(
  raw: Buffer,
  at: number,
  op: MoveOperation,
  { demands, excludes }: BatchLines,
): void {
  raw[at + 1] = outcomeFlags(op);
  raw.writeUInt16LE(demands.number(op.demand), at + 2);
  raw.writeUInt32LE(op.leaseMs, at + 4);
  raw.writeDoubleLE(op.fence, at + 8);
  raw.writeDoubleLE(excludes.number(op.exclude), at + 16);
  raw.writeUInt32LE(op.waitMs ?? 0, at + 24);
  raw.writeUInt32LE(op.retryAfterMs ?? 0, at + 28);
  const { priority = DEFAULT_PRIORITY, queuedMs = 0 } = op;
  raw.writeDoubleLE(Math.floor(queuedMs) * CODES.MOVES.priorities + priority, at + 32);
}

/** What the use has cost. */
function writeUse(raw: Buffer, at: number, op: ReleaseOperation, { spends }: BatchLines): void {
  const { cost, tokens } = CODES.RELEASE;
  const told = (op.costMicro === undefined ? 0 : cost) + (op.tokens === undefined ? 0 : tokens);
  raw[at + 1] = outcomeFlags(op) + told;
  raw.writeUInt16LE(spends.number(op.spend ?? ''), at + 2);
  raw.writeUInt32LE(op.tokens ?? 0, at + 24);
  raw.writeDoubleLE(op.costMicro ?? 0, at + 32);
}

/** Number of the operation from 1, flags, digest. */
function sessionLine(number: number, { digest, isSticky, isLane }: SessionWish): string {
  const { sticky, lane } = CODES.SESSION;
  return `${number} ${(isSticky ? sticky : 0) + (isLane ? lane : 0)} ${digest}\n`;
}

/** kind 1, flags or outcome 1, demand 2, lease ms 4, fence 8, claim 8, tokens 4, retry after 4, reserve 8. */
export function encodeBatch(batch: readonly Operation[]): EncodedBatch {
  const operations = Buffer.alloc(SIZE * batch.length);
  const lines = {
    demands: new Lines(),
    holdings: new Lines(),
    spends: new Lines(),
    excludes: new Lines(),
  };
  const ids: string[] = [];
  let sessions = '';
  for (const op of batch) {
    write(operations, SIZE * ids.length, op, lines);
    ids.push(op.id);
    if ('session' in op && op.session !== undefined)
      sessions += sessionLine(ids.length, op.session);
  }
  return {
    demands: lines.demands.text(),
    holdings: lines.holdings.text(),
    spends: lines.spends.text(),
    excludes: lines.excludes.text(),
    sessions,
    operations,
    ids,
  };
}
