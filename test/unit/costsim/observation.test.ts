// Which drifts a record has, and what they are.
import { describe, expect, it } from 'vitest';
import { driftOf, driftsOf } from '../../../src/costsim/observation.ts';
import { aRecord, figures } from '../../support/costsim.ts';

describe('the drift of an estimate', () => {
  it.each([
    ['too much', figures(1300), figures(1000), 0.3],
    ['too little', figures(700), figures(1000), 0.3],
    ['by tokens where nothing is priced', figures(undefined, 150), figures(undefined, 100), 0.5],
    ['by tokens where one is not priced', figures(9, 150), figures(undefined, 100), 0.5],
    ['none against nothing', figures(5), figures(0), undefined],
    ['none against no tokens', figures(undefined, 5), figures(undefined, 0), undefined],
  ])('is its part of the reference: %s', (_what, estimate, reference, drift) => {
    const found = driftOf(estimate, reference);

    if (drift === undefined) expect(found).toBeUndefined();
    else expect(found).toBeCloseTo(drift);
  });
});

describe('the drifts of a record', () => {
  const named = (record: Parameters<typeof driftsOf>[0]): readonly string[] =>
    driftsOf(record).map(({ estimator, against }) => `${estimator} ${against}`);

  it('are those of both estimators against the actual, and of v2 against v1', () => {
    expect(named(aRecord())).toEqual(['v1 actual', 'v2 actual', 'v2 baseline']);
  });

  it('are none against an actual that the upstream did not tell', () => {
    expect(named(aRecord({ actual: undefined }))).toEqual(['v2 baseline']);
  });

  it('leave v2 out against an actual where it had learned no lengths yet', () => {
    const basis = {
      ...{ characters: 40, attachments: 0, answers: 1, outputLimit: undefined, countedTokens: 9 },
      outOfScope: ['unlearned'],
    };

    expect(named(aRecord({ basis }))).toEqual(['v1 actual', 'v2 baseline']);
    expect(named(aRecord({ basis: { ...basis, outOfScope: ['tools'] } }))).toContain('v2 actual');
  });

  it('are against the baseline alone where the record was brought in later', () => {
    expect(named(aRecord({ source: 'baseline' }))).toEqual(['v2 baseline']);
    expect(named(aRecord({ source: 'baseline', v2: undefined }))).toEqual([]);
  });
});
