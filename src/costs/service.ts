// The estimators' living parts as one part of a daemon: the thread that counts tokens, and what was
// learned of answers. Neither costs anything until somebody asks.
import type { Redis } from 'ioredis';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { Lengths } from './lengths.ts';
import { TokenCounter } from './token-counter.ts';

export interface EstimatorsOptions {
  readonly redis: Redis;
  readonly keyStyle: KeyStyle;
  /** Reads as the configuration in force. */
  readonly config: Pick<Config, 'scheduler' | 'estimates'>;
  readonly logger: Pick<Logger, 'warn'>;
}

export interface Estimators {
  readonly tokens: TokenCounter;
  readonly lengths: Lengths;
  stop(): Promise<void>;
}

/** Where the configuration uses `v2`, it has loaded what it needs ahead of the first request. */
export async function startEstimators(options: EstimatorsOptions): Promise<Estimators> {
  const { redis, keyStyle, config, logger } = options;
  const { cell } = config.scheduler;
  const tokens = new TokenCounter({
    limits: () => config.estimates,
    onFailed: (error) => logger.warn('the thread that counts tokens has failed', { error }),
  });
  const lengths = new Lengths({ redis, cell, keyStyle, config: () => config.estimates });
  await lengths.start();
  const { estimator, trial } = config.estimates;
  if (estimator === 'v2' || trial) {
    await tokens.start();
    // Without a store nothing is learned yet: the defaults serve.
    await lengths.tell().catch(() => undefined);
  }
  const stop = async (): Promise<void> => {
    await Promise.all([tokens.stop(), lengths.stop()]);
  };
  return { tokens, lengths, stop };
}
