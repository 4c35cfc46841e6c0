// How old news may be. The cell numbers its ticks; a tick of this daemon that had a lower number than
// another daemon's was executed before it, so the other one happened after this daemon had sent its
// own. No clock but this process' monotonic one is asked, and news that was long on its way, or
// found the process paused, is as old as it is.
import type { TickReport } from './replies.ts';

type Pair = Pick<TickReport, 'incarnation' | 'sequence'>;
type Sighting = Pair & { readonly sentAt: number };

/** Under load there are ten thousand ticks a second; so much nearer is near enough. */
const SPACING_MS = 20;
/** More than a second of a busy daemon. */
const MOST = 64;

export class Sightings {
  /** Rising in both the pair and the time. */
  readonly #seen: Sighting[] = [];

  /** A tick of this daemon, sent (for the first time) at performance.now() `sentAt`. */
  note({ incarnation, sequence }: Pair, sentAt: number): void {
    const last = this.#seen.at(-1);
    const sighting = { incarnation, sequence, sentAt };
    if (last !== undefined && (sentAt < last.sentAt + SPACING_MS || !isBefore(last, sighting)))
      return;
    this.#seen.push(sighting);
    if (this.#seen.length > MOST) this.#seen.shift();
  }

  /** performance.now() after which the tick of this pair was executed, as far as this daemon knows. */
  before(pair: Pair): number {
    return this.#seen.findLast((sighting) => isBefore(sighting, pair))?.sentAt ?? -Infinity;
  }
}

function isBefore(one: Pair, other: Pair): boolean {
  if (one.incarnation !== other.incarnation) return one.incarnation < other.incarnation;
  return one.sequence < other.sequence;
}
