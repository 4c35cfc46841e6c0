// @module-tag redis_required
// A short cut of `npm run chaos`: a fault of each kind, with fewer requests. What must hold is
// said with the fault; the judge's own tests are in unit/chaos.
import { describe, expect, it } from 'vitest';
import { runFault } from '../chaos/experiment.ts';
import { FAULTS } from '../chaos/faults/index.ts';

const REQUESTS = 400;
const SEED = 11;
const CHOSEN = [
  'daemon-kill-before-settle',
  'redis-kill-aof-everysec',
  'flushall',
  'reply-lost',
  'promotion-with-lag',
  'cluster-slots-moving',
];

describe('under load', () => {
  it.each(CHOSEN)('%s breaks no promise', async (name) => {
    const fault = FAULTS.find((one) => one.name === name);
    const { signal } = new AbortController();

    const report = await runFault(fault!, { requests: REQUESTS, seed: SEED, signal });

    expect(report.violations).toEqual([]);
    expect(report.served).toBeGreaterThan(REQUESTS / 2);
  });
});
