// The packed records, written for scripts and read for inspection.
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { readLease, writeAccount, writeTarget } from '../../src/redis/records.ts';

function aLeaseRecord(): Buffer {
  const fixed = Buffer.alloc(55);
  fixed.writeUInt8(1, 0);
  fixed.writeUInt8(1, 1);
  fixed.writeUInt16LE(300, 2);
  fixed.writeDoubleLE(2 ** 50, 4);
  fixed.writeDoubleLE(2000, 12);
  fixed.writeDoubleLE(77, 20);
  fixed.writeDoubleLE(1000, 28);
  fixed.writeDoubleLE(1234, 36);
  fixed.writeUInt32LE(9, 44);
  fixed.writeUInt8(1, 52);
  fixed.writeUInt16LE(2, 53);
  const texts = ['account', 'daemon', ''].map((text) =>
    Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]),
  );
  return Buffer.concat([fixed, ...texts]);
}

describe('a lease record', () => {
  it('is read field by field', () => {
    expect(readLease(aLeaseRecord())).toEqual({
      flags: 1,
      model: 300,
      fence: 2 ** 50,
      expiresAtMs: 2000,
      grantedAtMs: 1000,
      reserveMicro: 1234,
      tokens: 9,
      state: 1,
      attempt: 2,
      account: 'account',
      daemon: 'daemon',
      session: '',
    });
  });

  it('may have a tail that this version does not know', () => {
    const longer = Buffer.concat([aLeaseRecord(), Buffer.from('more')]);

    expect(readLease(longer)).toEqual(readLease(aLeaseRecord()));
  });

  it('of another schema is not read', () => {
    const raw = aLeaseRecord();
    raw.writeUInt8(2, 0);

    expect(readLease(raw)).toBeUndefined();
  });

  it('that was cut anywhere is not read', () => {
    const raw = aLeaseRecord();

    const cuts = Array.from({ length: raw.length }, (_, length) => raw.subarray(0, length));

    expect(cuts.map((cut) => readLease(cut)).filter((lease) => lease !== undefined)).toEqual([]);
  });
});

describe('an account record', () => {
  const account = { inUse: true, class: 3, index: 70_000, limit: 10_000, weight: 100, models: [] };

  it('has its limit and its capacity', () => {
    const raw = writeAccount(account);

    expect(raw.length).toBe(16);
    expect([raw[0], raw[1], raw.readUInt16LE(2)]).toEqual([1, 1, 3]);
    expect([4, 8, 12].map((at) => raw.readUInt32LE(at))).toEqual([70_000, 10_000, 1_000_000]);
  });

  it('has what trips its breakers behind its rates, then its models', () => {
    const breaker = {
      mark: 77,
      aside: 9,
      consecutiveFailures: 5,
      minRequests: 20,
      errorRate: 0.25,
      windowMs: 60_000,
      openMs: 5000,
      maxOpenMs: 300_000,
      cooldownMs: 1000,
    };

    const raw = writeAccount({ ...account, rates: [1, 2, 3, 4], breaker, models: [3] });
    const lone = writeAccount({ ...account, breaker: { ...breaker, aside: undefined } });

    expect([raw[1], raw.readUInt32LE(48), raw.readUInt16LE(52)]).toEqual([7, 77, 9]);
    expect([raw.readUInt16LE(54), raw.readUInt32LE(56), raw.readDoubleLE(60)]).toEqual([
      ...[5, 20, 0.25],
    ]);
    expect([68, 72, 76, 80].map((at) => raw.readUInt32LE(at))).toEqual([
      ...[60_000, 5000, 300_000, 1000],
    ]);
    expect([raw.readUInt16LE(84), raw.length]).toEqual([3, 86]);
    expect([lone[1], lone.readUInt16LE(20)]).toEqual([5, CODES.BREAKER.no_class]);
  });

  it('names the models of an account in a mixed class', () => {
    const raw = writeAccount({ ...account, inUse: false, models: [1, 500] });

    expect(raw[1]).toBe(0);
    expect([16, 18].map((at) => raw.readUInt16LE(at))).toEqual([1, 500]);
  });
});

describe('a target record', () => {
  it('lists its classes tier by tier, mixed ones from their own number on', () => {
    const raw = writeTarget({
      model: 7,
      accounts: 70_000,
      tiers: [
        [
          { number: 0, mixed: false },
          { number: 5, mixed: true },
        ],
        [{ number: 2, mixed: false }],
      ],
    });

    const words = [raw.readUInt16LE(0), raw[6], raw.readUInt16LE(7), raw.readUInt16LE(9)];
    expect(words).toEqual([7, 2, 0, 5 + CODES.CLASS.mixed]);
    expect(raw.readUInt32LE(2)).toBe(70_000);
    expect([raw[11], raw.readUInt16LE(12), raw.length]).toEqual([1, 2, 14]);
  });
});
