// The leader's election as a part of a daemon: made of the daemon's parts, counted and logged. What a
// leader does is its own matter: it asks `onLead`, or `leading` where it only looks now and then.
import type { Redis } from 'ioredis';
import { Elector, longestGapMs } from './leader/elector.ts';
import type { LeaderEmitter } from './leader/events.ts';
import { LeaseRecord } from './leader/lease-record.ts';
import type { Logger } from './log/logger.ts';
import type { LeaderMetrics } from './metrics/leader-metrics.ts';
import type { KeyStyle } from './redis/keys.ts';

export interface LeadingOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Names this process, and no other one ever. */
  readonly holder: string;
  readonly lifeMs: number;
  readonly metrics: LeaderMetrics;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** Resolves after the first try, also where the store does not answer. */
export async function startLeading(options: LeadingOptions): Promise<Elector> {
  const { holder, lifeMs } = options;
  const record = new LeaseRecord({ ...options, gapMs: longestGapMs(lifeMs) });
  const elector = new Elector({ record, holder, lifeMs });
  observeLeader(elector.events, options);
  await elector.start();
  return elector;
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeLeader(
  events: LeaderEmitter,
  { metrics, logger }: Pick<LeadingOptions, 'metrics' | 'logger'>,
): void {
  let isFailing = false;
  metrics.leader.set(0);
  events.on('began', (event) => {
    metrics.leader.set(1);
    metrics.leaderTerms.inc();
    logger.info('this daemon leads the cell', event);
  });
  events.on('ended', (event) => {
    metrics.leader.set(0);
    if (event.why === 'resigned') logger.info('this daemon leads the cell no longer', event);
    else logger.warn('this daemon leads the cell no longer', event);
  });
  events.on('answered', () => (isFailing = false));
  events.on('failed', ({ error }) => {
    metrics.leaderTryFailures.inc();
    if (!isFailing) logger.warn('the store does not say who leads; it is asked again', { error });
    isFailing = true;
  });
}
