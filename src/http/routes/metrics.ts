// Serves the registry in Prometheus' text format, after the gauges were brought up to date.
import type { RequestHandler } from 'express';
import type { Metrics } from '../../metrics/registry.ts';

export interface MetricsDeps {
  readonly metrics: Metrics;
  /** Reads the cell's state into the gauges; never rejects. */
  readonly collect: () => Promise<void>;
}

export function serveMetrics({ metrics, collect }: MetricsDeps): RequestHandler {
  return async (_req, res) => {
    await collect();
    res.setHeader('content-type', metrics.registry.contentType);
    res.send(await metrics.registry.metrics());
  };
}
