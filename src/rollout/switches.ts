// The big switch of each pool: `enforce`, where every request needs a slot; `observe`, where slots
// are decided and counted and nobody is refused; `off`, where nobody asks for a slot. The last two
// may be for a part of the requests, and are windows in which overselling is possible.
import { z } from 'zod';
import { bucketOf } from '../core/bucket.ts';
import type { RolloutEmitter } from './events.ts';
import type { Policies } from './policies.ts';

export const SCHEDULINGS = ['enforce', 'observe', 'off'] as const;
export type Scheduling = (typeof SCHEDULINGS)[number];

export const percentSchema = z.number().min(0).max(100);

const storedSchema = z.object({
  scheduling: z.enum(SCHEDULINGS),
  percent: percentSchema,
  changedAt: z.iso.datetime(),
});

/** How a pool is scheduled, and for which percentage of its requests; the others are enforced. */
export interface Switch {
  readonly scheduling: Scheduling;
  readonly percent: number;
  /** ISO 8601; undefined for a pool that nobody has switched. */
  readonly changedAt?: string | undefined;
}

const PREFIX = 'switch:';
const ENFORCED: Switch = { scheduling: 'enforce', percent: 100 };

export interface SwitchesOptions {
  readonly policies: Policies;
  readonly events: RolloutEmitter;
  /** Ms since any moment; tests give their own. */
  readonly nowMs?: () => number;
}

export class Switches {
  readonly #policies: Policies;
  readonly #events: RolloutEmitter;
  readonly #nowMs: () => number;
  /** Those that do not enforce all. */
  #open: ReadonlyMap<string, Switch> = new Map();
  #toldAtMs: number;

  constructor({ policies, events, nowMs = () => performance.now() }: SwitchesOptions) {
    this.#policies = policies;
    this.#events = events;
    this.#nowMs = nowMs;
    this.#toldAtMs = nowMs();
    policies.onChange((entries) => this.#adopt(entries));
  }

  /** For one request, by what stays the same for it. */
  schedulingOf(pool: string, stableKey: string): Scheduling {
    const found = this.#open.size === 0 ? undefined : this.#open.get(pool);
    if (found === undefined) return 'enforce';
    return bucketOf(PREFIX + pool, stableKey) < found.percent ? found.scheduling : 'enforce';
  }

  of(pool: string): Switch {
    const text = this.#policies.entries.get(PREFIX + pool);
    return (text === undefined ? undefined : readSwitch(text)) ?? ENFORCED;
  }

  /** In force on this daemon when it resolves, and on the others within a second. */
  async set(pool: string, { scheduling, percent }: Switch): Promise<void> {
    const changedAt = new Date().toISOString();
    const text = JSON.stringify({ scheduling, percent, changedAt });
    await this.#policies.change(PREFIX + pool, () => text);
  }

  /** Tells how long windows have been open since it was last asked. */
  tellWindows(): void {
    const nowMs = this.#nowMs();
    const seconds = (nowMs - this.#toldAtMs) / 1000;
    this.#toldAtMs = nowMs;
    for (const [pool, { scheduling }] of this.#open) {
      this.#events.emit('window', { pool, scheduling, seconds });
    }
  }

  #adopt(entries: ReadonlyMap<string, string>): void {
    this.tellWindows();
    const before = this.#open;
    const found = [...entries].flatMap(([name, text]) => {
      const one = name.startsWith(PREFIX) ? readSwitch(text) : undefined;
      const isOpen = one !== undefined && one.scheduling !== 'enforce' && one.percent > 0;
      return isOpen ? [[name.slice(PREFIX.length), one] as const] : [];
    });
    this.#open = new Map(found);
    for (const pool of new Set([...before.keys(), ...this.#open.keys()])) {
      const { scheduling, percent } = this.#open.get(pool) ?? ENFORCED;
      const was = before.get(pool) ?? ENFORCED;
      if (was.scheduling === scheduling && was.percent === percent) continue;
      this.#events.emit('switched', { pool, scheduling, percent });
    }
  }
}

/** Undefined for what cannot be read: such a pool is enforced. */
function readSwitch(text: string): Switch | undefined {
  try {
    return storedSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
