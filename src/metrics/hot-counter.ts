// A counter that a request can afford: prom-client's own builds and hashes a key at every step. The
// registry asks this one by `get`, as all others.
import type { Metric, Registry } from 'prom-client';
import { SeriesIndex, type LabelValues } from './series.ts';

export interface CounterOptions<Name extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Name[];
  readonly registers: readonly Registry[];
}

interface Series<Name extends string> {
  readonly labels: LabelValues<Name>;
  value: number;
}

export class HotCounter<Name extends string> {
  readonly name: string;
  readonly help: string;
  readonly type = 'counter';
  readonly aggregator = 'sum';
  readonly labelNames: readonly Name[];
  readonly #series: SeriesIndex<Name, Series<Name>>;

  constructor({ name, help, labelNames, registers }: CounterOptions<Name>) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.#series = new SeriesIndex(labelNames, (labels) => ({ labels, value: 0 }));
    // The registry's types know prom-client's own classes only; what it calls is `get`.
    for (const registry of registers) registry.registerMetric(this as unknown as Metric);
  }

  inc(labels: LabelValues<Name>): void {
    this.#series.of(labels).value += 1;
  }

  /** For the registry. */
  get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.#series.all };
  }
}
