// What features have told and the store has not taken yet: one after the other, in their order, for
// as long as the store is away. Bounded: beyond it the least urgent, oldest ones are given up.
import type { Told } from './alert.ts';
import type { OutboxEmitter } from './events.ts';

export interface IntakeOptions {
  /** Rejects where the store cannot take it; then it is called with the same again. */
  readonly put: (told: Told) => Promise<void>;
  readonly events: OutboxEmitter;
  readonly retryMs: number;
}

const MOST_KEPT = 1000;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #kept: Told[] = [];
  #draining: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Never throws and never waits. */
  take(told: Told): void {
    if (this.#isStopped) return;
    this.#kept.push(told);
    if (this.#kept.length > MOST_KEPT) this.#giveOneUp();
    if (this.#timer === undefined) void this.flush();
  }

  /** Resolves when the store has all that was taken before, or could not take one of them. */
  flush(): Promise<void> {
    this.#draining ??= this.#drain().finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  /** Tries once more, so that a daemon which ends in peace leaves nothing behind. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.flush();
    clearTimeout(this.#timer);
  }

  async #drain(): Promise<void> {
    const { put, events, retryMs } = this.#options;
    for (let told = this.#kept[0]; told !== undefined; told = this.#kept[0]) {
      try {
        await put(told);
      } catch (error) {
        events.emit('storeFailed', { error: asError(error), kept: this.#kept.length });
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          void this.flush();
        }, retryMs).unref();
        return;
      }
      const at = this.#kept.indexOf(told);
      if (at >= 0) this.#kept.splice(at, 1);
    }
  }

  #giveOneUp(): void {
    const least = this.#kept.reduce((worst, told) =>
      told.alert.severity > worst.alert.severity ? told : worst,
    );
    this.#kept.splice(this.#kept.indexOf(least), 1);
    const { name, severity } = least.alert;
    this.#options.events.emit('givenUp', { name, severity, reason: 'memory_full' });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
