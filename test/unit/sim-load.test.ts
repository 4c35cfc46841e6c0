// The pure parts of the load script: its plan, its figures and its verdict.
import { expect, test } from 'vitest';
import type { Attempt } from '../../src/sim/load/attempt.ts';
import { slotsCounted } from '../../src/sim/load/observe.ts';
import { plannedRequests, type LoadPlan } from '../../src/sim/load/plan.ts';
import { reportOf, type Findings } from '../../src/sim/load/report.ts';
import { ShareTally } from '../../src/sim/load/shares.ts';
import { percentile, Tally } from '../../src/sim/load/tally.ts';

function aPlan(changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    requests: 1000,
    concurrency: 10,
    model: 'gpt-4',
    streamShare: 0.5,
    abortShare: 0.1,
    abortAfterMs: { min: 5, max: 9 },
    retries: 3,
    timeoutMs: 1000,
    expected: [200],
    seed: 1,
    ...changes,
  };
}

function planned(changes: Partial<LoadPlan> = {}) {
  return [...plannedRequests(aPlan(changes))];
}

test('the same seed plans the same requests, another seed others', () => {
  expect(planned()).toEqual(planned());
  expect(planned({ seed: 2 })).not.toEqual(planned());
});

test('the shares of streams and of leaving clients are those that were asked for', () => {
  const requests = planned({ requests: 10_000 });

  const streams = requests.filter(({ stream }) => stream).length;
  const leaving = requests.flatMap(({ leavesAfterMs }) => leavesAfterMs ?? []);
  expect(streams / 10_000).toBeCloseTo(0.5, 1);
  expect(leaving.length / 10_000).toBeCloseTo(0.1, 1);
  expect(Math.min(...leaving)).toBe(5);
  expect(Math.max(...leaving)).toBe(9);
});

test('shares of 0 and 1 are exact', () => {
  const none = planned({ streamShare: 0, abortShare: 0 });
  const all = planned({ streamShare: 1, abortShare: 1 });

  expect(none.some(({ stream, leavesAfterMs }) => stream || leavesAfterMs !== undefined)).toBe(
    false,
  );
  expect(all.every(({ stream, leavesAfterMs }) => stream && leavesAfterMs !== undefined)).toBe(
    true,
  );
});

test('one option does not move what another one chooses', () => {
  const streamsOf = (abortShare: number) => planned({ abortShare }).map(({ stream }) => stream);

  expect(streamsOf(0.9)).toEqual(streamsOf(0));
});

test.each([
  [[], 0.5, 0],
  [[7], 0.99, 7],
  [[1, 2, 3, 4], 0.5, 2],
  [[1, 2, 3, 4], 0.51, 3],
  [[1, 2, 3, 4], 1, 4],
  [Array.from({ length: 100 }, (_, index) => index + 1), 0.95, 95],
])('of %j the percentile %d is %d', (sorted, share, expected) => {
  expect(percentile(sorted, share)).toBe(expected);
});

const METRICS = `# HELP slotkeeper_account_in_flight Slots
# TYPE slotkeeper_account_in_flight gauge
slotkeeper_account_in_flight{pool="openai",account="a"} 2
slotkeeper_account_in_flight{pool="openai",account="b {x} 9"} 1
slotkeeper_model_in_flight{pool="openai",model="gpt-4"} 0
slotkeeper_cell_leases 0
slotkeeper_account_limit{pool="openai",account="a"} 100
`;

test('the counters that are left are the largest of the sums that must agree', () => {
  expect(slotsCounted(METRICS)).toBe(3);
  expect(slotsCounted(METRICS.replace('leases 0', 'leases 4'))).toBe(4);
  expect(slotsCounted(METRICS.replaceAll(/ [12]\n/g, ' 0\n'))).toBe(0);
});

test('metrics without one of the gauges show nothing', () => {
  expect(slotsCounted(METRICS.replace('slotkeeper_cell_leases 0', ''))).toBeUndefined();
  expect(slotsCounted('')).toBeUndefined();
});

const ANSWERED: Attempt = { kind: 'answered', status: 200, elapsedMs: 12, queueMs: 0 };

function findings(changes: Partial<Findings> = {}, attempts: readonly Attempt[] = [ANSWERED]) {
  const tally = new Tally();
  for (const attempt of attempts) tally.add(attempt);
  return {
    plan: aPlan(),
    tally,
    elapsedMs: 1000,
    upstream: { kind: 'seen', oversold: 0, rejected: 0, credentials: [] },
    counters: { kind: 'seen', left: 0, afterMs: 3 },
    interrupted: false,
    mustSee: false,
    ...changes,
  } satisfies Findings;
}

test('a run without a fault passes', () => {
  const report = reportOf(findings());

  expect(report.passed).toBe(true);
  expect(report.text).toMatch(/answered 200 +1\n/);
  expect(report.text).toMatch(/oversold +0 ✔/);
  expect(report.text).toMatch(/counters left +0 ✔/);
  expect(report.text).toMatch(/PASSED/);
});

