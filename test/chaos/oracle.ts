// The judge of overselling, outside the product: the simulated upstream counts every request that
// arrives while its credential is at its limit. What arrives within a declared window is overage.
import type { Simulator } from '../../src/sim/options.ts';

export interface Overselling {
  /** Arrivals beyond a limit, outside declared windows. */
  readonly oversold: number;
  /** The same inside them. */
  readonly overage: number;
  readonly windowMs: number;
  /** Credentials that never had all of their slots in use: their limits prove nothing. */
  readonly unreached: readonly string[];
}

export class Oracle {
  readonly #sim: Simulator;
  #openedAt: { readonly at: number; readonly rejected: number } | undefined;
  #overage = 0;
  #windowMs = 0;

  constructor(sim: Simulator) {
    this.#sim = sim;
  }

  openWindow(): void {
    this.#openedAt ??= { at: performance.now(), rejected: this.#sim.snapshot().rejected };
  }

  closeWindow(): void {
    if (this.#openedAt === undefined) return;
    this.#overage += this.#sim.snapshot().rejected - this.#openedAt.rejected;
    this.#windowMs += performance.now() - this.#openedAt.at;
    this.#openedAt = undefined;
  }

  /** Once nothing runs any more. */
  verdict(): Overselling {
    this.closeWindow();
    const { rejected, credentials } = this.#sim.snapshot();
    const unreached = credentials.filter(({ limit, highWater }) => highWater < (limit ?? 0));
    return {
      oversold: rejected - this.#overage,
      overage: this.#overage,
      windowMs: this.#windowMs,
      unreached: unreached.map(({ credential }) => credential),
    };
  }
}
