// A histogram that a request can afford: prom-client's own hashes the labels of every observation
// and keeps its buckets under decimal strings. The registry asks this one by `get`, as all others.
import type { Metric, Registry } from 'prom-client';
import { SeriesIndex, type LabelValues } from './series.ts';

export interface HistogramOptions<Name extends string> {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly labelNames?: readonly Name[];
  readonly registers: readonly Registry[];
}

interface Series<Name extends string> {
  readonly labels: LabelValues<Name>;
  /** A bucket a bound, then the one for all that is larger. */
  readonly counts: number[];
  sum: number;
}

export class HotHistogram<Name extends string = never> {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames: readonly Name[];
  readonly buckets: readonly number[];
  readonly #bounds: readonly number[];
  readonly #series: SeriesIndex<Name, Series<Name>>;

  constructor({ name, help, buckets, labelNames = [], registers }: HistogramOptions<Name>) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.buckets = buckets;
    this.#bounds = [...buckets, Infinity];
    this.#series = new SeriesIndex(labelNames, (labels) => {
      return { labels, counts: this.#bounds.map(() => 0), sum: 0 };
    });
    // The registry's types know prom-client's own classes only; what it calls is `get`.
    for (const registry of registers) registry.registerMetric(this as unknown as Metric);
  }

  observe(labels: LabelValues<Name>, value: number): void {
    const series = this.#series.of(labels);
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
  }

  /** For the registry. */
  get() {
    const { name, help, type, aggregator } = this;
    const values = this.#series.all.flatMap((series) => this.#samplesOf(series));
    return { name, help, type, aggregator, values };
  }

  #samplesOf({ labels, counts, sum }: Series<Name>) {
    let count = 0;
    const buckets = this.#bounds.map((bound, i) => {
      count += counts[i] ?? 0;
      const le = bound === Infinity ? '+Inf' : bound;
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
