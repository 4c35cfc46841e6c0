// What the canary draws from provenance, and what it makes of it.
import { describe, expect, it } from 'vitest';
import { drawSample, type SampleOptions } from '../../../src/costsim/canary-sample.ts';
import { driftOf } from '../../../src/costsim/observation.ts';
import { seededRandom } from '../../../src/sim/random.ts';
import { aRecord, figures, stored } from '../../support/provenance.ts';

function options(wish: Partial<SampleOptions> = {}): SampleOptions {
  return {
    most: 100,
    replay: () => ({ v1: figures(150), v2: figures(90) }),
    signal: new AbortController().signal,
    random: seededRandom(1),
    ...wish,
  };
}

describe('a sample', () => {
  it('holds both estimators, as they are now, against what a request came to', async () => {
    const { compared } = await drawSample(stored([aRecord()]), options());

    expect(compared).toEqual([{ id: 'r1', route: 'fast', model: 'gpt-4o', v1: 0.5, v2: 0.1 }]);
  });

  it('tells what could not be compared, each kind apart', async () => {
    const records = [
      aRecord(),
      undefined,
      aRecord({ actual: undefined }),
      aRecord({ actual: figures(0) }),
      aRecord({ source: 'baseline' }),
      aRecord({ basis: undefined }),
    ];
    const replay: SampleOptions['replay'] = ({ basis }) =>
      basis && { v1: figures(100), v2: figures(100) };

    const { counts } = await drawSample(stored(records), options({ replay }));

    expect(counts).toEqual({
      seen: 6,
      unreadable: 1,
      withoutActual: 3,
      unreplayable: 1,
      compared: 1,
    });
  });

  it('is drawn from all of the time, each record as likely as any other', async () => {
    const times = new Map<string, number>();
    const random = seededRandom(7);
    const all = Array.from({ length: 50 }, (_, i) => aRecord({ id: `r${i}` }));

    for (let n = 0; n < 1000; n += 1) {
      const { compared } = await drawSample(stored(all), options({ most: 10, random }));
      expect(new Set(compared.map(({ id }) => id)).size).toBe(10);
      for (const { id } of compared) times.set(id, (times.get(id) ?? 0) + 1);
    }

    // 200 each in the mean, with a deviation of 12.6.
    expect(Math.min(...times.values())).toBeGreaterThan(140);
    expect(Math.max(...times.values())).toBeLessThan(260);
  });

  it('is given up when its leader leads no longer', async () => {
    const signal = AbortSignal.abort();

    await expect(drawSample(stored([aRecord()]), options({ signal }))).rejects.toThrow();
  });
});

describe('the drift of an estimate', () => {
  it('is of its cost, or of its tokens where one side is not priced', () => {
    expect(driftOf(figures(100, 30), figures(50, 20))).toBe(0.5);
    expect(driftOf(figures(100, 30), figures(50))).toBe(1);
    expect(driftOf(figures(50), figures(100, 20))).toBe(0.5);
    expect(driftOf(figures(100), figures(0))).toBeUndefined();
  });
});
