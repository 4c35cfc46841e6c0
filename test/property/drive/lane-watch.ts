// What a lane promises, read from the stored structures after every tick: it has an owner as long as
// anybody stands in it, and whoever stands in it has arrived behind who owns it, unless its daemon
// was silent meanwhile. That it has one holder at most is the audit's to say.
import { expect } from 'vitest';
import { CODES } from '../../../src/redis/codes.ts';
import type { Heart } from '../../support/heart.ts';

const { queued, parked, granted, preferring, laned, moving } = CODES.WAITING;
const STATES = Object.entries({ queued, parked, granted, preferring, laned, moving });
/** Bytes of an order. */
const ORDER = CODES.WAITERS.order;

const arrivalOf = (id: string): number => Number(id.split('/')[1]);

export class LaneWatch {
  /** Ids whose daemon was silent: they may have lost their places. */
  readonly #late = new Set<string>();

  async look({ redis, keys }: Heart, seen: Set<string>): Promise<void> {
    const waiters = await redis.hgetallBuffer(keys.waiters);
    for (const [id, raw] of Object.entries(waiters)) {
      if (raw[1] === parked) this.#late.add(id);
      for (const [name, state] of STATES) if (raw[1] === state) seen.add(`state ${name}`);
    }
    const owners = await redis.hgetall(keys.lanes);
    for (const member of await redis.zrangebylex(keys.line, '[s', '(t')) {
      const [lane = '', rest = ''] = member.slice(1).split('\t');
      const id = rest.slice(ORDER);
      const owner = owners[lane];
      expect(owner, `owner of ${lane}`).toBeDefined();
      if (owner === undefined || this.#late.has(id) || this.#late.has(owner)) continue;
      expect(arrivalOf(id), `${id} behind ${owner}`).toBeGreaterThanOrEqual(arrivalOf(owner));
    }
  }
}
