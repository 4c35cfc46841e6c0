// An elector by its own clock: what it trusts, for how long, and how it gives up.
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Leadership } from '../../../src/core/tenure.ts';
import { Elector } from '../../../src/leader/elector.ts';
import type { Standing } from '../../../src/leader/lease-record.ts';

const LIFE_MS = 600;
const TRUST_MS = 400;

/** Answers what a test lets it answer, when it lets it. */
class Scripted {
  resigned = 0;
  readonly holdings: number[] = [];
  #answer: () => Promise<Standing> = () => Promise.resolve({ kind: 'leads', term: 1 });

  will(answer: () => Promise<Standing>): void {
    this.#answer = answer;
  }

  try(holding: number): Promise<Standing> {
    this.holdings.push(holding);
    return this.#answer();
  }

  async resign(): Promise<void> {
    this.resigned += 1;
  }
}

function anElector() {
  const record = new Scripted();
  const bench = { nowMs: 0 };
  const elector = new Elector({
    record,
    holder: 'me',
    lifeMs: LIFE_MS,
    monotonicMs: () => bench.nowMs,
  });
  const told: unknown[] = [];
  elector.events.on('began', (event) => told.push({ began: event.term }));
  elector.events.on('ended', (event) => told.push({ ended: event.term, why: event.why }));
  elector.events.on('failed', () => told.push('failed'));
  onTestFinished(() => elector.stop());
  return { record, bench, elector, told };
}

const grant = (term: number) => () => Promise.resolve<Standing>({ kind: 'leads', term });
const refuse = () => Promise.resolve<Standing>({ kind: 'follows', term: 9, holder: 'b' });
const fail = () => Promise.reject(new Error('no store'));

describe('a try that is granted', () => {
  it('is trusted from its own start on, for a life less the margin', async () => {
    const { record, bench, elector } = anElector();
    record.will(() => {
      bench.nowMs += 50;
      return grant(1)();
    });

    await elector.attempt();

    expect(elector.leading()).toMatchObject({ holder: 'me', term: 1 });
    expect(elector.trustedForMs()).toBe(TRUST_MS - 50);
    bench.nowMs = TRUST_MS - 1;
    expect(elector.leading()?.term).toBe(1);
    bench.nowMs = TRUST_MS;
    expect(elector.leading()).toBeUndefined();
  });

  it('counts for nothing when its answer comes after that', async () => {
    const { record, bench, elector, told } = anElector();
    record.will(() => {
      bench.nowMs += TRUST_MS;
      return grant(1)();
    });

    await elector.attempt();

    expect(elector.leading()).toBeUndefined();
    expect(told).toEqual([]);
  });

  it('again prolongs the leadership under the same signal', async () => {
    const { bench, elector, told } = anElector();
    await elector.attempt();
    const first = elector.leading();

    bench.nowMs = TRUST_MS - 1;
    await elector.attempt();

    expect(elector.leading()).toBe(first);
    expect(elector.trustedForMs()).toBe(TRUST_MS);
    expect(told).toEqual([{ began: 1 }]);
  });

  it('under another term is another leadership: the former’s signal fires', async () => {
    const { record, elector, told } = anElector();
    await elector.attempt();
    const first = elector.leading();

    record.will(grant(4));
    await elector.attempt();

    expect(first?.signal.aborted).toBe(true);
    expect(elector.leading()).toMatchObject({ term: 4, signal: { aborted: false } });
    expect(told).toEqual([{ began: 1 }, { ended: 1, why: 'expired' }, { began: 4 }]);
  });
});

describe('a leadership', () => {
  it('outlasts tries that fail, and asks for its own term at each', async () => {
    const { record, bench, elector, told } = anElector();
    await elector.attempt();
    record.will(fail);

    bench.nowMs = TRUST_MS - 1;
    await elector.attempt();
    await elector.attempt();

    expect(elector.leading()?.term).toBe(1);
    expect(record.holdings).toEqual([0, 1, 1]);
    expect(told).toEqual([{ began: 1 }, 'failed', 'failed']);
  });

  it('does not ask for its term any more once it is not to be trusted', async () => {
    const { record, bench, elector } = anElector();
    await elector.attempt();

    bench.nowMs = TRUST_MS;
    await elector.attempt();

    expect(record.holdings).toEqual([0, 0]);
  });

  it('ends when the store names another holder', async () => {
    const { record, elector, told } = anElector();
    await elector.attempt();
    const { signal } = elector.leading()!;

    record.will(refuse);
    await elector.attempt();

    expect(elector.leading()).toBeUndefined();
    expect(signal.aborted).toBe(true);
    expect(told).toEqual([{ began: 1 }, { ended: 1, why: 'lost' }]);
  });

  it('ends by itself when nobody prolongs it', async () => {
    const record = new Scripted();
    const elector = new Elector({ record, holder: 'me', lifeMs: 60 });
    onTestFinished(() => elector.stop());
    const ended = once(elector.events, 'ended');

    await elector.attempt();

    expect(await ended).toEqual([{ term: 1, why: 'expired' }]);
  });

  it('is told to who works as a leader, also to who comes later', async () => {
    const { record, elector } = anElector();
    const early: Leadership[] = [];
    const late: Leadership[] = [];
    elector.onLead((leadership) => early.push(leadership));

    await elector.attempt();
    elector.onLead((leadership) => late.push(leadership));
    record.will(grant(2));
    await elector.attempt();

    expect(early.map(({ term }) => term)).toEqual([1, 2]);
    expect(late.map(({ term }) => term)).toEqual([1, 2]);
  });
});

describe('a try that has no answer', () => {
  it('ends in time, and what comes later counts for nothing', async () => {
    const record = new Scripted();
    const elector = new Elector({ record, holder: 'me', lifeMs: 100 });
    onTestFinished(() => elector.stop());
    let answer: (standing: Standing) => void = () => undefined;
    record.will(() => new Promise((settle) => (answer = settle)));
    const failed = once(elector.events, 'failed') as Promise<[{ error: Error }]>;

    await elector.attempt();
    answer({ kind: 'leads', term: 1 });

    expect((await failed)[0].error.message).toBe('no answer within 10 ms');
    expect(elector.leading()).toBeUndefined();
  });
});

describe('stopping', () => {
  it('ends the leadership and gives the lease back', async () => {
    const { record, elector, told } = anElector();
    await elector.attempt();

    await elector.stop();
    await elector.stop();
    await elector.attempt();

    expect(record.resigned).toBe(1);
    expect(elector.leading()).toBeUndefined();
    expect(told).toEqual([{ began: 1 }, { ended: 1, why: 'resigned' }]);
  });

  it('gives back what a try without an answer may have got', async () => {
    const { record, elector } = anElector();
    record.will(fail);
    await elector.attempt();

    await elector.stop();

    expect(record.resigned).toBe(1);
  });

  it('asks for nothing where another daemon leads', async () => {
    const { record, elector } = anElector();
    record.will(refuse);
    await elector.attempt();

    await elector.stop();

    expect(record.resigned).toBe(0);
  });
});
