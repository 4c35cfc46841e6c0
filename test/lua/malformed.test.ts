// @module-tag redis_required
// What no daemon of ours would send: each is the caller's mistake, answered as such, and changes
// nothing.
import { beforeAll, describe, expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { encodeBatch } from '../../src/scheduler/wire.ts';
import { dumpOf } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import {
  GPT4,
  aHeart,
  acquire,
  anAccount,
  cancel,
  check,
  register,
  release,
  renew,
} from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

let heart: Heart;
/** Of `t/held`, which every test of this file finds and leaves. */
let fence: number;
let before: Record<string, unknown>;

beforeAll(async () => {
  heart = await aHeart(store, [anAccount({ slots: 5 })]);
  fence = await heart.take('t/held', { leaseMs: 4_000_000_000 });
  before = await dumpOf(heart);
});

const BAD_IDS = {
  'the empty id': '',
  'a tenant without an id': 't/',
  'an id without a tenant': '/x',
  'no tenant at all': 'x',
  'a space': 't/a b',
  'a line feed': 't/a\nb',
  'a tab': 't/a\tb',
  'a zero byte': 't/a\0b',
  'a letter beyond ASCII': 't/ä',
  'a control character': 't/\x7f',
  'a tenant with a space': 't t/x',
  'an id beyond its length': `t/${'x'.repeat(192)}`,
  'a megabyte': `t/${'x'.repeat(1_000_000)}`,
};

const BY_KIND: Readonly<Record<string, (id: string) => Operation>> = {
  acquire: (id) => acquire(id),
  renew: (id) => renew(id, 1),
  register: (id) => register(id, { fence: 1 }),
  release: (id) => release(id, 1),
  cancel: (id) => cancel(id),
  check: (id) => check(id),
};

/** What each kind answers to an id that cannot be one. */
const ANSWERS: Readonly<Record<string, object>> = {
  acquire: { tag: 'error', mistake: 'invalid_id' },
  renew: { tag: 'lost' },
  register: { tag: 'lost' },
  release: { tag: 'already' },
  cancel: { tag: 'error', mistake: 'invalid_id' },
  check: { tag: 'unknown' },
};

describe.each(Object.keys(BY_KIND))('%s', (kind) => {
  it.each(Object.entries(BAD_IDS))('of %s is refused and writes nothing', async (_, id) => {
    const told = await heart.ask(BY_KIND[kind]!(id));

    expect(told).toEqual(ANSWERS[kind]);
    expect(await dumpOf(heart)).toEqual(before);
  });
});

/** The bytes of one operation with some of them changed. */
function tampered(op: Operation, change: (raw: Buffer) => void): ReturnType<typeof encodeBatch> {
  const batch = encodeBatch([op]);
  change(batch.operations);
  return batch;
}

const MALFORMED: Readonly<Record<string, readonly [ReturnType<typeof encodeBatch>, object]>> = {
  'an unknown kind': [
    tampered(acquire('t/x'), (raw) => raw.writeUInt8(200, 0)),
    { tag: 'error', mistake: 'unknown_operation' },
  ],
  'kind 0': [
    tampered(acquire('t/x'), (raw) => raw.writeUInt8(0, 0)),
    { tag: 'error', mistake: 'unknown_operation' },
  ],
  'an acquire for 0 ms': [
    tampered(acquire('t/x'), (raw) => raw.writeUInt32LE(0, 4)),
    { tag: 'error', mistake: 'invalid_lease' },
  ],
  'an acquire with demand 0': [
    tampered(acquire('t/x'), (raw) => raw.writeUInt16LE(0, 2)),
    { tag: 'error', mistake: 'unknown_demand' },
  ],
  'an acquire with a demand that is not there': [
    tampered(acquire('t/x'), (raw) => raw.writeUInt16LE(2, 2)),
    { tag: 'error', mistake: 'unknown_demand' },
  ],
  'an acquire without any demand': [
    { ...encodeBatch([acquire('t/x')]), demands: '' },
    { tag: 'error', mistake: 'unknown_demand' },
  ],
  'a demand that names no pair': [
    { ...encodeBatch([acquire('t/x')]), demands: 'openai' },
    { tag: 'denied', reason: 'no_account_for_model', retryAfterMs: 0 },
  ],
  'a release with a fence that is no number': [
    tampered(release('t/held', 1), (raw) => raw.writeDoubleLE(NaN, 8)),
    { tag: 'already' },
  ],
  'a renewal with an endless fence': [
    tampered(renew('t/held', 1), (raw) => raw.writeDoubleLE(Infinity, 8)),
    { tag: 'lost' },
  ],
  'a register of a holding that is not there': [
    tampered(register('t/x', { fence: 1 }), (raw) => raw.writeUInt16LE(9, 2)),
    { tag: 'lost' },
  ],
  'a register without any holding': [
    { ...encodeBatch([register('t/x', { fence: 1 })]), holdings: '' },
    { tag: 'lost' },
  ],
  'a register of a line without a target': [
    { ...encodeBatch([register('t/x', { fence: 1 })]), holdings: 'a1' },
    { tag: 'lost' },
  ],
};

describe('the sentinel of every structure', () => {
  it.each(Object.entries(BY_KIND))('is nobody’s id: %s leaves it', async (_, ask) => {
    await heart.ask(ask('_'));

    expect(await dumpOf(heart)).toEqual(before);
  });
});

describe('bytes that no encoder makes', () => {
  it.each(Object.entries(MALFORMED))('%s', async (_, [batch, answer]) => {
    const reply = await heart.callRaw(batch);

    expect(reply).toMatchObject({ kind: 'ok', told: [answer] });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('a register of an unknown account or target is lost', async () => {
    const told = await heart.send(
      register('t/1', { fence: 1, account: 'nobody' }),
      register('t/2', { fence: 1, target: { ...GPT4, model: 'unheard-of' } }),
      register('t/3', { fence: 1, account: CODES.SENTINEL.name.replaceAll("'", '') }),
    );

    expect(told.map(({ tag }) => tag)).toEqual(['lost', 'lost', 'lost']);
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('fewer ids than operations fail as a whole, before anything is written', async () => {
    const batch = { ...encodeBatch([acquire('t/1'), acquire('t/2')]), ids: ['t/1'] };

    await expect(heart.callRaw(batch)).rejects.toThrow(/script tick/);

    expect(await dumpOf(heart)).toEqual(before);
  });

  it('the held lease is still held after all of this', async () => {
    expect(await heart.ask(check('t/held'))).toMatchObject({ tag: 'leased', fence });
  });
});
