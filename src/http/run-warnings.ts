// Warns of what keeps requests from their runs, and from being parked, at most once a minute each: a
// caller that sends the wrong form sends it with every request. The session's id itself is never written.
import type { GatewayEmitter } from '../gateway/events.ts';
import type { LogFields, Logger } from '../log/logger.ts';

const INTERVAL_MS = 60_000;

/** Subscribes for the life of the emitter, which is the daemon's. */
export function warnOfRuns(
  events: GatewayEmitter,
  logger: Logger,
  now: () => number = () => performance.now(),
): void {
  const warnOfSession = seldom(now, (requests, fields) => {
    const message = 'a session id does not have the form of runs.sessionPattern: it gives no run';
    logger.warn(message, { requests, ...fields });
  });
  const warnOfMemory = seldom(now, (requests, fields) => {
    logger.warn('the provider of a run could not be remembered', { requests, ...fields });
  });
  events.on('sessionWithoutRun', ({ source }) => warnOfSession({ source }));
  events.on('runNotRemembered', ({ error }) => warnOfMemory({ error }));
}

/** Subscribes for the life of the emitter, which is the daemon's. Who is full says so itself. */
export function warnOfParking(
  events: GatewayEmitter,
  logger: Logger,
  now: () => number = () => performance.now(),
): void {
  const warn = seldom(now, (requests, fields) => {
    const message = 'a request could not be parked, and got its ordinary answer or error';
    logger.warn(message, { requests, ...fields });
  });
  events.on('notParked', ({ stage, error }) => {
    if (error !== undefined) warn({ stage, error });
  });
}

type Warn = (requests: number, fields: LogFields) => void;

/** Warns at once, then once an interval with the number of requests that the line stands for. */
function seldom(now: () => number, warn: Warn): (fields: LogFields) => void {
  let lastLineAtMs = -Infinity;
  let unreported = 0;
  return (fields) => {
    unreported += 1;
    if (now() - lastLineAtMs < INTERVAL_MS) return;
    lastLineAtMs = now();
    warn(unreported, fields);
    unreported = 0;
  };
}
