// @module-tag redis_required
// What batches tell Prometheus: how many are open, how they end, and what became of their lines.
import { describe, expect, it } from 'vitest';
import { collectBatches, observeBatches } from '../../../src/http/batch-telemetry.ts';
import type { JobRun } from '../../../src/deferral/job.ts';
import { createMetrics } from '../../../src/metrics/registry.ts';
import { aLine, someBatches, uploaded } from '../../support/batches.ts';
import { anAnswer } from '../../support/deferrals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();

describe('the metrics of batches', () => {
  it('tell what is open, and then how it has ended, line by line', async () => {
    const ends: JobRun[] = [{ kind: 'failed', code: 'model_not_found', message: 'No.' }];
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const run = () => gate.then(() => ends.pop() ?? anAnswer());
    const { batches } = await someBatches(server, { cell: server.cell(), run });
    const metrics = createMetrics({ version: 'test' });
    observeBatches(batches.events, metrics);
    const lines = async () => {
      await collectBatches(batches, metrics);
      return (await metrics.registry.metrics()).split('\n');
    };
    const ended = new Promise((resolve) => batches.events.once('ended', resolve));

    const input = await uploaded(batches, [aLine('a'), aLine('b'), aLine('c')]);
    const facts = { inputFile: input.id, endpoint: '/v1/chat/completions', window: '24h' };
    await batches.create('t1', facts);
    const whileItRuns = await lines();
    letGo();
    await ended;
    const whenItIsOver = await lines();

    expect(whileItRuns).toEqual(
      expect.arrayContaining([
        'slotkeeper_batches_open 1',
        'slotkeeper_batches_created_total 1',
        'slotkeeper_batches_ended_total{state="completed"} 0',
      ]),
    );
    expect(whenItIsOver).toEqual(
      expect.arrayContaining([
        'slotkeeper_batches_open 0',
        'slotkeeper_batches_ended_total{state="completed"} 1',
        'slotkeeper_batch_lines_total{result="completed"} 2',
        'slotkeeper_batch_lines_total{result="failed"} 1',
      ]),
    );
  });
});
