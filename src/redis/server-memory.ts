// How full the server is that holds the cell. It reads, and judges nothing.
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';

export interface ServerMemory {
  readonly usedBytes: number;
  /** 0 where there is no limit. */
  readonly maxBytes: number;
}

/** Rejects as the store does, and where the server does not tell: some managed ones do not. */
export async function readServerMemory(redis: Redis): Promise<ServerMemory> {
  const text = await redis.info('memory');
  const numberOf = (name: string): number => {
    const value = Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
    if (Number.isNaN(value)) {
      throw new AppError('store_unavailable', `INFO memory does not tell ${name}.`);
    }
    return value;
  };
  return { usedBytes: numberOf('used_memory'), maxBytes: numberOf('maxmemory') };
}
