// Names of our metrics in expressions, and those that a daemon has.
import { createMetrics } from '../../src/metrics/registry.ts';

/** One entry for each place; `up` and what is not ours is left out. */
export function metricsIn(expr: string): readonly string[] {
  return expr.match(/\b(slotkeeper|costsim)_[a-z0-9_]+/g) ?? [];
}

const SERIES_OF = { histogram: ['_bucket', '_sum', '_count'] } as const;

/** Names of series: of a histogram those that it consists of. */
export function knownMetrics(): ReadonlySet<string> {
  const declared = createMetrics({ version: 'test' }).registry.getMetricsAsArray() as unknown as {
    readonly name: string;
    readonly type?: string;
    readonly buckets?: readonly number[];
  }[];
  return new Set(
    declared.flatMap(({ name, buckets }) =>
      buckets === undefined ? [name] : SERIES_OF.histogram.map((end) => name + end),
    ),
  );
}
