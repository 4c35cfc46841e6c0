// What the store keeps of troubled accounts, as inspection reads it (lua/breaker/conditions.lua). Writing
// it is the scripts' alone.
import { CODES, namesByCode } from './codes.ts';

const { head, entry: entrySize, closed, half_open: halfOpen } = CODES.BREAKER;

export type BreakerState = 'closed' | 'open' | 'half_open';
export type HealthChange = BreakerState | 'disabled' | 'enabled';
export type HealthReason = keyof typeof CODES.OUTCOME;

const CHANGES: readonly (HealthChange | undefined)[] = [
  undefined,
  'closed',
  'open',
  'half_open',
  'disabled',
  'enabled',
];
const REASONS = namesByCode(CODES.OUTCOME);

/** The breaker of one model of an account. Times are cell time in ms, 0 for none. */
export interface BreakerRecordState {
  /** Number of the (pool, model). */
  readonly model: number;
  readonly state: BreakerState;
  readonly reason: HealthReason | undefined;
  readonly consecutiveFailures: number;
  readonly trips: number;
  readonly requests: number;
  readonly failures: number;
  /** When it changes by itself. */
  readonly untilMs: number;
  readonly coolUntilMs: number;
  readonly isProbing: boolean;
  readonly changedAtMs: number;
}

export interface HealthRecord {
  readonly isDisabled: boolean;
  readonly coolUntilMs: number;
  readonly reason: HealthReason | undefined;
  readonly changedAtMs: number;
  readonly breakers: readonly BreakerRecordState[];
}

/** Undefined for one that cannot be decoded. */
export function readHealth(raw: Buffer): HealthRecord | undefined {
  const isWhole = raw.length >= head && (raw.length - head) % entrySize === 0;
  if (!isWhole || raw[0] !== 1) return undefined;
  const breakers: BreakerRecordState[] = [];
  for (let at = head; at < raw.length; at += entrySize) {
    const code = raw.readUInt8(at + 2);
    if (code < closed || code > halfOpen) return undefined;
    breakers.push(readEntry(raw, at));
  }
  return {
    isDisabled: raw[1] === 1,
    coolUntilMs: raw.readDoubleLE(2),
    reason: REASONS[raw.readUInt8(26)],
    changedAtMs: raw.readDoubleLE(27),
    breakers,
  };
}

/** model 2, state, reason, consecutive 2, trips 2, window 8, requests 4, failures 4, five times 8. */
function readEntry(raw: Buffer, at: number): BreakerRecordState {
  return {
    model: raw.readUInt16LE(at),
    state: CHANGES[raw.readUInt8(at + 2)] as BreakerState,
    reason: REASONS[raw.readUInt8(at + 3)],
    consecutiveFailures: raw.readUInt16LE(at + 4),
    trips: raw.readUInt16LE(at + 6),
    requests: raw.readUInt32LE(at + 16),
    failures: raw.readUInt32LE(at + 20),
    untilMs: raw.readDoubleLE(at + 24),
    coolUntilMs: raw.readDoubleLE(at + 32),
    isProbing: raw.readDoubleLE(at + 48) > 0,
    changedAtMs: raw.readDoubleLE(at + 56),
  };
}

/** One change of an account's health, or of one model of it. */
export interface HealthEvent {
  readonly account: string;
  /** Number of the (pool, model); undefined where it is the whole account's. */
  readonly model: number | undefined;
  readonly change: HealthChange;
  readonly reason: HealthReason | undefined;
  /** Cell time in ms at which it changes by itself; 0 for none. */
  readonly untilMs: number;
}

/** "account TAB model TAB state TAB reason TAB until"; undefined for another line. */
export function readHealthEvent(line: string): HealthEvent | undefined {
  const [account, model = '', state = '', reason = '', until = ''] = line.split('\t');
  const change = CHANGES[Number(state)];
  if (account === undefined || change === undefined || until === '') return undefined;
  const number = Number(model);
  return {
    account,
    model: number === CODES.BREAKER.no_model ? undefined : number,
    change,
    reason: REASONS[Number(reason)],
    untilMs: Number(until),
  };
}
