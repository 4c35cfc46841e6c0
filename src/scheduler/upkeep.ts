// What a daemon does for the cell without being asked: it removes old libraries when it starts, ticks
// now and then under all other ticks, which reaps in idleness, and audits.
import type { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { dropOtherVersions } from '../redis/script.ts';
import type { Scripts } from '../redis/scripts.ts';
import { audit } from './inspect.ts';
import type { InspectSource } from './inspect.ts';

export interface UpkeepOptions extends InspectSource {
  readonly reap: () => Promise<unknown>;
  readonly extendPeriods: () => Promise<void>;
  readonly scripts: Scripts;
  readonly events: SchedulerEmitter;
  readonly reapIntervalMs: number;
  readonly auditIntervalMs: number;
}

/** Part of the interval by which ticks are spread, so that daemons do not tick together. */
const JITTER = 0.2;
const DAY_MS = 86_400_000;
/** The store waits while an audit looks: a daemon's own looks at no more leases than this. */
const OWN_AUDIT_MOST = 20_000;

export class Upkeep implements Service {
  readonly #options: UpkeepOptions;
  #tickTimer: NodeJS.Timeout | undefined;
  #auditTimer: NodeJS.Timeout | undefined;
  #periodTimer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { redis, scripts } = this.#options;
    // Forbidden to some users of a shared Redis, and not needed.
    await dropOtherVersions(redis, Object.values(scripts)).catch(() => undefined);
    const { extendPeriods } = this.#options;
    await extendPeriods();
    this.#periodTimer = setInterval(() => {
      extendPeriods().catch(() => undefined);
    }, DAY_MS).unref();
    this.#tickLater();
    this.#auditTimer = setInterval(() => void this.#audit(), this.#options.auditIntervalMs).unref();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#tickTimer);
    clearInterval(this.#auditTimer);
    clearInterval(this.#periodTimer);
    return Promise.resolve();
  }

  #tickLater(): void {
    const { reapIntervalMs, reap } = this.#options;
    const delay = reapIntervalMs * (1 + JITTER * (Math.random() - 0.5));
    this.#tickTimer = setTimeout(() => {
      void reap()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isStopped) this.#tickLater();
        });
    }, delay).unref();
  }

  async #audit(): Promise<void> {
    try {
      const { differences } = await audit(this.#options, OWN_AUDIT_MOST);
      this.#options.events.emit('audited', { differences: differences.length });
    } catch {
      // The store is away: storeError has told, and the next audit will look again.
    }
  }
}
