// What rules count, as scripts store it and as inspection reads it: tenants, accounts' rates, the
// ledger, flows. Writing them is the scripts' alone.
import { CODES } from './codes.ts';

/** What a tenant's gates count; times are cell time in ms. */
export interface TenantState {
  readonly inFlight: number;
  /** Theoretical arrival times (lua/lib/gcra.lua). */
  readonly requestsAt: number;
  readonly tokensAt: number;
  readonly blocked: boolean;
}

export function readTenantState(raw: Buffer | null | undefined): TenantState {
  if (!raw || raw.length < CODES.TENANTS.state) {
    return { inFlight: 0, requestsAt: 0, tokensAt: 0, blocked: false };
  }
  return {
    inFlight: raw.readUInt32LE(0),
    requestsAt: raw.readDoubleLE(4),
    tokensAt: raw.readDoubleLE(12),
    blocked: raw[20] === 1,
  };
}

/** A tenant's terms as the cell has registered them; -1 stands for no limit of money. */
export interface TenantTerms {
  readonly fromAdmin: boolean;
  readonly waits: boolean;
  readonly weight: number;
  /** 0 for no limit. */
  readonly slots: number;
  /** Interval and burst in ms; 0 for no limit. */
  readonly requests: readonly [number, number];
  readonly tokens: readonly [number, number];
  readonly stopMicro: number;
  readonly warnMicro: number;
  /** A PERIOD code, or 0 for no budget. */
  readonly period: number;
}

export function readTenantTerms(raw: Buffer | null | undefined): TenantTerms | undefined {
  if (!raw || raw.length < CODES.TENANTS.terms || raw[0] !== 1) return undefined;
  const flags = raw.readUInt8(1);
  return {
    fromAdmin: (flags & 2) !== 0,
    waits: (flags & 1) !== 0,
    weight: raw.readUInt32LE(2),
    slots: raw.readUInt32LE(6),
    requests: [raw.readDoubleLE(10), raw.readDoubleLE(18)],
    tokens: [raw.readDoubleLE(26), raw.readDoubleLE(34)],
    stopMicro: raw.readDoubleLE(42),
    warnMicro: raw.readDoubleLE(50),
    period: raw.readUInt8(58),
  };
}

/** Until when an account grants nothing, as cell time in ms; 0 where it never rested. */
export function readAccountRest(raw: Buffer | null | undefined): number {
  return raw && raw.length >= 24 ? raw.readDoubleLE(16) : 0;
}

/** One scope (everybody or a tenant) in one period, in micro-units. */
export interface LedgerEntry {
  readonly settledMicro: number;
  readonly reservedMicro: number;
  /** What actual costs added above their reserves. */
  readonly overrunMicro: number;
  /** Settled at the reserve because the holder died and has not told its cost. */
  readonly presumedMicro: number;
  readonly requests: number;
  readonly warned: boolean;
}

export function readLedgerEntry(raw: Buffer | null | undefined): LedgerEntry {
  const at = (i: number): number =>
    raw && raw.length >= CODES.LEDGER.size ? raw.readDoubleLE(8 * i) : 0;
  return {
    settledMicro: at(0),
    reservedMicro: at(1),
    overrunMicro: at(2),
    presumedMicro: at(3),
    requests: at(4),
    warned: raw?.[40] === 1,
  };
}

/** A pool as fair queueing sees it: means in ms, 0 where nothing was measured. */
export interface PoolFlow {
  readonly holdMs: number;
  readonly gapMs: number;
  /** Weights of the tenants that wait, together. */
  readonly backlog: number;
  /** Hand-offs so far; with few of them the mean gap says little. */
  readonly handOffs: number;
}

export function readPoolFlow(raw: Buffer | null | undefined): PoolFlow {
  if (!raw || raw.length < CODES.FLOWS.pool)
    return { holdMs: 0, gapMs: 0, backlog: 0, handOffs: 0 };
  return {
    holdMs: raw.readDoubleLE(8),
    gapMs: raw.readDoubleLE(16),
    backlog: raw.readDoubleLE(32),
    handOffs: raw.readDoubleLE(40),
  };
}

/** A tenant at a pool. */
export interface TenantFlow {
  readonly holdMs: number;
  readonly inFlight: number;
  readonly waiting: number;
}

export function readTenantFlow(raw: Buffer | null | undefined): TenantFlow {
  if (!raw || raw.length < CODES.FLOWS.flow) return { holdMs: 0, inFlight: 0, waiting: 0 };
  let waiting = 0;
  for (let at = CODES.FLOWS.flow; at + 6 <= raw.length; at += 6)
    waiting += raw.readUInt32LE(at + 2);
  return { holdMs: raw.readDoubleLE(16), inFlight: raw.readUInt32LE(32), waiting };
}

/** The account that a session is bound to, and when a use of it was written last. */
export interface SessionBinding {
  readonly account: string;
  readonly atMs: number;
}

export function readBinding(raw: Buffer | null | undefined): SessionBinding | undefined {
  if (!raw || raw.length <= 8) return undefined;
  return { atMs: raw.readDoubleLE(0), account: raw.toString('latin1', 8) };
}
