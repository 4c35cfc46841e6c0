// When cuts are tried: at once where an append made one due in this daemon, and once an interval for
// those that failed earlier or whose daemon died. Their times are in the store; nothing is remembered
// here but what is under way.
import type { Redis } from 'ioredis';
import { asAppError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { loadScripts } from '../redis/scripts.ts';
import { cutSession, type CuttingParts } from './cutting.ts';
import { claimMsOf } from './store.ts';

export interface CutterOptions extends CuttingParts {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly clock?: (() => number) | undefined;
}

export class Cutter implements Service {
  readonly #options: CutterOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: CutterOptions) {
    this.#options = options;
    this.#script = loadScripts().journal_due;
    const { journalSessions, journalDue } = cellKeys(options.cell, options.keyStyle);
    const keys = { journal_sessions: journalSessions, journal_due: journalDue };
    this.#bound = bindKeys(this.#script, keys);
  }

  start(): Promise<void> {
    this.#lookLater();
    return Promise.resolve();
  }

  /** Breaks off what is under way: it stays due. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  /** Cuts that are under way here. */
  get running(): number {
    return this.#running.size;
  }

  /** Tries one now, unless that is under way here or too many are: then it is found due later. */
  try(session: string): void {
    const { config } = this.#options;
    if (this.#stopping.signal.aborted || this.#running.has(session)) return;
    if (this.#running.size >= config().concurrency) return;
    const done = this.#cut(session).finally(() => this.#running.delete(session));
    this.#running.set(session, done);
  }

  /** Resolves when all that is due has been tried, as far as there is room. Never rejects. */
  async look(): Promise<void> {
    try {
      const due = await this.#claim();
      for (const session of due) this.try(session);
    } catch (error) {
      this.#options.events.emit('cutFailed', { error: asAppError(error) });
    }
  }

  /** Resolves when nothing is under way here. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #cut(session: string): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (!signal.aborted) {
        if ((await cutSession(session, this.#options, signal)) !== 'again') return;
      }
    } catch (error) {
      if (!signal.aborted) this.#options.events.emit('cutFailed', { error: asAppError(error) });
    }
  }

  #lookLater(): void {
    const { lookMs } = this.#options.config();
    // Jittered by a fifth: daemons that started together do not look together.
    const pauseMs = lookMs * (0.9 + 0.2 * Math.random());
    this.#timer = setTimeout(() => {
      this.#looking = this.look().finally(() => this.#lookLater());
    }, pauseMs).unref();
  }

  /** No more than there is room for: what is claimed and not tried would be late. */
  async #claim(): Promise<readonly string[]> {
    const { redis, config, clock } = this.#options;
    const { concurrency, boundary, retentionMs } = config();
    const room = concurrency - this.#running.size;
    if (room <= 0 || boundary.route === undefined) return [];
    const numbers = [clock?.() ?? -1, room, claimMsOf(boundary), retentionMs];
    const head = Buffer.alloc(8 * numbers.length);
    numbers.forEach((number, i) => head.writeDoubleLE(number, 8 * i));
    const due = await callScript(redis, this.#script, 'journal_due', this.#bound, [head]);
    return (due as readonly Buffer[]).map(String);
  }
}
