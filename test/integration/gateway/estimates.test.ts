// @module-tag redis_required
// Estimating over a real proxy: which estimator reserves, what is settled, and that each request which
// had a slot tells its estimates exactly once, however it ended.
import { describe, expect, it } from 'vitest';
import type { EstimatorName, ProvenanceRecord } from '../../../src/core/estimates.ts';
import type { Counted } from '../../../src/costs/token-counter.ts';
import { useEstimators, type Estimated } from '../../support/estimators.ts';
import { eventually } from '../../support/eventually.ts';
import { EVENT, post, streamOf } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { answerWell, type Script } from '../../support/upstream.ts';

const store = useRedis();

const anEstimator = useEstimators(store);

const BODY = JSON.stringify({
  model: 'gpt-4',
  messages: [{ role: 'user', content: 'Hello there, how are you?' }],
});
/** 7 of the text, 1 of the role, 3 of the frame, 3 of the answer's frame. */
const COUNTED = 14;
/** 45 characters in its texts and their names. */
const BY_CHARACTERS = 12;

async function oneRecord({ records }: Pick<Estimated, 'records'>): Promise<ProvenanceRecord> {
  await eventually(() => expect(records).toHaveLength(1));
  return records[0]!;
}

describe('by default', () => {
  it('nothing of the second estimator runs, and nothing is told', async () => {
    let counts = 0;
    const count = (): Promise<Counted> => {
      counts += 1;
      return Promise.resolve({ kind: 'failed' });
    };
    const run = await anEstimator({ parts: { tokens: { count } } });

    const answer = await post(run.proxy, { body: BODY });

    expect(answer.status).toBe(200);
    expect([counts, run.records.length]).toEqual([0, 0]);
    expect(run.proxy.finished[0]?.reservedBy).toBeUndefined();
  });
});

