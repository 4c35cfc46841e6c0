// The leader's lease as the store keeps it: one script decides every try (lua/leader.lua). It sends
// along the highest term and beat that this daemon has seen, so that a store which has lost writes is
// found out. When to try, and for how long an answer counts, is elector.ts's matter.
import type { Redis } from 'ioredis';
import { assemble, type AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';

export interface LeaseRecordOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Names this daemon, and no other one ever. */
  readonly holder: string;
  readonly lifeMs: number;
  /** Between two tries of any daemons; after a longer one the store's clock is not believed. */
  readonly gapMs: number;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

export type Standing =
  | { readonly kind: 'leads'; readonly term: number }
  /** `holder` is empty where nobody leads. */
  | { readonly kind: 'follows'; readonly term: number; readonly holder: string };

export class LeaseRecord {
  readonly #options: LeaseRecordOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  #term = 0;
  #beat = 0;

  constructor(options: LeaseRecordOptions) {
    this.#options = options;
    const { cell, keyStyle } = options;
    this.#script = assemble('leader.lua');
    this.#bound = bindKeys(this.#script, { leader: cellKeys(cell, keyStyle).leader });
  }

  /**
   * Renews the lease of term `holding`, or takes a free one; 0 for a daemon that does not lead.
   * Rejects as the store does: the lease may have been taken or renewed all the same.
   */
  try(holding: number): Promise<Standing> {
    return this.#call('leader_try', holding);
  }

  /** Frees the lease, where it is this daemon's. */
  async resign(): Promise<void> {
    await this.#call('leader_resign', 0);
  }

  async #call(entry: string, holding: number): Promise<Standing> {
    const { redis, holder, lifeMs, gapMs, clock } = this.#options;
    const head = Buffer.alloc(48);
    [lifeMs, gapMs, clock?.() ?? -1, holding, this.#term, this.#beat].forEach((value, i) => {
      head.writeDoubleLE(value, 8 * i);
    });
    const reply = await callScript(redis, this.#script, entry, this.#bound, [head, holder]);
    return this.#read(reply as readonly [Buffer, number, number, Buffer?]);
  }

  #read([kind, term, beat, holder]: readonly [Buffer, number, number, Buffer?]): Standing {
    this.#term = Math.max(this.#term, term);
    this.#beat = Math.max(this.#beat, beat);
    if (String(kind) === 'leads') return { kind: 'leads', term };
    return { kind: 'follows', term, holder: String(holder ?? '') };
  }
}
