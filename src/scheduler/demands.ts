// Checks lists of targets and remembers what the heart reads for them. Routes are few, so the same
// lists come again and again, though in arrays of their own. It decides nothing about accounts.
import type { Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { claimOf, demandOf } from './wire.ts';

const MAX_TARGETS = 16;
const DEMAND_PATTERN = /^[\x21-\x7e]+(?:\t[\x21-\x7e]+)+$/;
/** Lists remembered at most: a caller that makes up ever new ones must not fill the memory. */
const MAX_KNOWN = 1000;

/** A checked list of targets. */
export class Demand {
  /** The targets as the heart reads them. */
  readonly text: string;
  readonly #length: number;
  #holder = '';
  #leaseMs = 0;
  #claim = 0;

  constructor(text: string, length: number) {
    this.text = text;
    this.#length = length;
  }

  /** False where a list of another length has the same text, by a tab in one of its names. */
  fits(targets: readonly Target[]): boolean {
    return targets.length === this.#length;
  }

  /** claimOf() this demand; the last one is remembered, for most are asked by the same holder. */
  claim(holder: string, leaseMs: number): number {
    if (holder !== this.#holder || leaseMs !== this.#leaseMs) {
      this.#holder = holder;
      this.#leaseMs = leaseMs;
      this.#claim = claimOf(holder, this.text, leaseMs);
    }
    return this.#claim;
  }
}

export class Demands {
  readonly #known = new Map<string, Demand>();

  /** Throws `invalid_params` where the targets cannot be asked for. */
  of(targets: readonly Target[]): Demand {
    const text = demandOf(targets);
    const known = this.#known.get(text);
    if (known?.fits(targets) === true) return known;
    return this.#learn(text, targets);
  }

  #learn(text: string, { length }: readonly Target[]): Demand {
    const isPaired = text.split('\t').length === 2 * length;
    if (length > MAX_TARGETS || !isPaired || !DEMAND_PATTERN.test(text)) {
      throw new AppError(
        'invalid_params',
        `There are 1 to ${MAX_TARGETS} targets; pools and models are printable ASCII without spaces.`,
        { param: 'targets' },
      );
    }
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const demand = new Demand(text, length);
    this.#known.set(text, demand);
    return demand;
  }
}
