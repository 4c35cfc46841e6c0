// What deferral tells, as counters; and where its jobs stand, read from the store for scrapes.
import type { DeferralEmitter } from '../deferral/events.ts';
import type { JobOutcome } from '../deferral/job.ts';
import type { Depths } from '../deferral/listing.ts';
import type { Deferral } from '../deferral/service.ts';
import { msToSeconds } from '../core/units.ts';
import { NOT_CONFIGURED, OWN_TROUBLES } from '../gateway/deferred.ts';
import { OBSTACLES } from '../gateway/obstacle.ts';
import type { DeferralMetrics } from '../metrics/deferral-metrics.ts';

const ENDS: readonly JobOutcome['kind'][] = ['answered', 'failed', 'expired', 'cancelled'];

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeDeferral(
  events: DeferralEmitter,
  { metrics, stages }: { readonly metrics: DeferralMetrics; readonly stages: readonly string[] },
): void {
  beginAtZero(metrics, stages);
  events.on('parked', ({ stage, reason }) => {
    metrics.deferredParked.inc({ stage, reason: reasonClass(reason) });
  });
  events.on('deferred', ({ stage, reason }) => {
    metrics.deferredAgain.inc({ stage, reason: reasonClass(reason) });
  });
  events.on('ended', ({ stage, kind, ageMs }) => {
    metrics.deferredEnded.inc({ stage, result: kind });
    metrics.deferredAge.observe({ stage }, msToSeconds(ageMs));
  });
  events.on('failed', ({ stage }) => metrics.deferredFailures.inc({ stage }));
  events.on('drained', ({ stage, count }) => metrics.deferredDrained.inc({ stage }, count));
  events.on('refused', ({ stage }) => metrics.deferredRefused.inc({ stage }));
  events.on('webhookFailed', ({ givenUp }) => {
    metrics.deferredWebhookFailures.inc({ result: givenUp ? 'given_up' : 'again' });
  });
}

/** A rate of the first one would be missed otherwise. */
function beginAtZero(metrics: DeferralMetrics, stages: readonly string[]): void {
  for (const stage of stages) {
    for (const result of ENDS) metrics.deferredEnded.inc({ stage, result }, 0);
    metrics.deferredFailures.inc({ stage }, 0);
    metrics.deferredDrained.inc({ stage }, 0);
    metrics.deferredRefused.inc({ stage }, 0);
  }
  for (const result of ['again', 'given_up']) {
    metrics.deferredWebhookFailures.inc({ result }, 0);
  }
}

const INTERNAL = 'internal:';
const STATUS = /^Http[45]\d\d$/;

/** Of `<slot>_unavailable:<Error>` the error alone, and no word that we have not made ourselves. */
export function reasonClass(reason: string | undefined): string {
  if (reason === undefined) return 'none';
  if (reason.startsWith(INTERNAL)) return 'internal';
  const error = reason.slice(reason.lastIndexOf(':') + 1);
  const isOurs =
    OBSTACLES.has(error) ||
    OWN_TROUBLES.has(error) ||
    error === NOT_CONFIGURED ||
    STATUS.test(error);
  return isOurs ? error : 'other';
}

/** Brings the gauges up to date. Never rejects: what could not be read must not look current. */
export async function collectDeferral(
  deferral: Pick<Deferral, 'depths'>,
  { metrics, maxDepth }: { readonly metrics: DeferralMetrics; readonly maxDepth: number },
): Promise<void> {
  const depths = await deferral.depths().catch(() => undefined);
  metrics.deferredJobs.reset();
  metrics.deferredOldest.reset();
  for (const { stage, waiting, ready, oldestSubmittedAtMs } of depths?.stages ?? []) {
    metrics.deferredJobs.set({ stage, state: 'waiting' }, waiting);
    metrics.deferredJobs.set({ stage, state: 'ready' }, ready);
    const ageMs = oldestSubmittedAtMs === undefined ? 0 : Date.now() - oldestSubmittedAtMs;
    metrics.deferredOldest.set({ stage }, msToSeconds(Math.max(0, ageMs)));
  }
  metrics.deferredRunning.set(depths?.running ?? NaN);
  metrics.deferredDead.set(depths?.dead ?? NaN);
  metrics.deferredRoom.set(depths === undefined ? NaN : Math.max(0, maxDepth - sumOf(depths)));
}

function sumOf({ stages, running, dead }: Depths): number {
  return stages.reduce((sum, { waiting, ready }) => sum + waiting + ready, running + dead);
}
