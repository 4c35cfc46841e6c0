// Operations that give something back (release, cancel) and that the store has not confirmed:
// asked again in the background until the lease that they end has expired by itself.
import type { Service } from '../core/service.ts';
import type { Operation } from './wire.ts';

const INTERVAL_MS = 250;

export class Unconfirmed implements Service {
  readonly #submit: (op: Operation) => Promise<unknown>;
  readonly #open = new Map<string, { readonly op: Operation; readonly until: number }>();
  #interval: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(submit: (op: Operation) => Promise<unknown>) {
    this.#submit = submit;
  }

  get size(): number {
    return this.#open.size;
  }

  start(): Promise<void> {
    this.#interval = setInterval(() => void this.#askAll(), INTERVAL_MS).unref();
    return Promise.resolve();
  }

  /** Asks once more for all that is open. */
  async stop(): Promise<void> {
    clearInterval(this.#interval);
    await this.#askAll();
  }

  add(op: Operation, forMs: number): void {
    this.#open.set(op.id, { op, until: performance.now() + forMs });
  }

  /** Asks at once, and goes on asking until it is confirmed. */
  askNow(op: Operation, forMs: number): void {
    this.add(op, forMs);
    const entry = this.#open.get(op.id);
    if (entry !== undefined) void this.#ask(op.id, entry);
  }

  async #askAll(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await Promise.all([...this.#open].map(([id, entry]) => this.#ask(id, entry)));
    } finally {
      this.#isAsking = false;
    }
  }

  async #ask(id: string, entry: { readonly op: Operation; readonly until: number }): Promise<void> {
    if (performance.now() >= entry.until) {
      this.#open.delete(id);
      return;
    }
    try {
      await this.#submit(entry.op);
      this.#open.delete(id);
    } catch {
      // The next round asks again.
    }
  }
}
