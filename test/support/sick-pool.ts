// A proxy before several upstreams: accounts that are tried in the order in which they are given here,
// each at an origin of its own, all in the pool `openai`.
import { expect } from 'vitest';
import type { FailedAttempt } from '../../src/gateway/events.ts';
import { eventually } from './eventually.ts';
import {
  startGateway,
  UPSTREAM_KEY,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway.ts';
import type { TestRedis } from './redis.ts';

/** Short, for upstreams that hang. */
const TIMEOUTS = { connectTimeoutMs: 200, headersTimeoutMs: 300, idleTimeoutMs: 300 };

export interface SickPoolOptions extends Omit<TestGatewayOptions, 'upstream' | 'file'> {
  /** Options of the pool. */
  readonly pool?: Readonly<Record<string, unknown>>;
  /** More of the configuration. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Account → origin. An account of the name `b/x` is `x` of a pool `b`. */
export async function aSickPool(
  store: TestRedis,
  origins: Readonly<Record<string, string>>,
  { pool, more, ...options }: SickPoolOptions = {},
): Promise<TestGateway> {
  const pools: Record<string, { accounts: unknown[] }> = {};
  for (const [index, [account, origin]] of Object.entries(origins).entries()) {
    const [name = '', poolName = 'openai'] = account.split('/').reverse();
    const settings = { credential: UPSTREAM_KEY, models: ['gpt-4'], timeouts: TIMEOUTS, ...pool };
    pools[poolName] ??= { ...settings, accounts: [] };
    pools[poolName].accounts.push({
      name,
      maxConcurrency: options.slots ?? 2,
      priority: index,
      baseUrl: `${origin}/v1`,
    });
  }
  const targets = Object.keys(pools).map((name) => ({ pool: name, model: 'gpt-4' }));
  const file = { pools, routes: { 'gpt-4': { targets } }, ...more };
  return await startGateway(store, { ...options, upstream: 'http://unused', file });
}

/** What is expected of an attempt in the pool `openai` that was followed by another one. */
export function failed(account: string, outcome: string, sign: string): FailedAttempt {
  return { pool: 'openai', account, outcome, sign } as FailedAttempt;
}

/** The one request that was served is over, and so is all that it held. */
export async function expectOver(proxy: TestGateway, facts: object): Promise<void> {
  await eventually(async () => {
    expect(proxy.finished).toHaveLength(1);
    expect(await proxy.inFlight()).toBe(0);
    expect(proxy.scheduler.held()).toBe(0);
  });
  expect(proxy.finished[0]).toMatchObject(facts);
}
