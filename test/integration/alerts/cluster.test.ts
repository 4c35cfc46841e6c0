// @module-tag redis_required
// The queue of alerts in a Redis Cluster: its clients go to the master of the cell's slot, like all
// others of the cell.
import { describe, expect, it, onTestFinished } from 'vitest';
import { Outbox } from '../../../src/alerts/outbox.ts';
import { alertsSchema } from '../../../src/config/alerts-schema.ts';
import { aListener } from '../../support/alertmanager.ts';
import { clusterClient } from '../../support/cluster-scheduler.ts';
import { cellOf, useCluster } from '../../support/cluster.ts';
import { anAlert, heard, NO_LEVELS } from '../../support/outboxes.ts';

const cluster = useCluster();

describe('an alert of a cell in a Redis Cluster', () => {
  it.each([0, 1, 2])('arrives from master %i', async (master) => {
    const people = await aListener();
    const cell = cellOf(master);
    const outbox = new Outbox({
      redis: await clusterClient(cluster, cell),
      cell,
      keyStyle: 'tagged',
      config: alertsSchema.parse({ webhooks: [{ name: 'ops', url: people.url }], holdMs: 0 }),
      levels: () => Promise.resolve(NO_LEVELS),
    });
    onTestFinished(() => outbox.stop());
    await outbox.start();
    const sent = heard(outbox, 'sent', 2);

    outbox.tell({ kind: 'condition', alert: anAlert('a1'), holds: true });
    outbox.tell({ kind: 'condition', alert: anAlert('a1'), holds: false });
    await sent;

    expect(people.calls.map(({ body }) => body['state'])).toEqual(['firing', 'resolved']);
  });
});
