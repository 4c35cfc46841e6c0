// The secret that signs the cell's lease tokens: made by the first daemon, kept in the cell, and
// given back to a cell that has lost it by whoever still knows it. It never leaves the store and
// the memory of daemons.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { openToken, sealToken, type LeaseClaims } from './lease-token.ts';

export interface TokenSecretOptions {
  readonly redis: Redis;
  /** The HASH of the cell. */
  readonly key: string;
  readonly events: SchedulerEmitter;
}

const FIELD = 'token_secret';
const BYTES = 32;
/** Of a cell that has lost its data, another daemon may have made a new one first. */
const REMEMBERED = 4;

export class TokenSecret implements Service {
  readonly #options: TokenSecretOptions;
  /** Newest first; tokens of the older ones are still good. */
  #known: readonly string[] = [];

  constructor(options: TokenSecretOptions) {
    this.#options = options;
  }

  readonly seal = (claims: LeaseClaims): string | undefined => {
    const [newest] = this.#known;
    return newest === undefined ? undefined : sealToken(claims, newest);
  };

  /** Undefined for a token that this cell has not signed, as far as is known here. */
  open(token: string): LeaseClaims | undefined {
    return openToken(token, this.#known);
  }

  async start(): Promise<void> {
    this.#options.events.on('recovery', this.#shareAgain);
    await this.#share();
  }

  stop(): Promise<void> {
    this.#options.events.off('recovery', this.#shareAgain);
    return Promise.resolve();
  }

  readonly #shareAgain = (): void => {
    // The next recovery shares it again; until then this daemon signs and reads with what it knows.
    this.#share().catch(() => undefined);
  };

  async #share(): Promise<void> {
    const { redis, key } = this.#options;
    const own = this.#known[0] ?? randomBytes(BYTES).toString('base64url');
    await redis.hsetnx(key, FIELD, own);
    const stored = (await redis.hget(key, FIELD)) ?? own;
    const others = this.#known.filter((secret) => secret !== stored);
    this.#known = [stored, ...others].slice(0, REMEMBERED);
  }
}
