// Sees to batches: takes those that are due, one daemon each, and does what there is to do. A daemon
// that dies leaves what it has taken to the others after a while. What is to be done is steps.ts's.
import type { Service } from '../core/service.ts';
import { attend, type StepParts } from './steps.ts';

export interface KeeperOptions extends StepParts {
  /** The store could not serve, or a step failed; it is done again. */
  readonly onError: (error: unknown) => void;
}

/** Batches that one daemon works on at once. */
const AT_ONCE = 4;
/** A batch stays with whoever took it for so many looks without a word. */
const HOLD_LOOKS = 5;

export class Keeper implements Service {
  readonly #options: KeeperOptions;
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isAsked = false;
  #isStopped = true;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    this.#isStopped = false;
    this.look();
    return Promise.resolve();
  }

  /** What is under way is done to its end: no step is long. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await Promise.all(this.#running);
  }

  /** Looks at once, and from then on by the interval again. Never throws. */
  look(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#isAsked = true;
    this.#looking ??= this.#lookAround().finally(() => {
      this.#looking = undefined;
      if (this.#isStopped) return;
      this.#timer = setTimeout(() => this.look(), this.#options.config().lookMs);
      this.#timer.unref();
    });
  }

  async #lookAround(): Promise<void> {
    const { files, onError } = this.#options;
    try {
      while (this.#isAsked) {
        this.#isAsked = false;
        await this.#takeAll();
      }
      await files.expire();
    } catch (error) {
      onError(error);
    }
  }

  async #takeAll(): Promise<void> {
    const { store, config } = this.#options;
    while (this.#running.size < AT_ONCE && !this.#isStopped) {
      const taken = await store.take(HOLD_LOOKS * config().lookMs);
      if (taken === undefined) return;
      const running = this.#keep(taken.id, taken.nowMs).finally(() => {
        this.#running.delete(running);
        this.look();
      });
      this.#running.add(running);
    }
  }

  /** Never rejects: a batch whose step fails is due again when nobody holds it any more. */
  async #keep(id: string, nowMs: number): Promise<void> {
    const { store, config, onError } = this.#options;
    const forMs = HOLD_LOOKS * config().lookMs;
    const held = setInterval(() => void store.hold(id, forMs).catch(onError), forMs / 3);
    try {
      const batch = await store.find(undefined, id);
      if (batch === undefined) await store.drop(id);
      else {
        const next = await attend(batch, nowMs, this.#options);
        if (next !== undefined) await store.look(id, next.inMs, next.isFull);
      }
    } catch (error) {
      onError(error);
    } finally {
      clearInterval(held);
    }
  }
}
