// What tests of crashes ask of a cell from outside: requests that hold slots, what the store counts,
// and the proof that it is at rest.
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import type { KeyStyle } from '../../src/redis/keys.ts';
import { readLease } from '../../src/redis/records.ts';
import { audit, readCounters } from '../../src/scheduler/inspect.ts';

export interface ObservedCell {
  readonly redis: Redis;
  readonly cell: string;
  /** `plain` by default. */
  readonly keyStyle?: KeyStyle;
}

/** One chat completion; `directive` tells the simulated upstream how to behave. */
export async function chat(url: string, directive = ''): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4',
      messages: [{ role: 'user', content: `Hello ${directive}` }],
    }),
  });
  await response.text();
  return response.status;
}

/** So many requests at once; 0 stands for one whose daemon went away. */
export function chats(url: string, count: number, directive: string): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => chat(url, directive).catch(() => 0)));
}

/** Keeps so many requests under way until it is told to stop; then all statuses in their order. */
export function keepChatting(url: string, concurrency: number, directive: string) {
  const statuses: number[] = [];
  let isStopping = false;
  const loop = async (): Promise<void> => {
    while (!isStopping) statuses.push(await chat(url, directive).catch(() => 0));
  };
  const ended = Promise.all(Array.from({ length: concurrency }, loop));
  const stop = async (): Promise<readonly number[]> => {
    isStopping = true;
    await ended;
    return statuses;
  };
  return { statuses, stop };
}

/** The counter of gpt-4, as `redis-cli GET` reads it. */
export async function inFlight({ redis, cell }: ObservedCell): Promise<number> {
  const key = cellKeys(cell).concurrency({ pool: 'openai', model: 'gpt-4' });
  return Number(await redis.get(key));
}

/** When the stored leases expire, as cell time in ms. */
export async function expiries({ redis, cell }: ObservedCell): Promise<number[]> {
  const records = Object.entries(await redis.hgetallBuffer(cellKeys(cell).requests));
  return records.flatMap(([, raw]) => readLease(raw)?.expiresAtMs ?? []);
}

/** Nothing is held, every counter reads 0, and no structure contradicts another. */
export async function expectAtRest(observed: ObservedCell): Promise<void> {
  const source = { keyStyle: 'plain', ...observed } as const;
  const { accounts, models, leases } = await readCounters(source);
  expect(leases).toBe(0);
  expect(accounts.filter((account) => account.inFlight !== 0)).toEqual([]);
  expect(models.filter((model) => model.inFlight !== 0)).toEqual([]);
  expect((await audit(source)).differences).toEqual([]);
}

/** The value of a metric without labels. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}
