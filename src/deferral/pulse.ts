// When the store is looked at: every second, so that the fleet knows who works, and when the next job
// becomes due. Any daemon's look serves all.
import type { Beat } from './store.ts';

export interface PulseOptions {
  readonly beat: () => Promise<Beat>;
  /** Says that this daemon works no more. */
  readonly lastBeat: () => Promise<Beat>;
  /** These jobs are not to be run any more. */
  readonly onStop: (ids: readonly string[]) => void;
  readonly onError: (error: Error) => void;
}

const INTERVAL_MS = 1000;

export class Pulse {
  readonly #options: PulseOptions;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#beating = this.#beat();
    await this.#beating;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
    // Should it not arrive, the daemon is silent soon, and counts no more.
    await this.#options.lastBeat().catch(() => undefined);
  }

  async #beat(): Promise<void> {
    let waitMs = INTERVAL_MS;
    try {
      const beat = await this.#options.beat();
      this.#options.onStop(beat.toStop);
      waitMs = untilNext(beat);
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat();
    }, waitMs);
    this.#timer.unref();
  }
}

/** What is due and still there waits for room: that comes with the end of a job. */
function untilNext({ nowMs, nextAtMs = Infinity, more }: Beat): number {
  if (more) return 0;
  const waitMs = nextAtMs - nowMs;
  return waitMs <= 0 ? INTERVAL_MS : Math.min(INTERVAL_MS, waitMs);
}
