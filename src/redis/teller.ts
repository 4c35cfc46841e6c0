// Tells the store once a second what a daemon has seen, one call at a time. A call that fails is not
// made again: the next one tells what has come since.
import type { Service } from '../core/service.ts';

const TELL_MS = 1000;

export class Teller implements Service {
  readonly #tell: () => Promise<void>;
  readonly #isUnused: () => boolean;
  #timer: NodeJS.Timeout | undefined;
  #telling: Promise<void> | undefined;

  /** While `isUnused`, the store is left alone. */
  constructor(tell: () => Promise<void>, isUnused: () => boolean) {
    this.#tell = tell;
    this.#isUnused = isUnused;
  }

  start(): Promise<void> {
    this.#timer = setInterval(() => {
      if (this.#isUnused()) return;
      this.#telling ??= this.#tell()
        .catch(() => undefined)
        .finally(() => (this.#telling = undefined));
    }, TELL_MS).unref();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#telling;
  }
}
