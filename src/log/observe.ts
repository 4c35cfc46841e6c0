// Which of the heart's events are worth a line, and how often. A store that is down fails every
// call, so its line is written once an interval with the number of calls that it stands for.
import type { SchedulerEmitter } from '../core/events.ts';
import type { Logger } from './logger.ts';

const STORE_ERROR_INTERVAL_MS = 5000;

/** Subscribes for the life of the emitter, which is the daemon's. */
export function logScheduler(events: SchedulerEmitter, logger: Logger): void {
  events.on('lost', (event) => logger.warn('a held lease was lost; its work was aborted', event));
  events.on('releaseFailed', (event) => {
    logger.warn('a release was not confirmed; the reaper will free the slot', event);
  });
  events.on('reaped', (event) => {
    logger.warn('slots of holders that neither renewed nor released were taken back', event);
  });
  events.on('overage', (event) => logger.warn('leases were registered above a limit', event));
  events.on('corrupt', (event) => logger.warn('undecodable records were set aside', event));
  events.on('recovery', (event) => {
    logger.warn('the store lost data: leases are being registered again', event);
  });
  events.on('migrated', (event) => logger.warn('the cell has a new layout', event));
  events.on('outage', (event) => logger.warn('the store could not serve for a while', event));
  events.on('localModeBegan', () => {
    logger.error('the store is away: shares of the accounts are granted without it');
  });
  events.on('localModeEnded', (event) => {
    logger.warn('the store is back: what was granted without it is being registered', event);
  });
  events.on('audited', (event) => {
    if (event.differences > 0) logger.error('an audit found differences', event);
  });
  events.on('health', (event) => {
    if (event.change === 'disabled') logger.error('an account is of no use any more', event);
    else logger.warn('the health of an account has changed', event);
  });
  events.on('budgetWarning', (event) => logger.warn('a budget passed its warning', event));
  logStoreErrors(events, logger);
}

function logStoreErrors(events: SchedulerEmitter, logger: Logger): void {
  let lastLineAtMs = -Infinity;
  let unreported = 0;
  events.on('storeError', ({ error }) => {
    unreported += 1;
    const nowMs = performance.now();
    if (nowMs - lastLineAtMs < STORE_ERROR_INTERVAL_MS) return;
    logger.warn('the store failed', { calls: unreported, error });
    lastLineAtMs = nowMs;
    unreported = 0;
  });
}
