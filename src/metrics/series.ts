// The series of one metric, found by the values of its labels without building a key: an
// observation on the hot path costs a look-up a label and leaves no garbage.

export type LabelValues<Name extends string> = Readonly<Record<Name, string>>;

interface Level<Series> {
  readonly deeper: Map<string, Level<Series>>;
  series: Series | undefined;
}

export class SeriesIndex<Name extends string, Series> {
  readonly #labelNames: readonly Name[];
  readonly #create: (labels: LabelValues<Name>) => Series;
  readonly #root: Level<Series> = aLevel();
  readonly #all: Series[] = [];

  constructor(labelNames: readonly Name[], create: (labels: LabelValues<Name>) => Series) {
    this.#labelNames = labelNames;
    this.#create = create;
    // Without labels there is one series from the start: a scrape before the first event reads 0.
    if (labelNames.length === 0) this.of({} as LabelValues<Name>);
  }

  /** In the order of their first use. */
  get all(): readonly Series[] {
    return this.#all;
  }

  of(labels: LabelValues<Name>): Series {
    let level = this.#root;
    for (const name of this.#labelNames) {
      const value = labels[name];
      let next = level.deeper.get(value);
      if (next === undefined) level.deeper.set(value, (next = aLevel()));
      level = next;
    }
    return (level.series ??= this.#add(labels));
  }

  #add(labels: LabelValues<Name>): Series {
    const series = this.#create({ ...labels });
    this.#all.push(series);
    return series;
  }
}

function aLevel<Series>(): Level<Series> {
  return { deeper: new Map(), series: undefined };
}
