// The bytes between a daemon and lua/tick.lua: operations out, answers back.
import type { Outcome, Target } from '../core/domain.ts';
import { CODES } from '../redis/codes.ts';

const SIZE = CODES.OPERATION.size;
const ANSWER_SIZE = 24;

/** Operations that one call of the heart takes. */
export const MAX_BATCH = 64;

interface Base {
  /** "tenant/id". */
  readonly id: string;
}

/** What a daemon asks of the heart. Durations in ms; a claim is claimOf() of who asks for what. */
export type Operation = Base &
  (
    | {
        readonly kind: 'acquire';
        /** Ordered targets as demandOf() writes them. */
        readonly demand: string;
        readonly leaseMs: number;
        readonly claim: number;
        /** The id was made just now, by this daemon: nobody else can know it. */
        readonly isFresh: boolean;
        readonly tokens?: number;
        readonly reserveMicro?: number;
      }
    | { readonly kind: 'renew'; readonly fence: number; readonly leaseMs: number }
    | {
        readonly kind: 'register';
        readonly fence: number;
        readonly leaseMs: number;
        readonly claim: number;
        /** "account TAB pool TAB model". */
        readonly holding: string;
      }
    | {
        readonly kind: 'release';
        readonly fence: number;
        readonly outcome: Outcome;
        readonly retryAfterMs?: number;
      }
    | { readonly kind: 'cancel' | 'check' | 'reap' }
  );

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
}

/** A batch in the order of the heart's arguments, without its head. */
export interface EncodedBatch {
  readonly demands: string;
  readonly holdings: string;
  readonly operations: Buffer;
  readonly ids: readonly string[];
}

export function demandOf(targets: readonly Target[]): string {
  return targets.map(({ pool, model }) => `${pool}\t${model}`).join('\t');
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

/** Numbers the distinct lines of a batch from 1 in order of appearance. */
class Lines {
  readonly #numbers = new Map<string, number>();

  number(line: string): number {
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

function write(raw: Buffer, at: number, op: Operation, demands: Lines, holdings: Lines): void {
  raw[at] = CODES.KIND[op.kind];
  switch (op.kind) {
    case 'acquire':
      raw[at + 1] = op.isFresh ? CODES.ACQUIRE.fresh : 0;
      raw.writeUInt16LE(demands.number(op.demand), at + 2);
      raw.writeUInt32LE(op.leaseMs, at + 4);
      raw.writeDoubleLE(op.claim, at + 16);
      raw.writeUInt32LE(op.tokens ?? 0, at + 24);
      raw.writeDoubleLE(op.reserveMicro ?? 0, at + 32);
      return;
    case 'renew':
      raw.writeUInt32LE(op.leaseMs, at + 4);
      raw.writeDoubleLE(op.fence, at + 8);
      return;
    case 'register':
      raw.writeUInt16LE(holdings.number(op.holding), at + 2);
      raw.writeUInt32LE(op.leaseMs, at + 4);
      raw.writeDoubleLE(op.fence, at + 8);
      raw.writeDoubleLE(op.claim, at + 16);
      return;
    case 'release':
      raw[at + 1] = CODES.OUTCOME[op.outcome];
      raw.writeDoubleLE(op.fence, at + 8);
      raw.writeUInt32LE(op.retryAfterMs ?? 0, at + 28);
      return;
    default:
  }
}

/** kind 1, flags or outcome 1, demand 2, lease ms 4, fence 8, claim 8, tokens 4, retry after 4, reserve 8. */
export function encodeBatch(batch: readonly Operation[]): EncodedBatch {
  const operations = Buffer.alloc(SIZE * batch.length);
  const demands = new Lines();
  const holdings = new Lines();
  const ids: string[] = [];
  for (const op of batch) {
    write(operations, SIZE * ids.length, op, demands, holdings);
    ids.push(op.id);
  }
  return { demands: demands.text(), holdings: holdings.text(), operations, ids };
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

/** What a daemon tells about itself and the cell with every batch. */
export interface Head {
  readonly generation: number;
  readonly incarnation: number;
  readonly sequence: number;
  /** Number of the batch, rising on its track. */
  readonly batch: number;
  readonly track: number;
  /** Cell time for tests; undefined for the server's own. */
  readonly clockMs: number | undefined;
  readonly gapMs: number;
  readonly recoveryMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
}

export function encodeHead(head: Head): Buffer {
  const raw = Buffer.alloc(73);
  raw.writeDoubleLE(head.generation, 0);
  raw.writeDoubleLE(head.incarnation, 8);
  raw.writeDoubleLE(head.sequence, 16);
  raw.writeDoubleLE(head.batch, 24);
  raw.writeUInt8(head.track, 32);
  raw.writeDoubleLE(head.clockMs ?? -1, 33);
  raw.writeDoubleLE(head.gapMs, 41);
  raw.writeDoubleLE(head.recoveryMs, 49);
  raw.writeDoubleLE(head.rememberMs, 57);
  raw.writeDoubleLE(head.rememberMax, 65);
  return raw;
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
  readonly answers: Buffer;
}

export type TickReply =
  | { readonly kind: 'ok'; readonly report: TickReport }
  | { readonly kind: 'stale' }
  | { readonly kind: 'unconfigured' }
  /** A later batch of the same track was executed before this one. */
  | { readonly kind: 'outdated' };

export function decodeReply(reply: unknown): TickReply {
  const [tag, ...rest] = reply as [Buffer, ...unknown[]];
  const kind = tag.toString();
  if (kind === 'stale' || kind === 'unconfigured' || kind === 'outdated') return { kind };
  const answers = rest.pop() as Buffer;
  const [nowMs = 0, incarnation = 0, sequence = 0, more, reaped = 0, ...last] = rest as number[];
  const [overage = 0, setAside = 0, recoveringMs = 0, keepingMs = 0] = last;
  const report = { nowMs, incarnation, sequence, more: more === 1, reaped, overage, setAside };
  return { kind: 'ok', report: { ...report, recoveringMs, keepingMs, answers } };
}