describe('under trial', () => {
  it('both estimators run and the first one reserves', async () => {
    const run = await anEstimator({ estimates: { trial: true } });

    await post(run.proxy, { body: BODY });

    const record = await oneRecord(run);
    expect(record).toMatchObject({
      source: 'live',
      tenant: 'default',
      route: 'gpt-4',
      pool: 'openai',
      model: 'gpt-4',
      reservedBy: 'v1',
      v1: { inputTokens: BY_CHARACTERS, outputTokens: 1024, cachedInputTokens: 0 },
      v2: { inputTokens: COUNTED, outputTokens: 1024, cachedInputTokens: 0 },
      actual: { inputTokens: 3, outputTokens: 2, cachedInputTokens: 0, costMicro: 7 },
      basis: {
        ...{ answers: 1, outputLimit: undefined, countedTokens: COUNTED },
        outOfScope: ['unlearned'],
      },
    });
    expect(record.v1.costMicro).toBe(BY_CHARACTERS + 2048);
    expect(record.v2?.costMicro).toBe(COUNTED + 2048);
    expect(record.inputHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('no request waits for the tokenizer', async () => {
    const never = { count: (): Promise<Counted> => new Promise(() => undefined) };
    const run = await anEstimator({ estimates: { trial: true }, parts: { tokens: never } });

    const answer = await post(run.proxy, { body: BODY });

    expect(answer.status).toBe(200);
    expect(run.records).toEqual([]);
  });
});

describe('the second estimator', () => {
  it('reserves by counted tokens and learned lengths, and the actual is settled', async () => {
    let reservedMicro: number | undefined;
    const run = await anEstimator({ estimates: { estimator: 'v2' } });
    const of = { tenant: 'default', route: 'gpt-4', model: 'gpt-4' };
    for (let i = 0; i < 20; i += 1) {
      run.lengths.note(of, { outputTokens: 40, inputTokens: 100, cachedInputTokens: 50 });
    }
    await run.lengths.tell();
    const acquire = run.proxy.scheduler.tryAcquire.bind(run.proxy.scheduler);
    run.proxy.scheduler.tryAcquire = (request) => {
      reservedMicro = request.reserveMicro;
      return acquire(request);
    };

    await post(run.proxy, { body: BODY });

    const record = await oneRecord(run);
    expect(record.reservedBy).toBe('v2');
    expect(record.v2).toMatchObject({ inputTokens: COUNTED, cachedInputTokens: COUNTED / 2 });
    expect(Math.abs(record.v2!.outputTokens - 40)).toBeLessThanOrEqual(2);
    expect(reservedMicro).toBe(record.v2?.costMicro);
    expect(run.proxy.finished[0]).toMatchObject({ reservedBy: 'v2', costMicro: 7 });
  });

  it('learns from what is told', async () => {
    const run = await anEstimator({ estimates: { estimator: 'v2' } });

    for (let i = 0; i < 10; i += 1) await post(run.proxy, { body: BODY });
    await eventually(() => expect(run.records).toHaveLength(10));
    await run.lengths.tell();

    const of = { tenant: 'default', route: 'gpt-4', model: 'gpt-4' };
    expect(run.lengths.find(of)).toEqual({ outputTokens: 2, cachedShare: 0 });
  });

  it.each([
    ['late', { count: (): Promise<Counted> => new Promise(() => undefined) }],
    ['failed', { count: (): Promise<Counted> => Promise.resolve({ kind: 'failed' }) }],
    ['full', { count: (): Promise<Counted> => Promise.resolve({ kind: 'full' }) }],
  ])(
    'guesses by the letters where the tokenizer is %s, and counts that',
    async (reason, tokens) => {
      const estimates = { estimator: 'v2', tokenizerWaitMs: 5 };
      const run = await anEstimator({ estimates, parts: { tokens } });

      const answer = await post(run.proxy, { body: BODY });

      expect(answer.status).toBe(200);
      expect(run.guesses).toEqual([reason]);
      expect(run.proxy.finished[0]?.reservedBy).toBe('v2');
      if (reason === 'late') return;
      const { basis, inputHash } = await oneRecord(run);
      expect(basis?.outOfScope).toEqual(['text', 'unlearned']);
      expect(basis?.countedTokens).toBeGreaterThan(5);
      expect(inputHash).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it('leaves reserving to the first one while it is out of service, and goes on being told', async () => {
    const run = await anEstimator({
      estimates: { estimator: 'v2' },
      parts: { isV2Disabled: () => true },
    });

    await post(run.proxy, { body: BODY });

    expect(await oneRecord(run)).toMatchObject({ reservedBy: 'v1', v2: { inputTokens: COUNTED } });
  });

  it.each(['v1', 'v2'] as const)('reserves where a rollout says so: %s', async (name) => {
    const asked: string[] = [];
    const estimatorFor = (key: string, route: string): EstimatorName => {
      asked.push(`${key} ${route}`);
      return name;
    };
    const run = await anEstimator({ parts: { estimatorFor } });

    await post(run.proxy, {
      body: BODY,
      headers: { 'content-type': 'application/json', 'x-slotkeeper-session': 's1' },
    });

    expect((await oneRecord(run)).reservedBy).toBe(name);
    expect(asked).toEqual(['s1 gpt-4']);
  });
});

describe('a request that had a slot is told once', () => {
  const estimates = { estimator: 'v2' };

  it('also when its client leaves in mid-answer, without an actual', async () => {
    const run = await anEstimator({ estimates, script: streamOf(EVENT) });
    const leave = new AbortController();

    const answer = await post(run.proxy, { body: BODY, signal: leave.signal });
    await answer.body?.getReader().read();
    leave.abort();

    expect((await oneRecord(run)).actual).toBeUndefined();
  });

  it('also when its upstream fails', async () => {
    const script: Script = (_seen, res) => void res.writeHead(500).end('{}');
    const run = await anEstimator({ estimates, script });

    const answer = await post(run.proxy, { body: BODY });

    expect(answer.status).toBe(500);
    expect((await oneRecord(run)).actual).toBeUndefined();
  });

  it('also when its answer tells no usage', async () => {
    const script: Script = (_seen, res) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}');
    };
    const run = await anEstimator({ estimates, script });

    await post(run.proxy, { body: BODY });

    const record = await oneRecord(run);
    expect([record.actual, record.v2?.inputTokens]).toEqual([undefined, COUNTED]);
  });

  it('and not for each account that it was tried at', async () => {
    let calls = 0;
    const script: Script = (seen, res, socket) => {
      calls += 1;
      if (calls === 1) res.writeHead(503).end('{}');
      else answerWell(seen, res, socket);
    };
    const run = await anEstimator({ estimates, script });

    const answer = await post(run.proxy, { body: BODY });

    expect(answer.status).toBe(200);
    expect(await oneRecord(run)).toMatchObject({ actual: { outputTokens: 2 } });
    expect(run.proxy.finished[0]).toMatchObject({ attempts: 2 });
    expect(run.records).toHaveLength(1);
  });

  it('but not at all where it was refused', async () => {
    const run = await anEstimator({ estimates: { ...estimates }, script: streamOf(EVENT) });
    const leave = new AbortController();
    const running = Array.from({ length: 4 }, () =>
      post(run.proxy, { body: BODY, signal: leave.signal }),
    );
    await Promise.all(running);

    const refused = await post(run.proxy, { body: BODY });
    leave.abort();

    expect(refused.status).toBe(429);
    await eventually(() => expect(run.records).toHaveLength(4));
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(4);
  });

  it('with forms, of which nothing is counted', async () => {
    const run = await anEstimator({ estimates });
    const form = new FormData();
    form.set('model', 'gpt-4');
    form.set('file', new Blob(['sound']), 'a.wav');

    await fetch(`${run.proxy.url}/v1/audio/transcriptions`, { method: 'POST', body: form });

    const { basis } = await oneRecord(run);
    expect(basis).toMatchObject({ countedTokens: undefined, outOfScope: ['form'], attachments: 1 });
  });
});
