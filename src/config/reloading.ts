// Reads the configuration again and puts it in force: all of it, or nothing. One reload at a time;
// whoever asks meanwhile gets one that begins after its question. What applying means is its
// giver's matter.
import { changesBetween } from './changes.ts';
import type { Config } from './schema.ts';

export interface ReloadSteps {
  /** The configuration in force. */
  readonly running: () => Config;
  /** Rejects with `config_invalid`, every fault in one message. */
  readonly load: (running: Config) => Promise<Config>;
  /** Puts `next` in force; where it rejects, nothing has changed. */
  readonly apply: (next: Config) => Promise<void>;
}

export type ReloadResult =
  | { readonly kind: 'unchanged' }
  /** The names of the options that differ from before. */
  | { readonly kind: 'applied'; readonly changes: readonly string[] };

export class Reloading {
  readonly #steps: ReloadSteps;
  #last: Promise<unknown> = Promise.resolve();

  constructor(steps: ReloadSteps) {
    this.#steps = steps;
  }

  /** Rejects with what `load` and `apply` reject with. */
  reload(): Promise<ReloadResult> {
    const result = this.#last.then(() => this.#reload());
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #reload(): Promise<ReloadResult> {
    const running = this.#steps.running();
    const next = await this.#steps.load(running);
    const changes = changesBetween(running, next);
    if (changes.length === 0) return { kind: 'unchanged' };
    await this.#steps.apply(next);
    return { kind: 'applied', changes };
  }
}
