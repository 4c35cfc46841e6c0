// Turns the heart's events into counters and histograms. It reads nothing and decides nothing.
import { msToSeconds } from '../core/units.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import type { Labels } from './labels.ts';
import type { Metrics } from './registry.ts';

export interface Observer {
  readonly metrics: Metrics;
  readonly labels: Labels;
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeScheduler(events: SchedulerEmitter, { metrics, labels }: Observer): void {
  events.on('granted', ({ target, replayed, sticky }) => {
    if (sticky !== undefined && !replayed) metrics.sessionGrants.inc({ result: sticky });
    const result = replayed ? 'replayed' : 'granted';
    metrics.decisions.inc({ pool: labels.pool(target.pool), result, reason: 'none' });
  });
  events.on('denied', ({ target, reason }) => {
    metrics.decisions.inc({ pool: labels.pool(target.pool), result: 'denied', reason });
  });
  events.on('released', ({ target, outcome, heldMs }) => {
    const pool = labels.pool(target.pool);
    metrics.releases.inc({ pool, outcome });
    metrics.leaseHeldSeconds.observe({ pool }, msToSeconds(heldMs));
  });
  events.on('moved', ({ left, outcome }) => {
    metrics.releases.inc({ pool: labels.pool(left.pool), outcome });
  });
  events.on('health', ({ change }) => metrics.healthChanges.inc({ change }));
  events.on('dequeued', ({ target, how, ms }) => {
    const pool = labels.pool(target.pool);
    if (how === 'granted') metrics.handOffs.inc({ pool });
    metrics.queueWaitSeconds.observe({ pool, result: how }, msToSeconds(ms));
  });
  events.on('budgetWarning', () => metrics.budgetWarnings.inc());
  events.on('tick', ({ operations, seconds }) => {
    metrics.tickOperations.observe({}, operations);
    metrics.tickSeconds.observe({}, seconds);
  });
  events.on('lost', () => metrics.leasesLost.inc());
  events.on('releaseFailed', () => metrics.releaseFailures.inc());
  events.on('reaped', ({ slots }) => metrics.slotsReaped.inc(slots));
  events.on('overage', ({ slots }) => metrics.overage.inc(slots));
  events.on('corrupt', ({ records }) => metrics.corruptRecords.inc(records));
  events.on('storeError', () => metrics.storeErrors.inc());
  events.on('outage', ({ cause, seconds }) => {
    metrics.outages.inc({ reason: cause });
    metrics.outageSeconds.inc({ reason: cause }, seconds);
  });
  events.on('grantedLocally', () => metrics.localGrants.inc());
  events.on('localModeEnded', ({ seconds }) => metrics.localSeconds.inc(seconds));
  events.on('recovery', () => metrics.recoveries.inc());
  events.on('audited', ({ differences }) => metrics.auditDifferences.set(differences));
}
