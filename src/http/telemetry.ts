// Finished requests as counters and access lines: the gateway's by its events, all others by
// observe.ts. Labels come from the configuration; ids and messages go to the log alone.
import { msToSeconds } from '../core/units.ts';
import { isArmError } from '../gateway/arms.ts';
import type { FinishedRequest, GatewayEmitter } from '../gateway/events.ts';
import type { Logger } from '../log/logger.ts';
import { statusClass, type Labels } from '../metrics/labels.ts';
import type { Metrics } from '../metrics/registry.ts';
import type { PlainRequest } from './observe.ts';

export interface Telemetry {
  readonly metrics: Metrics;
  readonly labels: Labels;
  readonly logger: Logger;
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeGateway(events: GatewayEmitter, telemetry: Telemetry): void {
  const { logger } = telemetry;
  events.on('finished', (request) => {
    countProxied(request, telemetry);
    logger.access(request);
  });
  events.on('tokensGuessed', ({ reason }) => telemetry.metrics.tokensGuessed.inc({ reason }));
  events.on('releaseFailed', (event) => {
    logger.warn('a release was not confirmed yet; it is repeated in the background', event);
  });
}

/** Counts and logs a request that did not reach the gateway. */
export function observePlainRequest(request: PlainRequest, telemetry: Telemetry): void {
  const { metrics, labels, logger } = telemetry;
  const { path, status } = request;
  metrics.requests.inc({ path, route: labels.route(undefined), status: statusClass(status) });
  // Probes come every few seconds from everywhere: their lines are for debugging alone.
  if (path === 'health' || path === 'metrics') logger.debug('request', { ...request });
  else logger.access(request);
}

function countProxied(request: FinishedRequest, { metrics, labels }: Telemetry): void {
  const { path, status, upstreamMs, ttfbMs } = request;
  metrics.requests.inc({ path, route: labels.route(request.route), status: statusClass(status) });
  if (request.arms !== undefined) countArms(request, metrics);
  if (upstreamMs === undefined) return;
  const pool = labels.pool(request.pool ?? '');
  metrics.attempts.inc({ pool, outcome: request.outcome ?? 'ignored' });
  for (const failed of request.failed) {
    const series = { pool: labels.pool(failed.pool), outcome: failed.outcome };
    metrics.attempts.inc(series);
    metrics.failovers.inc(series);
  }
  metrics.overheadSeconds.observe({}, msToSeconds(request.overheadMs));
  metrics.upstreamSeconds.observe({ pool }, msToSeconds(upstreamMs));
  if (ttfbMs !== undefined) metrics.upstreamFirstByteSeconds.observe({ pool }, msToSeconds(ttfbMs));
}

/** Names of rollouts and arms come from the configuration alone. */
function countArms(
  { arms = [], status, ttfbMs, costMicro }: FinishedRequest,
  metrics: Metrics,
): void {
  const result = status === 499 ? 'left' : isArmError(status) ? 'error' : 'ok';
  for (const { rollout, arm } of arms) {
    metrics.armRequests.inc({ rollout, arm, result });
    if (ttfbMs !== undefined)
      metrics.armFirstByteSeconds.observe({ rollout, arm }, msToSeconds(ttfbMs));
    if (costMicro !== undefined) metrics.armCost.inc({ rollout, arm }, costMicro);
  }
}
