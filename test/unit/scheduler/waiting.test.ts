// Waiters on the daemon's side, without a store: what they ask and when they are decided.
import { describe, expect, it, onTestFinished } from 'vitest';
import { SchedulerEmitter } from '../../../src/core/events.ts';
import { CODES } from '../../../src/redis/codes.ts';
import type { AcquireAsked } from '../../../src/scheduler/acquiring.ts';
import { LIMITS_SIZE } from '../../../src/scheduler/limits.ts';
import { ANSWER_SIZE } from '../../../src/scheduler/replies.ts';
import type { Answer } from '../../../src/scheduler/replies.ts';
import { Waiting } from '../../../src/scheduler/waiting.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';

const { granted, queued, replayed } = CODES.TAG;
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

/** Waiters that ask a store which has granted to them; they would ask by themselves in an hour. */
async function someWaiting() {
  const asked: Operation[] = [];
  const answers: Answer[] = [];
  const waiting = new Waiting({
    submit: (op) => {
      asked.push(op);
      return Promise.resolve(anAnswer(replayed));
    },
    tick: () => Promise.resolve(),
    events: new SchedulerEmitter(),
    checkIntervalMs: 3_600_000,
  });
  await waiting.start();
  onTestFinished(() => waiting.stop());
  const acquire = {
    op: ASKED,
    sentAt: 0,
    answered: (answer: Answer) => void answers.push(answer),
    gaveUp: () => undefined,
  };
  const hear = (id: string) =>
    waiting.heard([{ id, answer: anAnswer(granted), limits: undefined }]);
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
    const answer = Buffer.alloc(ANSWER_SIZE + LIMITS_SIZE);
    answer.writeUInt8(granted, 0);
    const notices = Buffer.concat([Buffer.from('\x03t/1'), answer]);

    waiting.heed({ notices, wakeInMs: -1 }, performance.now());
    waiting.add(acquire, anAnswer(queued));
    await new Promise(setImmediate);

    expect(answers.map(({ tag }) => tag)).toEqual([replayed]);
    expect(waiting.size).toBe(0);
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
