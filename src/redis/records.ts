// The packed records of lua/lib/records.lua, written for scripts and read for inspection.
// New fields are appended; a reader ignores a tail that it does not know.
import { CODES } from './codes.ts';

const SCHEMA = 1;
const IN_USE = 1;
const HAS_RATES = 2;
const HAS_BREAKER = 4;
const LEASE_FIXED = 55;

/** A lease as the store keeps it. Times are cell time in ms. */
export interface LeaseRecord {
  readonly flags: number;
  readonly state: number;
  readonly attempt: number;
  /** Number of the (pool, model) in the registry. */
  readonly model: number;
  readonly tokens: number;
  readonly reserveMicro: number;
  readonly fence: number;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number;
  readonly account: string;
  readonly daemon: string;
  readonly session: string;
}

/** Reads a lease record; undefined for one that cannot be decoded. */
export function readLease(raw: Buffer): LeaseRecord | undefined {
  if (raw.length < LEASE_FIXED + 3 || raw[0] !== SCHEMA) return undefined;
  const texts: string[] = [];
  let at = LEASE_FIXED;
  for (let i = 0; i < 3; i += 1) {
    const length = raw[at];
    if (length === undefined || at + 1 + length > raw.length) return undefined;
    texts.push(raw.toString('utf8', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const [account = '', daemon = '', session = ''] = texts;
  return {
    flags: raw.readUInt8(1),
    model: raw.readUInt16LE(2),
    fence: raw.readDoubleLE(4),
    expiresAtMs: raw.readDoubleLE(12),
    grantedAtMs: raw.readDoubleLE(28),
    reserveMicro: raw.readDoubleLE(36),
    tokens: raw.readUInt32LE(44),
    state: raw.readUInt8(52),
    attempt: raw.readUInt16LE(53),
    account,
    daemon,
    session,
  };
}

/** What trips the breakers of an account, and for how long (lua/lib/breaker_terms.lua). */
export interface BreakerRecord {
  /** Another one means another credential. */
  readonly mark: number;
  /** Class for those that may serve only some of their models just now. */
  readonly aside: number | undefined;
  /** Failures in a row; 0: never for that. */
  readonly consecutiveFailures: number;
  /** Requests that a window must have before its rate counts; 0: never for that. */
  readonly minRequests: number;
  readonly errorRate: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly cooldownMs: number;
}

export interface AccountRecord {
  readonly inUse: boolean;
  readonly class: number;
  readonly index: number;
  readonly limit: number;
  readonly weight: number;
  /** Numbers of the models that it serves; only for accounts with a breaker or of a mixed class. */
  readonly models: readonly number[];
  /** Interval and burst in ms of requests, then of tokens. */
  readonly rates?: readonly number[] | undefined;
  readonly breaker?: BreakerRecord | undefined;
}

function writeBreaker(breaker: BreakerRecord): Buffer {
  const raw = Buffer.alloc(CODES.BREAKER.terms);
  raw.writeUInt32LE(breaker.mark, 0);
  raw.writeUInt16LE(breaker.aside ?? CODES.BREAKER.no_class, 4);
  raw.writeUInt16LE(breaker.consecutiveFailures, 6);
  raw.writeUInt32LE(breaker.minRequests, 8);
  raw.writeDoubleLE(breaker.errorRate, 12);
  const { windowMs, openMs, maxOpenMs, cooldownMs } = breaker;
  [windowMs, openMs, maxOpenMs, cooldownMs].forEach((ms, i) => {
    raw.writeUInt32LE(ms, 20 + 4 * i);
  });
  return raw;
}

/** schema, flags, class, index, limit, capacity, the rates, the breaker, then the models. */
export function writeAccount(account: AccountRecord): Buffer {
  const { rates = [], breaker, models } = account;
  const fixed = Buffer.alloc(16 + 8 * rates.length);
  const flags =
    (account.inUse ? IN_USE : 0) +
    (rates.length > 0 ? HAS_RATES : 0) +
    (breaker === undefined ? 0 : HAS_BREAKER);
  fixed.writeUInt8(SCHEMA, 0);
  fixed.writeUInt8(flags, 1);
  fixed.writeUInt16LE(account.class, 2);
  fixed.writeUInt32LE(account.index, 4);
  fixed.writeUInt32LE(account.limit, 8);
  fixed.writeUInt32LE(account.limit * account.weight, 12);
  rates.forEach((value, i) => fixed.writeDoubleLE(value, 16 + 8 * i));
  const numbers = Buffer.alloc(2 * models.length);
  models.forEach((number, i) => numbers.writeUInt16LE(number, 2 * i));
  return Buffer.concat([fixed, breaker ? writeBreaker(breaker) : Buffer.alloc(0), numbers]);
}

export interface TargetRecord {
  readonly model: number;
  /** Accounts in use that serve it. */
  readonly accounts: number;
  readonly tiers: readonly (readonly {
    readonly number: number;
    readonly mixed: boolean;
    readonly aside?: boolean;
  }[])[];
}

function classNumber({ number, mixed, aside }: TargetRecord['tiers'][number][number]): number {
  if (aside === true) return number + CODES.CLASS.aside;
  return mixed ? number + CODES.CLASS.mixed : number;
}

/** model number, accounts, then for each tier how many classes it has and their numbers. */
export function writeTarget(target: TargetRecord): Buffer {
  const tiers = target.tiers.map((tier) => {
    const raw = Buffer.alloc(1 + 2 * tier.length);
    raw.writeUInt8(tier.length, 0);
    tier.forEach((entry, i) => raw.writeUInt16LE(classNumber(entry), 1 + 2 * i));
    return raw;
  });
  const head = Buffer.alloc(6);
  head.writeUInt16LE(target.model, 0);
  head.writeUInt32LE(target.accounts, 2);
  return Buffer.concat([head, ...tiers]);
}
