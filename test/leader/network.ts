// Simulated time and a network that is slow, loses messages and stops: what happens between a daemon
// and its store in a simulated run. Nothing here knows what is sent.
import type { Random } from '../../src/sim/random.ts';

/** Events in the order of their times; equal times in the order of their coming. */
export class Timeline {
  nowMs = 0;
  readonly #events: { readonly atMs: number; readonly run: () => unknown }[] = [];

  at(atMs: number, run: () => unknown): void {
    let place = this.#events.length;
    while (place > 0 && this.#events[place - 1]!.atMs > atMs) place -= 1;
    this.#events.splice(place, 0, { atMs: Math.max(atMs, this.nowMs), run });
  }

  after(ms: number, run: () => unknown): void {
    this.at(this.nowMs + ms, run);
  }

  /** Runs the next event and what follows from it at once; false where none is left until `endMs`. */
  async step(endMs: number): Promise<boolean> {
    const next = this.#events[0];
    if (next === undefined || next.atMs > endMs) return false;
    this.#events.shift();
    this.nowMs = next.atMs;
    await next.run();
    await new Promise((settle) => setImmediate(settle));
    return true;
  }
}

/** One end of a link: while it is stopped nothing happens there, afterwards all of it. */
export class Place {
  stoppedUntilMs = 0;
  isGone = false;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Runs `work` here at `atMs`, or as soon as this end goes on. */
  at(atMs: number, work: () => unknown): void {
    this.#timeline.at(atMs, () => {
      if (this.isGone) return undefined;
      if (this.#timeline.nowMs >= this.stoppedUntilMs) return work();
      this.at(this.stoppedUntilMs, work);
      return undefined;
    });
  }
}

/** Parts of all messages. */
const LOST = 0.04;
const LATE = 0.08;

export interface CallOptions<T> {
  readonly from: Place;
  readonly to: Place;
  readonly timeoutMs: number;
  /** Up to so much later do the late ones arrive. */
  readonly latestMs: number;
  readonly random: Random;
  /** Executed at the other end. */
  readonly work: () => Promise<T>;
}

/** A call over the network: it may be carried out without an answer, and long after its caller gave up. */
export function call<T>(timeline: Timeline, options: CallOptions<T>): Promise<T> {
  const { from, to, timeoutMs, latestMs, random, work } = options;
  const delayMs = (): number => Math.ceil(random() < LATE ? random() * latestMs : random() * 20);
  return new Promise<T>((settle, reject) => {
    from.at(timeline.nowMs + timeoutMs, () => reject(new Error('no answer in time')));
    if (random() < LOST) return;
    to.at(timeline.nowMs + delayMs(), async () => {
      const answer = await work().catch((error: unknown) => error as Error);
      if (random() < LOST) return;
      from.at(timeline.nowMs + delayMs(), () => {
        if (answer instanceof Error) reject(answer);
        else settle(answer);
      });
    });
  });
}
