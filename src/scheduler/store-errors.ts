// What a failed call to Redis means for a batch, and waiting for Redis to come back.
import type { Redis } from 'ioredis';

/**
 * `transient`: ask again, the batch may or may not have been executed. `out_of_memory`: it was
 * not executed. `defect`: the script itself failed; asking again would fail again.
 */
export type StoreErrorKind = 'transient' | 'out_of_memory' | 'defect';

const TRANSIENT_REPLIES =
  /^(LOADING|BUSY|UNKILLABLE|READONLY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|MOVED|ASK|NOREPLICAS|MISCONF|NOSCRIPT)\b/;
const PAUSE_MS = 20;

export function storeErrorKind(error: unknown): StoreErrorKind {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (message.includes('OOM command not allowed')) return 'out_of_memory';
  const isReply = name === 'ReplyError' || message.startsWith('script ');
  return isReply && !TRANSIENT_REPLIES.test(message) ? 'defect' : 'transient';
}

/** True once a repeat makes sense; false when `deadline` (performance.now()) comes first. */
export async function whenReady(redis: Redis, deadline: number): Promise<boolean> {
  const left = deadline - performance.now();
  if (left <= 0 || redis.status === 'end') return false;
  if (redis.status === 'ready') {
    await new Promise((resolve) => setTimeout(resolve, Math.min(PAUSE_MS, left)));
    return performance.now() < deadline;
  }
  return new Promise((resolve) => {
    const done = (isReady: boolean): void => {
      clearTimeout(timer);
      redis.off('ready', onReady);
      redis.off('end', onEnd);
      resolve(isReady);
    };
    const onReady = (): void => done(true);
    const onEnd = (): void => done(false);
    const timer = setTimeout(done, left, false);
    redis.once('ready', onReady);
    redis.once('end', onEnd);
  });
}
