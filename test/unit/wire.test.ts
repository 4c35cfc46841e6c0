// The bytes between a daemon and the heart.
import { describe, expect, it } from 'vitest';
import { FunctionCall, framed } from '../../src/redis/call.ts';
import { CODES } from '../../src/redis/codes.ts';
import { Answers, decodeAnswer, decodeReply } from '../../src/scheduler/replies.ts';
import { encodeHead } from '../../src/scheduler/head.ts';
import { claimOf, demandOf, encodeBatch } from '../../src/scheduler/wire.ts';
import type { Operation } from '../../src/scheduler/wire.ts';

const GPT4 = { pool: 'openai', model: 'gpt-4' };
const CLAUDE = { pool: 'anthropic', model: 'claude' };

function anAcquire(id: string, demand: string): Operation {
  return { kind: 'acquire', id, demand, leaseMs: 30_000, claim: 77, isFresh: true };
}

describe('a batch', () => {
  it('has 40 bytes an operation, at fixed places', () => {
    const acquire = { ...anAcquire('t/1', 'd'), tokens: 9, reserveMicro: 1234 } as Operation;
    const release: Operation = {
      kind: 'release',
      id: 't/2',
      fence: 2 ** 52,
      outcome: 'failed',
      retryAfterMs: 55,
    };

    const { operations, ids } = encodeBatch([acquire, release]);

    expect(operations.length).toBe(80);
    expect(ids).toEqual(['t/1', 't/2']);
    expect(operations[0]).toBe(CODES.KIND.acquire);
    expect(operations[1]).toBe(CODES.ACQUIRE.fresh + 5 * CODES.ACQUIRE.priority);
    expect(operations.readUInt16LE(2)).toBe(1);
    expect(operations.readUInt32LE(4)).toBe(30_000);
    expect(operations.readDoubleLE(16)).toBe(77);
    expect(operations.readUInt32LE(24)).toBe(9);
    expect(operations.readDoubleLE(32)).toBe(1234);
    expect(operations[40]).toBe(CODES.KIND.release);
    expect(operations[41]).toBe(CODES.OUTCOME.failed + CODES.RELEASE.breaker);
    expect(operations.readDoubleLE(48)).toBe(2 ** 52);
    expect(operations.readUInt32LE(68)).toBe(55);
  });

  it('names each demand once and numbers it from 1', () => {
    const first = demandOf([GPT4, CLAUDE]);
    const second = demandOf([CLAUDE]);

    const { demands, operations } = encodeBatch([
      anAcquire('t/1', first),
      anAcquire('t/2', second),
      anAcquire('t/3', first),
    ]);

    expect(demands).toBe('openai\tgpt-4\tanthropic\tclaude\nanthropic\tclaude');
    expect([2, 42, 82].map((at) => operations.readUInt16LE(at))).toEqual([1, 2, 1]);
  });

  it('numbers what is registered apart from what is demanded', () => {
    const register: Operation = {
      kind: 'register',
      id: 't/2',
      fence: 5,
      leaseMs: 1,
      claim: 2,
      holding: 'a1\topenai\tgpt-4',
    };

    const batch = encodeBatch([anAcquire('t/1', demandOf([GPT4])), register]);

    expect(batch.demands).toBe('openai\tgpt-4');
    expect(batch.holdings).toBe('a1\topenai\tgpt-4');
    expect(batch.operations.readUInt16LE(42)).toBe(1);
  });

  it('tells what a move leaves, where it may go and what it has tried', () => {
    const move = {
      kind: 'move',
      fence: 9,
      demand: demandOf([CLAUDE]),
      leaseMs: 300,
      outcome: 'rate_limited',
      retryAfterMs: 40,
      scope: 'model',
    } as const;

    const { demands, excludes, operations } = encodeBatch([
      { ...move, id: 't/1', exclude: 'a1\ta2' },
      { ...move, id: 't/2', exclude: '' },
      { ...move, id: 't/3', exclude: 'a1\ta2', countsForBreaker: true },
    ]);

    expect([demands, excludes]).toEqual(['anthropic\tclaude', 'a1\ta2']);
    expect([16, 56, 96].map((at) => operations.readDoubleLE(at))).toEqual([1, 0, 1]);
    const { rate_limited: outcome } = CODES.OUTCOME;
    const { model, breaker } = CODES.RELEASE;
    expect([operations[1], operations[81]]).toEqual([outcome + model, outcome + model + breaker]);
    expect(operations.readUInt32LE(4)).toBe(300);
    expect(operations.readDoubleLE(8)).toBe(9);
    expect(operations.readUInt32LE(28)).toBe(40);
  });

  it('of nothing is empty', () => {
    expect(encodeBatch([])).toEqual({
      demands: '',
      holdings: '',
      excludes: '',
      spends: '',
      sessions: '',
      operations: Buffer.alloc(0),
      ids: [],
    });
  });
});

