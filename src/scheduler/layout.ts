// The layout of what a cell keeps in Redis: its version is in the cell, and the steps from one to
// the next are here. Each step is one script that compares and sets the version, so daemons may
// race for it, and whoever comes after a crash goes on where it ended. Going back is not offered.
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { assemble, type AssembledScript } from '../redis/assemble.ts';
import type { CellKeys } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import { keyLists, readRegistry, scriptKeys } from './registry.ts';

export interface Migration {
  /** Also the name of the script's entry. */
  readonly name: string;
  /** Made when a cell needs it: most daemons never do. */
  readonly script: () => AssembledScript;
}

/** In order: the n-th leads to layout n. Steps are never changed or taken out once released. */
export const MIGRATIONS: readonly Migration[] = [
  { name: 'number_layouts', script: () => assemble('migrations/number_layouts.lua') },
];

/** Names appear in logs and in tools that show 32 characters. */
const NAME_PATTERN = /^[a-z][a-z0-9_]{0,31}$/;

/** Throws for a list that cannot be right: the mistake of whoever has changed it. */
export function checkMigrations(migrations: readonly Migration[]): void {
  const seen = new Set<string>();
  for (const { name } of migrations) {
    if (NAME_PATTERN.test(name) && !seen.has(name)) seen.add(name);
    else throw new Error(`migration ${name}: names are unique, snake_case, at most 32 characters`);
  }
}

export interface LayoutOptions {
  readonly redis: Redis;
  readonly keys: CellKeys;
  readonly events: Pick<SchedulerEmitter, 'emit'>;
  /** Tests give their own. */
  readonly migrations?: readonly Migration[];
}

export class Layout {
  readonly #options: LayoutOptions;
  readonly #migrations: readonly Migration[];

  constructor(options: LayoutOptions) {
    this.#options = options;
    this.#migrations = options.migrations ?? MIGRATIONS;
    checkMigrations(this.#migrations);
  }

  /**
   * Brings the cell to this daemon's layout; a cell that does not exist yet begins with it. Throws
   * `layout_newer` for a cell that a newer version has changed already.
   */
  async bring(): Promise<void> {
    for (let at = await this.#read(); at !== undefined && !this.isCurrent(at);) {
      at = await this.#step(at);
    }
  }

  /** Whether a cell of this layout can be served; throws `layout_newer`. */
  isCurrent(layout: number): boolean {
    const latest = this.#migrations.length;
    if (layout > latest) throw newer(layout, latest);
    return layout === latest;
  }

  /** Undefined for a cell that does not exist. */
  async #read(): Promise<number | undefined> {
    const { redis, keys } = this.#options;
    const [generation, layout] = await redis.hmget(keys.cell, 'generation', 'layout');
    return generation == null ? undefined : Number(layout ?? 0);
  }

  /** One call of the step from `from`; answers with the layout that the cell has then. */
  async #step(from: number): Promise<number> {
    const { redis, keys, events } = this.#options;
    const migration = this.#migrations[from];
    if (migration === undefined) throw newer(from, this.#migrations.length);
    const script = migration.script();
    const registry = await readRegistry(redis, keys);
    const bound = bindKeys(script, scriptKeys(keys), { ...keyLists(registry, keys) });
    const reply = await callScript(redis, script, migration.name, bound, [String(from)]);
    const [tag, layout] = reply as [Buffer, number | undefined];
    if (tag.toString() === 'migrated') {
      events.emit('migrated', { name: migration.name, layout: from + 1 });
    }
    return layout ?? from;
  }
}

function newer(layout: number, latest: number): AppError {
  return new AppError(
    'layout_newer',
    `A newer version of Slotkeeper has changed what this cell keeps (layout ${layout}; this version ` +
      `knows up to ${latest}): replace this daemon by the newer version.`,
  );
}
