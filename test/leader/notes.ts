// Writes of leaders for tests, behind the fence: one list that tells in which order which tenures
// wrote.
import type { Redis } from 'ioredis';
import type { Tenure } from '../../src/core/tenure.ts';
import { assemble } from '../../src/redis/assemble.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { bindKeys, callScript } from '../../src/redis/script.ts';

const SCRIPT = assemble('../test/leader/lua/fenced_note.lua');

export class Notes {
  readonly #redis: Redis;
  readonly #keys: { readonly leader: string; readonly notes: string };

  constructor(redis: Redis, cell: string) {
    this.#redis = redis;
    this.#keys = { leader: cellKeys(cell).leader, notes: `test:{${cell}}:notes` };
  }

  /** Whether it was written. */
  async write({ holder, term }: Tenure): Promise<boolean> {
    const bound = bindKeys(SCRIPT, this.#keys);
    const words = [holder, String(term)];
    const reply = await callScript(this.#redis, SCRIPT, 'fenced_note', bound, words);
    return String((reply as readonly Buffer[])[0]) === 'noted';
  }

  async all(): Promise<readonly string[]> {
    return await this.#redis.lrange(this.#keys.notes, 0, -1);
  }

  async clear(): Promise<void> {
    await this.#redis.del(this.#keys.notes);
  }
}

/** Tenures that wrote after another one had written in between: each is a write that came late. */
export function lateWrites(notes: readonly string[]): readonly string[] {
  const turns = notes.filter((note, i) => note !== notes[i - 1]);
  return turns.filter((note, i) => turns.indexOf(note) !== i);
}
