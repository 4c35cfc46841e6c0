// Waiters on the daemon's side, without a store: what they ask and when they are decided.
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SchedulerEmitter } from '../../../src/core/events.ts';
import { CODES } from '../../../src/redis/codes.ts';
import type { AcquireAsked } from '../../../src/scheduler/acquiring.ts';
import { LIMITS_SIZE } from '../../../src/scheduler/limits.ts';
import type { Message } from '../../../src/scheduler/notices.ts';
import { ANSWER_SIZE } from '../../../src/scheduler/replies.ts';
import type { Answer, TickReport } from '../../../src/scheduler/replies.ts';
import { Waiting } from '../../../src/scheduler/waiting.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';

const { granted, queued, replayed } = CODES.TAG;
const CLAIM_MS = 400;
const ASKED: AcquireAsked = {
  kind: 'acquire',
  id: 't/1',
  demand: 'openai\tgpt-4',
  leaseMs: 1000,
  claim: 1,
  isFresh: true,
  waitMs: 60_000,
  requestId: '1',
  tenant: 't',
  targets: [{ pool: 'openai', model: 'gpt-4' }],
  isRenewed: true,
  signal: undefined,
};

function anAnswer(tag: number): Answer {
  return { tag, detail: 0, model: 0, account: 0, fence: 7, at: 0, limits: undefined };
}

/** Of a tick that did nothing. */
function aReport(wish: Partial<TickReport> = {}): TickReport {
  const nothing = Buffer.alloc(0);
  return {
    nowMs: 0,
    incarnation: 1,
    sequence: 9,
    more: false,
    reaped: 0,
    overage: 0,
    setAside: 0,
    recoveringMs: 0,
    keepingMs: 0,
    wakeInMs: -1,
    limits: nothing,
    notices: nothing,
    alarms: '',
    answers: nothing,
    v2: 'closed',
    ...wish,
  };
}

/** Answers one after the other, then `replayed`. */
function answering(...tags: readonly number[]): () => Promise<Answer> {
  const left = [...tags];
  return () => Promise.resolve(anAnswer(left.shift() ?? replayed));
}

/** Waiters that ask a store which has granted to them; they would ask by themselves in an hour. */
async function someWaiting(answer = answering(), checkIntervalMs = 3_600_000) {
  const asked: Operation[] = [];
  const answers: Answer[] = [];
  const waiting = new Waiting({
    submit: (op) => {
      asked.push(op);
      return answer();
    },
    tick: () => Promise.resolve(),
    events: new SchedulerEmitter(),
    checkIntervalMs,
  });
  await waiting.start();
  onTestFinished(() => waiting.stop());
  const acquire = {
    op: ASKED,
    sentAt: 0,
    answered: (answer: Answer) => void answers.push(answer),
    gaveUp: () => undefined,
    servedLocally: () => false,
  };
  const hear = (id: string, wish: Partial<Message> = {}) => {
    const answer = { ...anAnswer(granted), claimMs: CLAIM_MS };
    waiting.heard({ incarnation: 1, sequence: 10, notices: [{ id, answer }], ...wish });
  };
  return { waiting, asked, answers, acquire, hear };
}

describe('a waiter', () => {
  it('claims its grant although the notice comes before the answer that queues it', async () => {
    const { waiting, answers, acquire, hear } = await someWaiting();

    hear('t/1');
    waiting.add(acquire, anAnswer(queued));
    await new Promise(setImmediate);

    expect(answers.map(({ tag }) => tag)).toEqual([replayed]);
    expect(waiting.size).toBe(0);
  });

  it('claims its grant although the next tick tells it first', async () => {
    const { waiting, answers, acquire } = await someWaiting();
    const answer = Buffer.alloc(ANSWER_SIZE + LIMITS_SIZE + 4);
    answer.writeUInt8(granted, 0);
    const notices = Buffer.concat([Buffer.from('\x03t/1'), answer]);

    waiting.heed(aReport({ notices }), performance.now());
    waiting.add(acquire, anAnswer(queued));
    await new Promise(setImmediate);

    expect(answers.map(({ tag }) => tag)).toEqual([replayed]);
    expect(waiting.size).toBe(0);
  });

  it('asks once more when it is told while it asks: the answer may be older', async () => {
    const { waiting, asked, answers, acquire, hear } = await someWaiting(answering(queued));
    waiting.add(acquire, anAnswer(queued));

    waiting.askAll();
    hear('t/1');
    await new Promise(setImmediate);

    expect(asked).toHaveLength(2);
    expect(answers.map(({ tag }) => tag)).toEqual([replayed]);
  });

  it('has a grant at once that cannot have been taken back yet', async () => {
    const { waiting, asked, answers, acquire, hear } = await someWaiting();
    waiting.add(acquire, anAnswer(queued));
    const sentAt = performance.now() - CLAIM_MS / 2;
    waiting.heed(aReport(), sentAt);

    hear('t/1');

    expect(answers).toMatchObject([{ tag: granted, claimMs: CLAIM_MS }]);
    expect(acquire.sentAt).toBe(sentAt);
    expect(asked).toEqual([]);
  });

  it.each([
    ['was long on its way', {}, CLAIM_MS, true],
    ['is of a tick before all that are known', { sequence: 9 }, 0, true],
    ['is of an older incarnation', { incarnation: 0 }, 0, true],
    ['is for a holder that renews by itself', {}, 0, false],
  ])('claims a grant first that %s', async (_, message, agoMs, isRenewed) => {
    const { waiting, asked, answers, acquire, hear } = await someWaiting();
    waiting.add({ ...acquire, op: { ...ASKED, isRenewed } }, anAnswer(queued));
    waiting.heed(aReport(), performance.now() - agoMs);

    hear('t/1', message);
    await new Promise(setImmediate);

    expect(asked).toHaveLength(1);
    expect(answers.map(({ tag }) => tag)).toEqual([replayed]);
  });

  it('has its turn of asking although more wait than may ask at once', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const stillQueued = () => Promise.resolve(anAnswer(queued));
    const { waiting, asked, acquire } = await someWaiting(stillQueued, 1000);
    const ids = Array.from({ length: 200 }, (_, i) => `t/${i}`);
    for (const id of ids) waiting.add({ ...acquire, op: { ...ASKED, id } }, anAnswer(queued));

    await vi.advanceTimersByTimeAsync(5000);

    expect(new Set(asked.map(({ id }) => id))).toEqual(new Set(ids));
  });

  it('does not ask before it hears something', async () => {
    const { waiting, asked, acquire, hear } = await someWaiting();

    hear('t/2');
    waiting.add(acquire, anAnswer(queued));
    await new Promise(setImmediate);

    expect(asked).toEqual([]);
    expect(waiting.size).toBe(1);
  });
});
