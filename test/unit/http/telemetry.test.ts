// What is written down and counted of a finished request.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/core/errors.ts';
import { GatewayEmitter, type FinishedRequest } from '../../../src/gateway/events.ts';
import { observeGateway, observePlainRequest } from '../../../src/http/telemetry.ts';
import { createLogger } from '../../../src/log/logger.ts';
import { createLabels } from '../../../src/metrics/labels.ts';
import { createMetrics } from '../../../src/metrics/registry.ts';

function aTelemetry() {
  const stream = new PassThrough();
  const logger = createLogger({ level: 'info', stream });
  const lines = (): Record<string, unknown>[] => {
    const text = (stream.read() as Buffer | null)?.toString().trim() ?? '';
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as never);
  };
  const metrics = createMetrics({ version: '1.2.3' });
  const labels = createLabels({ accounts: [], routes: new Map() });
  return { telemetry: { logger, metrics, labels }, metrics, lines };
}

function aFinishedRequest(overrides: Partial<FinishedRequest> = {}): FinishedRequest {
  return {
    requestId: 'r1',
    path: 'chat',
    route: 'gpt-4',
    status: 200,
    reason: undefined,
    error: undefined,
    outcome: 'success',
    sign: undefined,
    pool: 'openai',
    account: 'a1',
    attempts: 1,
    failed: [],
    stream: false,
    usage: undefined,
    totalMs: 12.3456789,
    queueMs: 1,
    overheadMs: 0.5,
    upstreamMs: 10,
    ttfbMs: 9,
    ...overrides,
  };
}

describe('requests', () => {
  it('are one info line each, with times to the microsecond', () => {
    const { telemetry, lines } = aTelemetry();
    const events = new GatewayEmitter();
    observeGateway(events, telemetry);

    events.emit('finished', aFinishedRequest());

    expect(lines()).toMatchObject([
      { level: 'info', message: 'request', status: 200, account: 'a1', totalMs: 12.346 },
    ]);
  });

  it('carry the messages of what went wrong, without stacks and secrets', () => {
    const { telemetry, lines } = aTelemetry();
    const events = new GatewayEmitter();
    observeGateway(events, telemetry);
    const cause = new Error('connect https://user:hunter2@upstream.example refused');
    const error = new AppError('upstream_unreachable', 'The upstream is unreachable.', { cause });

    events.emit('finished', aFinishedRequest({ status: 502, reason: error.code, error }));

    const [line] = lines();
    expect(line).toMatchObject({
      status: 502,
      reason: 'upstream_unreachable',
      error: 'The upstream is unreachable.',
      cause: 'connect https://[redacted]@upstream.example refused',
    });
    expect(JSON.stringify(line)).not.toContain('.ts:');
  });

  it('by probes are no info lines', () => {
    const { telemetry, lines } = aTelemetry();
    const base = { requestId: 'r', method: 'GET', status: 200, totalMs: 1 };

    observePlainRequest({ ...base, path: 'health' }, telemetry);
    observePlainRequest({ ...base, path: 'metrics' }, telemetry);
    observePlainRequest({ ...base, path: 'scheduler' }, telemetry);

    expect(lines()).toMatchObject([{ path: 'scheduler' }]);
  });

  it('count as overhead and upstream time only where an upstream was called', async () => {
    const { telemetry, metrics } = aTelemetry();
    const events = new GatewayEmitter();
    observeGateway(events, telemetry);

    events.emit('finished', aFinishedRequest());
    events.emit('finished', aFinishedRequest({ status: 429, upstreamMs: undefined }));

    const text = await metrics.registry.metrics();
    expect(text).toContain('slotkeeper_overhead_seconds_count 1');
    expect(text).toContain('slotkeeper_upstream_seconds_sum{pool="other"} 0.01');
    expect(text).toContain('slotkeeper_requests_total{path="chat",route="other",status="4xx"} 1');
  });

  it('count every attempt, and those that were followed by another one', async () => {
    const { telemetry, metrics, lines } = aTelemetry();
    const events = new GatewayEmitter();
    observeGateway(events, telemetry);
    const failed = [
      { pool: 'openai', account: 'a2', outcome: 'failed', sign: '500' },
      { pool: 'openai', account: 'a3', outcome: 'overloaded', sign: 'timeout' },
    ] as const;

    events.emit('finished', aFinishedRequest({ attempts: 3, failed }));
    events.emit('finished', aFinishedRequest());

    const text = await metrics.registry.metrics();
    expect(text).toContain('slotkeeper_attempts_total{pool="other",outcome="success"} 2');
    expect(text).toContain('slotkeeper_attempts_total{pool="other",outcome="failed"} 1');
    expect(text).toContain('slotkeeper_failovers_total{pool="other",outcome="overloaded"} 1');
    expect(text).not.toContain('slotkeeper_failovers_total{pool="other",outcome="success"}');
    const [first, second] = lines();
    expect(first).toMatchObject({ attempts: 3, failed });
    expect(second).not.toHaveProperty('failed');
  });
});
