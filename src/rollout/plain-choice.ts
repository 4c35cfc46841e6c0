// A choice without the heart: any account of a pool that serves the model, at random by its share of
// the slots. It counts nothing, so it knows neither loads nor limits.
import type { AccountConfig } from '../config/schema.ts';
import type { Target } from '../core/domain.ts';

interface Candidates {
  readonly names: readonly string[];
  /** Sums of the weights up to and with each of `names`. */
  readonly sums: readonly number[];
}

export interface PickOptions {
  readonly random?: number | undefined;
  readonly tried?: ReadonlySet<string> | undefined;
}

const NOBODY: ReadonlySet<string> = new Set();

export class PlainChoice {
  readonly #byTarget = new Map<string, Candidates>();

  constructor(accounts: readonly AccountConfig[]) {
    const groups = new Map<string, AccountConfig[]>();
    for (const account of accounts) {
      if (!account.enabled) continue;
      for (const model of account.models) {
        const key = keyOf({ pool: account.pool, model });
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [account]);
        else group.push(account);
      }
    }
    for (const [key, group] of groups) this.#byTarget.set(key, candidatesOf(group));
  }

  /**
   * Undefined where no account serves the target, or all that do are `tried`. `random` is from 0 to
   * below 1.
   */
  pick(
    target: Target,
    { random = Math.random(), tried = NOBODY }: PickOptions = {},
  ): string | undefined {
    const found = this.#byTarget.get(keyOf(target));
    if (found === undefined) return undefined;
    const { names, sums } = found;
    if (tried.size > 0) return names.find((name) => !tried.has(name));
    const wanted = random * (sums.at(-1) ?? 0);
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) <= wanted) low = middle + 1;
      else high = middle;
    }
    return names[low];
  }
}

/** Tiers hold here too: those of the lowest number alone. */
function candidatesOf(accounts: readonly AccountConfig[]): Candidates {
  const tier = Math.min(...accounts.map(({ priority }) => priority));
  const first = accounts.filter(({ priority }) => priority === tier);
  let sum = 0;
  const sums = first.map(({ maxConcurrency, weight }) => (sum += maxConcurrency * weight));
  return { names: first.map(({ name }) => name), sums };
}

function keyOf({ pool, model }: Target): string {
  return `${pool}\n${model}`;
}
