// Connections to upstreams: a pool per origin, kept while the daemon lives. Where a call goes is
// decided by stored configuration and the fixed list of paths alone; redirects are not followed.
import { Pool } from 'undici';
import type { AccountConfig } from '../config/schema.ts';
import { UpstreamCall, type AnswerListener } from './call.ts';

export interface UpstreamRequest {
  readonly account: AccountConfig;
  /** Path below the account's base URL, from the fixed list. */
  readonly path: string;
  /** Flat names and values. */
  readonly headers: string[];
  readonly body: Buffer;
  /** Time in ms for which the listener may stay unable to take more. */
  readonly writeIdleTimeoutMs: number;
}

interface Destination {
  readonly pool: Pool;
  readonly basePath: string;
  /** The configured query, if any, with its question mark. */
  readonly query: string;
}

const MAX_ANSWER_HEADER_BYTES = 32 * 1024;

export class UpstreamClient {
  /** By origin and connect timeout. */
  readonly #pools = new Map<string, Pool>();
  readonly #destinations = new WeakMap<AccountConfig, Destination>();

  /** Starts a call; `listener` hears of it until it has ended, failed or was aborted. */
  send(request: UpstreamRequest, listener: AnswerListener): UpstreamCall {
    const { account, headers, body, writeIdleTimeoutMs } = request;
    const { pool, basePath, query } = this.#destinationOf(account);
    const call = new UpstreamCall(listener, { ...account.timeouts, writeIdleTimeoutMs });
    pool.dispatch(
      { method: 'POST', path: `${basePath}${request.path}${query}`, headers, body },
      call,
    );
    return call;
  }

  /** Idempotent. Cuts what still runs; nothing can be sent afterwards. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #destinationOf(account: AccountConfig): Destination {
    const known = this.#destinations.get(account);
    if (known !== undefined) return known;
    const { origin, pathname, search } = new URL(account.baseUrl);
    const pool = this.#poolOf(origin, account.timeouts.connectTimeoutMs);
    const destination = { pool, basePath: pathname.replace(/\/+$/, ''), query: search };
    this.#destinations.set(account, destination);
    return destination;
  }

  #poolOf(origin: string, connectTimeoutMs: number): Pool {
    const key = `${origin} ${connectTimeoutMs}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const pool = new Pool(origin, {
      // As many connections as there are slots: the scheduler limits, not the transport.
      connections: null,
      pipelining: 1,
      connectTimeout: connectTimeoutMs,
      maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
      // UpstreamCall keeps the time itself, to the millisecond.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#pools.set(key, pool);
    return pool;
  }
}
