// What was started, to be stopped in reverse order, once. One stop that fails does not keep the
// others from happening.

export class Cleanup {
  readonly #steps: (() => unknown)[] = [];
  #done: Promise<void> | undefined;

  /** Registers how to stop what has just been, or is about to be, started. */
  add(stop: () => unknown): void {
    this.#steps.push(stop);
  }

  /** Idempotent. Rejects with the first failure after every step has run. */
  run(): Promise<void> {
    this.#done ??= this.#runAll();
    return this.#done;
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
