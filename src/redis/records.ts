// The packed records of lua/lib/records.lua, written for scripts and read for inspection.
// New fields are appended; a reader ignores a tail that it does not know.
import { CODES } from './codes.ts';

const SCHEMA = 1;
const IN_USE = 1;
const HAS_RATES = 2;
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

export interface AccountRecord {
  readonly inUse: boolean;
  readonly class: number;
  readonly index: number;
  readonly limit: number;
  readonly weight: number;
  /** Numbers of the models that it serves; only for accounts of a mixed class. */
  readonly models: readonly number[];
  /** Interval and burst in ms of requests, then of tokens. */
  readonly rates?: readonly number[] | undefined;
}

/** schema, flags, class, index, limit, capacity, the rates, then the models of a mixed class. */
export function writeAccount(account: AccountRecord): Buffer {
  const rates = account.rates ?? [];
  const modelsAt = 16 + 8 * rates.length;
  const raw = Buffer.alloc(modelsAt + 2 * account.models.length);
  raw.writeUInt8(SCHEMA, 0);
  raw.writeUInt8((account.inUse ? IN_USE : 0) + (rates.length > 0 ? HAS_RATES : 0), 1);
  raw.writeUInt16LE(account.class, 2);
  raw.writeUInt32LE(account.index, 4);
  raw.writeUInt32LE(account.limit, 8);
  raw.writeUInt32LE(account.limit * account.weight, 12);
  rates.forEach((value, i) => raw.writeDoubleLE(value, 16 + 8 * i));
  account.models.forEach((number, i) => raw.writeUInt16LE(number, modelsAt + 2 * i));
  return raw;
}

export interface TargetRecord {
  readonly model: number;
  readonly tiers: readonly (readonly { readonly number: number; readonly mixed: boolean }[])[];
}

/** model number, then for each tier how many classes it has and their numbers. */
export function writeTarget(target: TargetRecord): Buffer {
  const tiers = target.tiers.map((tier) => {
    const raw = Buffer.alloc(1 + 2 * tier.length);
    raw.writeUInt8(tier.length, 0);
    tier.forEach(({ number, mixed }, i) => {
      raw.writeUInt16LE(mixed ? number + CODES.CLASS.mixed : number, 1 + 2 * i);
    });
    return raw;
  });
  const model = Buffer.alloc(2);
  model.writeUInt16LE(target.model, 0);
  return Buffer.concat([model, ...tiers]);
}
