// What a scenario is, what it gives back, and what it may use while it runs.
// It measures nothing and prints nothing itself: rounds.ts measures, report.ts prints.

/** A promise about speed: `measured op target` must hold. */
export interface Bar {
  readonly name: string;
  readonly op: '>=' | '<=';
  readonly target: number;
  /** Unit of both sides; `x` for a ratio. */
  readonly unit: string;
}

/** Named figures of one contender in one round; the unit is the end of the name. */
export type Figures = Readonly<Record<string, number>>;

/** Every round of every contender, warm-up left out. */
export type Rounds = ReadonlyMap<string, readonly Figures[]>;

export interface Measured {
  readonly kind: 'measured';
  /** One value for each bar of the scenario, by the bar's name. */
  readonly readings: Readonly<Record<string, number>>;
  readonly rounds: Rounds;
  /** What a reader must know to trust the figures: configuration of peers, odd circumstances. */
  readonly notes?: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** One sentence: what against what, under which load. */
  readonly describe: string;
  readonly bars: readonly Bar[];
  run(bench: Bench): Promise<Measured>;
}

/** How much to measure, and where the scenario leaves what must be cleaned up. */
export interface Bench {
  readonly quick: boolean;
  /** Counted rounds of each contender. */
  readonly rounds: number;
  /** Length of one counted round. */
  readonly seconds: number;
  /** A directory that disappears after the scenario. */
  readonly directory: string;
  /** Shows what is going on; the line is replaced by the next one. */
  progress(line: string): void;
  /** Runs after the scenario, the latest first, also when it failed. */
  defer(cleanUp: () => Promise<unknown>): void;
}

/** Thrown when something that a scenario needs cannot be had here: its bars read `skipped`. */
export class Skipped extends Error {}
