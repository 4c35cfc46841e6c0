// How the canary judges a sample.
import { describe, expect, it } from 'vitest';
import { canarySchema } from '../../../src/config/canary-schema.ts';
import { judge, type Comparison } from '../../../src/costsim/canary-report.ts';

const CONFIG = canarySchema.parse({ minSample: 10 });

/** Records that are all off by the same. */
function records(count: number, v1: number, v2: number, model = 'm'): Comparison[] {
  return Array.from({ length: count }, (_, i) => ({ id: `r${i}`, route: 'x', model, v1, v2 }));
}

describe('a sample', () => {
  it('passes where v2 is near and no worse than v1', () => {
    const judged = judge(records(10, 0.3, 0.2), CONFIG);

    expect(judged.verdict).toBe('passed');
    expect(judged.findings).toEqual([]);
    expect(judged.drift).toEqual({ v1: { p50: 0.3, p95: 0.3 }, v2: { p50: 0.2, p95: 0.2 } });
  });

  it('fails where the p95 of v2 is beyond the bound', () => {
    const judged = judge(records(10, 0.3, 0.201), CONFIG);

    expect(judged.verdict).toBe('failed');
    expect(judged.findings).toEqual(['the p95 drift of v2 is 20.1 %: more than 20.0 %']);
  });

  it('fails where v2 is worse than v1 by more than is allowed', () => {
    const judged = judge(records(10, 0.1, 0.126), CONFIG);

    expect(judged.verdict).toBe('failed');
    expect(judged.findings).toEqual([
      'the p95 drift of v2 is 12.6 %: more than 1.25 times that of v1, 10.0 %',
    ]);
  });

  it('does not fail beside a v1 that is nearly right, while v2 is so too', () => {
    expect(judge(records(10, 0.001, 0.05), CONFIG).verdict).toBe('passed');
    expect(judge(records(10, 0.001, 0.051), CONFIG).verdict).toBe('failed');
  });

  it('that is too small neither passes nor fails, however far off it is', () => {
    const judged = judge(records(9, 0.1, 5), CONFIG);

    expect(judged.verdict).toBe('inconclusive');
    expect(judged.findings).toEqual(['9 records tell what they came to: fewer than 10']);
    expect(judge([], CONFIG)).toMatchObject({ verdict: 'inconclusive', drift: undefined });
  });

  it('has its p95 by nearest rank: a twentieth may be off as it likes', () => {
    expect(judge([...records(95, 1, 0.1), ...records(5, 1, 9)], CONFIG).verdict).toBe('passed');
    expect(judge([...records(94, 1, 0.1), ...records(6, 1, 9)], CONFIG).verdict).toBe('failed');
  });

  it('is shown by model, the most used first, with the records that were off the most', () => {
    const compared = [...records(4, 1, 0.2, 'a'), ...records(9, 1, 0.1, 'b')];

    const { models, worst } = judge(compared, CONFIG);

    expect(models.map(({ model, compared: n, v2 }) => [model, n, v2.p95])).toEqual([
      ['b', 9, 0.1],
      ['a', 4, 0.2],
    ]);
    expect(worst.map(({ model }) => model)).toEqual(['a', 'a', 'a', 'a', 'b']);
  });
});
