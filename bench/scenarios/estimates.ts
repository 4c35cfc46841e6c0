// The estimators: how far each is off on a mix of requests that an upstream with a real tokenizer
// bills, and what estimating a large prompt does to the event loop.
import { aTokenCounter, driftsOf, type Drift } from '../contenders/estimators.ts';
import { startRedis } from '../harness/redis.ts';
import { differenceOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';
import { percentile } from '../harness/stats.ts';
import { mixedRequests } from '../mix/requests.ts';
import { LANGUAGES } from '../mix/texts.ts';

const REQUESTS = 600;
/** Until lengths are learned; not counted for either. */
const WARM_UP = 200;
const SEED = 20_251;
const QUANTILES = [0.5, 0.3, 0.75];
const PROMPT_BYTES = 100 * 1024;
const WINDOW_MS = 50;

const WITH = 'estimating 100 KB';
const WITHOUT = 'idle';
const P99 = 'p99_ms';

const drift: Scenario = {
  name: 'estimates',
  describe: `drift of both estimators over ${REQUESTS - WARM_UP} mixed requests after ${WARM_UP}`,
  bars: [{ name: 'estimate-drift', op: '<=', target: 0.5, unit: 'x' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const requests = mixedRequests(REQUESTS, SEED);
    const rounds = new Map<string, Record<string, number>[]>();
    for (const quantile of bench.quick ? QUANTILES.slice(0, 1) : QUANTILES) {
      const drifts = (await driftsOf(bench, redis, { requests, quantile })).slice(WARM_UP);
      rounds.set('v1', [figuresOf(drifts, 'v1')]);
      rounds.set(`v2, quantile ${quantile}`, [figuresOf(drifts, 'v2')]);
    }
    const [usual = 0] = QUANTILES;
    const p95 = (name: string): number => rounds.get(name)?.[0]?.['drift_p95'] ?? Number.NaN;
    return {
      kind: 'measured',
      rounds,
      readings: { 'estimate-drift': p95(`v2, quantile ${usual}`) / p95('v1') },
      notes: ['the same requests, answers and order in every run: only the code changes it'],
    };
  },
};

function figuresOf(drifts: readonly Drift[], estimator: keyof Drift): Record<string, number> {
  const values = drifts.map((one) => one[estimator]);
  const at = (share: number): number => percentile(values, share);
  return { drift_p50: at(0.5), drift_p95: at(0.95), drift_max: at(1) };
}

const eventLoop: Scenario = {
  name: 'estimates-event-loop',
  describe: `longest stop of the event loop in ${WINDOW_MS} ms, with and without a 100 KB prompt`,
  bars: [{ name: 'estimate-100kb-p99', op: '<=', target: 2, unit: 'ms' }],
  run: async (bench) => {
    const tokens = aTokenCounter(bench);
    const texts = Object.values(LANGUAGES).flat().join(' ');
    const content = Buffer.from(texts.repeat(30)).toString('utf8', 0, PROMPT_BYTES);
    const fields = { model: 'gpt-4o', messages: [{ role: 'user', content }] };
    const body = Buffer.from(JSON.stringify(fields));
    const count = () => tokens.count({ body, isJson: true, isChat: true, model: 'gpt-4o' });
    if ((await count()).kind !== 'counted') throw new Error('nothing was counted');
    const rounds = await takeTurns(bench, [stops(WITH, count), stops(WITHOUT)]);
    return {
      kind: 'measured',
      rounds,
      readings: { 'estimate-100kb-p99': differenceOf(rounds, P99, WITH, WITHOUT) },
      notes: [`${Math.round(body.length / 1024)} KiB of prose in ten languages`],
    };
  },
};

/** Turns the loop all the time: whatever stops it shows as the time between two turns. */
function stops(name: string, work?: () => Promise<unknown>): Contender {
  return {
    name,
    round: async (seconds) => {
      const longest: number[] = [];
      const calls: number[] = [];
      const begun = (): Promise<unknown> | undefined => {
        const startMs = performance.now();
        const done = work?.();
        calls.push(performance.now() - startMs);
        return done;
      };
      const untilMs = performance.now() + seconds * 1000;
      while (performance.now() < untilMs) {
        const [stop] = await Promise.all([longestStop(), begun()]);
        longest.push(stop);
      }
      const at = (share: number): number => percentile(longest, share);
      return {
        p50_ms: at(0.5),
        [P99]: at(0.99),
        call_p50_ms: percentile(calls, 0.5),
        windows: longest.length,
      };
    },
  };
}

function longestStop(): Promise<number> {
  return new Promise((resolve) => {
    const startMs = performance.now();
    let lastMs = startMs;
    let longest = 0;
    const turn = (): void => {
      const nowMs = performance.now();
      longest = Math.max(longest, nowMs - lastMs);
      lastMs = nowMs;
      if (nowMs - startMs > WINDOW_MS) resolve(longest);
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
}

export const estimates: readonly Scenario[] = [drift, eventLoop];