describe('a claim', () => {
  const demand = demandOf([GPT4]);

  it('is the same for the same holder, demand and life', () => {
    expect(claimOf('h', demand, 100)).toBe(claimOf('h', demand, 100));
  });

  it.each([
    ['holder', claimOf('i', demand, 100)],
    ['demand', claimOf('h', demandOf([CLAUDE]), 100)],
    ['life', claimOf('h', demand, 101)],
  ])('is another one for another %s', (_, other) => {
    expect(other).not.toBe(claimOf('h', demand, 100));
  });

  it('survives a double: an integer below 2^48', () => {
    const claims = Array.from({ length: 1000 }, (_, i) => claimOf(`holder-${i}`, demand, i));

    expect(claims.every((claim) => Number.isInteger(claim) && claim >= 0 && claim < 2 ** 48)).toBe(
      true,
    );
    expect(new Set(claims).size).toBe(1000);
  });
});

describe('a head', () => {
  it('says that the server’s clock is meant by a negative number', () => {
    const head = {
      generation: 1,
      incarnation: 2,
      sequence: 3,
      batch: 4,
      track: 5,
      gapMs: 6,
      recoveryMs: 7,
      rememberMs: 8,
      rememberMax: 9,
      maxWaiting: 10,
      sessionMs: 11,
      maxSessions: 12,
      preferMs: 13,
    };

    const own = encodeHead({ ...head, clockMs: undefined });
    const given = encodeHead({ ...head, clockMs: 0 });

    expect(own.readDoubleLE(33)).toBeLessThan(0);
    expect(given.readDoubleLE(33)).toBe(0);
    expect(
      [0, 8, 16, 24, 41, 49, 57, 65, 73, 81, 89, 97].map((at) => own.readDoubleLE(at)),
    ).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(own[32]).toBe(5);
  });
});

describe('a reply', () => {
  it('gives its answers by number', () => {
    const answers = Buffer.alloc(48);
    answers.writeUInt8(CODES.TAG.granted, 24);
    answers.writeUInt8(1, 25);
    answers.writeUInt16LE(300, 26);
    answers.writeUInt32LE(70_000, 28);
    answers.writeDoubleLE(2 ** 50, 32);
    answers.writeDoubleLE(1e12, 40);

    const reply = decodeReply([
      Buffer.from('ok'),
      ...[10, 20, 30, 1, 2, 3, 4, 5, 6, 7],
      ...[Buffer.from('limits'), Buffer.from('notices'), Buffer.from('warn\t*')],
      answers,
      CODES.ESTIMATES.open,
    ]);

    expect(reply).toEqual({
      kind: 'ok',
      report: {
        nowMs: 10,
        incarnation: 20,
        sequence: 30,
        more: true,
        reaped: 2,
        overage: 3,
        setAside: 4,
        recoveringMs: 5,
        keepingMs: 6,
        wakeInMs: 7,
        limits: Buffer.from('limits'),
        notices: Buffer.from('notices'),
        alarms: 'warn\t*',
        answers,
        v2: 'open',
      },
    });
    expect(decodeAnswer(answers, 1)).toEqual({
      tag: CODES.TAG.granted,
      detail: 1,
      model: 300,
      account: 70_000,
      fence: 2 ** 50,
      at: 1e12,
    });
  });

  it('is read answer by answer, as each one by its number', () => {
    const raw = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 37) % 251));
    const bytes = raw.subarray(4, 76);

    const answers = new Answers({ answers: bytes, limits: Buffer.alloc(0) });
    const read = [0, 1, 2].map(() => {
      const { tag, detail, model, account, fence, at } = answers;
      answers.next();
      return { tag, detail, model, account, fence, at };
    });

    expect(read).toEqual([0, 1, 2].map((number) => decodeAnswer(bytes, number)));
  });

  it.each(['stale', 'unconfigured', 'outdated'])('of a batch that was not run: %s', (kind) => {
    expect(decodeReply([Buffer.from(kind), 7])).toEqual({ kind });
  });
});

describe('a call', () => {
  it('is sent as Redis reads it: the number of its words, and each with its length in bytes', () => {
    const keys = ['1', 'key', Buffer.from([0, 255])];
    const shared = { words: keys.length, framed: framed(keys) };

    const call = new FunctionCall('tick', shared, [
      'é',
      '',
      Buffer.from([13, 10]),
      Buffer.alloc(0),
    ]);

    expect(call.toWritable().toString('latin1')).toBe(
      '*9\r\n$5\r\nfcall\r\n$4\r\ntick\r\n$1\r\n1\r\n$3\r\nkey\r\n$2\r\n\u0000\u00ff\r\n' +
        '$2\r\n\u00c3\u00a9\r\n$0\r\n\r\n$2\r\n\r\n\r\n$0\r\n\r\n',
    );
  });
});

describe('sessions of a batch', () => {
  it('come in an argument of their own, by the number of their operation', () => {
    const plain = {
      kind: 'acquire',
      id: 't/1',
      demand: demandOf([GPT4]),
      leaseMs: 1,
      claim: 1,
      isFresh: true,
    } as const;
    const session = { digest: 'abc', isSticky: true, isLane: true };

    const { sessions, operations } = encodeBatch([plain, { ...plain, id: 't/2', session }]);

    const flags = [operations[1], operations[1 + CODES.OPERATION.size]];
    expect(sessions).toBe('2 3 abc\n');
    expect(flags.map((one) => (one! & CODES.ACQUIRE.session) !== 0)).toEqual([false, true]);
  });
});
