// The order of measuring: contenders take turns, A B A B, so that a drift of the machine meets all
// of them alike. The first turn of each is warm-up and is thrown away.
import type { Bench, Figures, Rounds } from './scenario.ts';
import { median } from './stats.ts';

export interface Contender {
  readonly name: string;
  /** One round of about `seconds`; leaves the machine quiet when it resolves. */
  round(seconds: number): Promise<Figures>;
}

/** Lets the contenders take turns for `bench.rounds` counted rounds. */
export async function takeTurns(bench: Bench, contenders: readonly Contender[]): Promise<Rounds> {
  const rounds = new Map<string, Figures[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= bench.rounds; round++) {
    for (const contender of contenders) {
      const label = round === 0 ? 'warm-up' : `round ${round} of ${bench.rounds}`;
      bench.progress(`${label}: ${contender.name}`);
      const seconds = round === 0 ? Math.min(1, bench.seconds) : bench.seconds;
      const figures = await contender.round(seconds);
      if (round > 0) rounds.get(contender.name)?.push(figures);
    }
  }
  return rounds;
}

/** The median of one figure over a contender's rounds. */
export function medianOf(rounds: Rounds, contender: string, figure: string): number {
  return median(column(rounds, contender, figure));
}

/** The median, over the rounds, of a figure of `left` divided by that of its neighbour `right`. */
export function ratioOf(rounds: Rounds, figure: string, left: string, right: string): number {
  const divisors = column(rounds, right, figure);
  const quotients = column(rounds, left, figure).map((value, round) => {
    const divisor = divisors[round] ?? Number.NaN;
    return value / divisor;
  });
  return median(quotients);
}

/** The median, over the rounds, of a figure of `left` minus that of its neighbour `right`. */
export function differenceOf(rounds: Rounds, figure: string, left: string, right: string): number {
  const subtrahends = column(rounds, right, figure);
  const differences = column(rounds, left, figure).map(
    (value, round) => value - (subtrahends[round] ?? Number.NaN),
  );
  return median(differences);
}

function column(rounds: Rounds, contender: string, figure: string): readonly number[] {
  return (rounds.get(contender) ?? []).map((figures) => figures[figure] ?? Number.NaN);
}
