// How far estimates were from what requests came to, over the window and all daemons: read from the
// histograms that the recorders move. It decides nothing; the breaker's script does.
import type { Redis } from 'ioredis';
import { ESTIMATORS, type EstimatorName } from '../core/estimates.ts';
import type { CellKeys } from '../redis/keys.ts';
import { addCounts, quantileOf, samplesOf, type Counts } from './histogram.ts';
import { AGAINST, type Against } from './observation.ts';
import { driftKeys } from './store.ts';

export interface DriftFigures {
  readonly estimator: EstimatorName;
  readonly against: Against;
  /** Undefined: over all models. */
  readonly model: string | undefined;
  readonly samples: number;
  readonly p50: number;
  readonly p95: number;
}

export interface DriftSource {
  readonly redis: Redis;
  readonly keys: CellKeys;
  readonly windowMs: () => number;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

/** Those over all models first. Rejects as the store does. */
export async function readDrift(source: DriftSource): Promise<readonly DriftFigures[]> {
  const { redis, keys, clock } = source;
  const nowMs = clock?.() ?? (await serverTime(redis));
  const series = new Map<string, Counts>();
  const parts = await Promise.all(driftKeys(keys).map((key) => redis.hgetallBuffer(key)));
  for (const { from, ...histograms } of parts) {
    const fromMs = Number(from?.toString());
    if (!(fromMs > nowMs - source.windowMs() && fromMs <= nowMs)) continue;
    for (const [name, raw] of Object.entries(histograms)) {
      const counts: Counts = series.get(name) ?? new Map<number, number>();
      series.set(name, counts);
      addCounts(counts, raw);
    }
  }
  return [...series].flatMap(([name, counts]) => figuresOf(name, counts)).sort(byModel);
}

export async function serverTime(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = await redis.time();
  return seconds * 1000 + Math.floor(micros / 1000);
}

function figuresOf(series: string, counts: Counts): readonly DriftFigures[] {
  const [first, second, model] = series.split('\t');
  const estimator = ESTIMATORS.find((name) => name === first);
  const against = AGAINST.find((name) => name === second);
  const [p50, p95] = [quantileOf(counts, 0.5), quantileOf(counts, 0.95)];
  if (estimator === undefined || against === undefined) return [];
  if (p50 === undefined || p95 === undefined) return [];
  const samples = samplesOf(counts);
  return [{ estimator, against, model: model || undefined, samples, p50, p95 }];
}

function byModel(one: DriftFigures, other: DriftFigures): number {
  const nameOf = ({ model = '', against, estimator }: DriftFigures): string =>
    `${model}\t${against}\t${estimator}`;
  return nameOf(one) < nameOf(other) ? -1 : 1;
}
