// What an attempt has shown reaches the heart: accounts that are limited, dead or sick are left alone,
// and those that the caller's own faults met are not.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { listOptions } from '../../../src/config/options.ts';
import { answering } from '../../support/failing-upstreams.ts';
import { post } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool } from '../../support/sick-pool.ts';
import { startUpstream, type Script } from '../../support/upstream.ts';

const store = useRedis();

const hasBreaker = listOptions().some(({ path }) => path.startsWith('pools.<name>.breaker'));

/** Requests one after the other; how often each upstream was asked. */
async function asked(script: Script, models: readonly string[], pool = {}) {
  const sick = await startUpstream(script);
  const well = await startUpstream();
  const origins = { sick: sick.url, well: well.url };
  const both = { models: ['gpt-4', 'gpt-4-mini'], ...pool };
  const proxy = await aSickPool(store, origins, { pool: both, more: { routes: {} } });
  for (const model of models) {
    await (await post(proxy, { body: JSON.stringify({ model, messages: [] }) })).text();
  }
  return { sick: sick.seen.length, well: well.seen.length };
}

const TEN = Array<string>(10).fill('gpt-4');

describe.skipIf(!hasBreaker)('an account', () => {
  it('that is limited rests as long as it says', async () => {
    const seen = await asked(answering(429, { 'retry-after': '60' }), TEN);

    expect(seen).toEqual({ sick: 1, well: 10 });
  });

  it('that is limited for one model serves its others', async () => {
    const limit = answering(429, { 'retry-after': '60' }, { message: 'Limit reached for gpt-4.' });

    const seen = await asked(limit, [...TEN, 'gpt-4-mini', 'gpt-4']);

    expect(seen).toEqual({ sick: 2, well: 12 });
  });

  it('that is overloaded rests as long as it says', async () => {
    const seen = await asked(answering(529, { 'retry-after-ms': '60000' }), TEN);

    expect(seen).toEqual({ sick: 1, well: 10 });
  });

  it.each([
    [401, {}],
    [429, { code: 'insufficient_quota' }],
  ])('whose credential or quota is dead is not asked again: %i %j', async (status, error) => {
    const seen = await asked(answering(status, {}, error), TEN);

    expect(seen).toEqual({ sick: 1, well: 10 });
  });

  it('that keeps failing is left alone, but not where its pool says that it does not count', async () => {
    const counted = await asked(answering(500), TEN);
    const uncounted = await asked(answering(500), TEN, { outcomes: { '500': { breaker: false } } });

    expect(counted).toEqual({ sick: 5, well: 10 });
    expect(uncounted).toEqual({ sick: 10, well: 10 });
  });

  it('is not punished for the faults of callers', async () => {
    const seen = await asked(answering(400), TEN);

    expect(seen).toEqual({ sick: 10, well: 0 });
  });
});