test.each<[string, Partial<Findings>, readonly Attempt[]]>([
  [
    'oversold',
    { upstream: { kind: 'seen', oversold: 1, rejected: 0, credentials: [] } },
    [ANSWERED],
  ],
  [
    'rejected by the upstream',
    { upstream: { kind: 'seen', oversold: 0, rejected: 2, credentials: [] } },
    [ANSWERED],
  ],
  ['counters left', { counters: { kind: 'seen', left: 1, afterMs: 2000 } }, [ANSWERED]],
  ['answered 500', {}, [ANSWERED, { kind: 'answered', status: 500, elapsedMs: 1, queueMs: 0 }]],
  [
    'answered 429',
    {},
    [ANSWERED, { kind: 'turned_away', status: 429, code: 'pool_full', retryAfterMs: 1 }],
  ],
  ['failed: ECONNRESET', {}, [ANSWERED, { kind: 'failed', reason: 'ECONNRESET' }]],
  ['streams without an end', {}, [ANSWERED, { kind: 'incomplete' }]],
  ['answered', {}, []],
])('a run fails by %s', (label, changes, attempts) => {
  const report = reportOf(findings(changes, attempts));

  expect(report.passed).toBe(false);
  expect(report.text).toContain(`FAILED: ${label}.`);
});

test('the codes of unexpected answers are named', () => {
  const refused = { kind: 'answered', status: 503, elapsedMs: 1, queueMs: 0 } as const;

  const { text } = reportOf(
    findings({}, [
      { ...refused, code: 'recovering' },
      { ...refused, code: 'recovering' },
      { ...refused, code: 'shutting_down' },
    ]),
  );

  expect(text).toMatch(/answered 503 +3 ✘ recovering, shutting_down\n/);
});

test('clients that left and statuses that were expected are no failure', () => {
  const plan = aPlan({ expected: [200, 503] });

  const report = reportOf(
    findings({ plan }, [
      { kind: 'left' },
      { kind: 'answered', status: 503, elapsedMs: 1, queueMs: 0 },
    ]),
  );

  expect(report.passed).toBe(true);
  expect(report.text).toMatch(/aborted on purpose +1/);
});

test('what could not be seen does not look passed, and fails a daemon of the run’s own', () => {
  const upstream = { kind: 'not_observable', reason: 'no simulator' } as const;

  const foreign = reportOf(findings({ upstream }));
  const own = reportOf(findings({ upstream, mustSee: true }));

  expect(foreign.passed).toBe(true);
  expect(foreign.text).toMatch(/oversold +not observable \? no simulator/);
  expect(foreign.text).toContain('except what was not seen: oversold, rejected by the upstream.');
  expect(own.passed).toBe(false);
});

test('the accounts that came closest to their limit, or beyond it, are named first', () => {
  const credentials = [
    ['roomy', 100, 20],
    ['over', 2, 3],
    ['full', 5, 5],
    ['unused', 5, 0],
  ].map(([credential, limit, highWater]) => ({
    credential: String(credential),
    limit: Number(limit),
    highWater: Number(highWater),
    inFlight: 0,
    total: 0,
    rejected: 0,
    aborted: 0,
  }));

  const { text } = reportOf(
    findings({ upstream: { kind: 'seen', oversold: 1, rejected: 1, credentials } }),
  );

  expect(text).toContain('most at once: over 3/2, full 5/5, roomy 20/100\n');
});

const THREE = [
  { name: 'a', weight: 1 },
  { name: 'b', weight: 2 },
  { name: 'c', weight: 4 },
];

/** Each tenant with one service of so many ms; no waiting. */
function sharesOfMs(ms: readonly number[]) {
  const tally = new ShareTally();
  ms.forEach((elapsedMs, index) => {
    tally.add(THREE[index]?.name ?? '', { endedAtMs: 1000, elapsedMs, queueMs: 0 });
  });
  return tally.shares(THREE, { fromMs: 0, toMs: 1000 });
}

test('a share is service over all service, beside what the weight entitles to', () => {
  const shares = sharesOfMs([100, 200, 400]);

  expect(shares.map(({ entitled }) => entitled)).toEqual([1 / 7, 2 / 7, 4 / 7]);
  expect(shares.map(({ slotSeconds }) => slotSeconds)).toEqual([0.1, 0.2, 0.4]);
  expect(shares.map(({ ratio }) => Number(ratio.toFixed(6)))).toEqual([1, 1, 1]);
});

test('the wait in the queue is no service, nor is what lies outside of the time that counts', () => {
  const tally = new ShareTally();
  tally.add('a', { endedAtMs: 500, elapsedMs: 400, queueMs: 300 });
  tally.add('a', { endedAtMs: 150, elapsedMs: 100, queueMs: 0 });
  tally.add('a', { endedAtMs: 1100, elapsedMs: 200, queueMs: 50 });
  tally.add('a', { endedAtMs: 2000, elapsedMs: 300, queueMs: 0 });

  const [share] = tally.shares(THREE, { fromMs: 100, toMs: 1000 });

  expect(share?.slotSeconds).toBeCloseTo(0.1 + 0.05 + 0.05, 6);
  expect(share).toMatchObject({ served: 4, queueP50Ms: 0, queueP99Ms: 300 });
});

test('a run fails when a share is more than a tenth off, and says whose', () => {
  const even = reportOf(findings({ shares: sharesOfMs([100, 200, 400]) }));
  const near = reportOf(findings({ shares: sharesOfMs([109, 200, 400]) }));
  const off = reportOf(findings({ shares: sharesOfMs([80, 200, 400]) }));

  expect([even.passed, near.passed, off.passed]).toEqual([true, true, false]);
  expect(off.text).toMatch(/shares off by > 10 % +1 ✘ a\n/);
  expect(off.text).toMatch(/a +1 +1 +0\.1 +11\.8 % +14\.3 % +0\.824 ✘ +0 \/ 0/);
});

test('a tenant that was served nothing is off', () => {
  const report = reportOf(findings({ shares: sharesOfMs([0, 0, 0]) }));

  expect(report.passed).toBe(false);
  expect(report.text).toMatch(/shares off by > 10 % +3 ✘ a, b, c/);
});
