// @module-tag redis_required
// Alerts in a real Alertmanager: they arrive, end, last, and are one, however many daemons tell them
// and whatever was away meanwhile.
import { describe, expect, it } from 'vitest';
import { anAlertmanager, aListener, notified } from '../../support/alertmanager.ts';
import { debianTool } from '../../support/debian-tools.ts';
import { eventually } from '../../support/eventually.ts';
import { anAlert, anOutbox, heard } from '../../support/outboxes.ts';
import { useRedis } from '../../support/redis.ts';

const program = (await debianTool('alertmanager')) ?? '';
const server = useRedis();
const fires = (account: string) =>
  ({ kind: 'condition', alert: anAlert(account), holds: true }) as const;
const isOver = (account: string) =>
  ({ kind: 'condition', alert: anAlert(account), holds: false }) as const;

describe.skipIf(program === '')('an alert', () => {
  it('arrives with its labels, its sentence, its runbook and its beginning', async () => {
    const alertmanager = await anAlertmanager({ program });
    await alertmanager.start();
    const outbox = await anOutbox(server, {
      cell: 'eu-1',
      config: {
        alertmanager: { urls: [alertmanager.url] },
        labels: { environment: 'test' },
        runbookBase: 'https://docs.example/runbooks/',
      },
    });
    const sent = heard(outbox, 'sent');

    outbox.tell(fires('a1'));
    await sent;

    const [alert] = await alertmanager.alerts();
    expect(alert?.labels).toEqual({
      alertname: 'SlotkeeperAccountUnusable',
      severity: 'P2',
      service: 'slotkeeper',
      cell: 'eu-1',
      account: 'a1',
      environment: 'test',
    });
    expect(alert?.annotations).toEqual({
      summary: 'Account a1 gets no requests any more.',
      runbook_url: 'https://docs.example/runbooks/accounts.md',
    });
  });

  it('lasts there through four refreshes and the time without a leader', async () => {
    const alertmanager = await anAlertmanager({ program });
    await alertmanager.start();
    const config = { alertmanager: { urls: [alertmanager.url] }, refreshMs: 60_000 };
    const outbox = await anOutbox(server, { config, unwatchedMs: 3_600_000 });
    const sent = heard(outbox, 'sent');

    outbox.tell(fires('a1'));
    await sent;

    const [alert] = await alertmanager.alerts();
    const lastsMs = Date.parse(alert?.endsAt ?? '') - Date.parse(alert?.startsAt ?? '');
    expect(lastsMs).toBeGreaterThan(3_600_000 + 3 * 60_000);
  });

  it('told by a whole fleet, many times, notifies once that it fires and once that it is over', async () => {
    const people = await aListener();
    const alertmanager = await anAlertmanager({ program, notify: people.url });
    await alertmanager.start();
    // Longer than Alertmanager's group_wait, so that it notifies of the beginning.
    const config = { alertmanager: { urls: [alertmanager.url] }, holdMs: 400 };
    const cell = server.cell();
    const fleet = await Promise.all([1, 2, 3].map(() => anOutbox(server, { cell, config })));

    for (const outbox of [...fleet, ...fleet]) outbox.tell(fires('a1'));
    await Promise.all(fleet.map((outbox) => outbox.told()));
    for (const outbox of fleet) outbox.tell(isOver('a1'));

    await eventually(() =>
      expect(notified(people).get('SlotkeeperAccountUnusable a1')).toEqual(['firing', 'resolved']),
    );
    expect(await alertmanager.alerts()).toEqual([]);
  });

  it('arrives once Alertmanager is back, and its end after it, in this order', async () => {
    const people = await aListener();
    const alertmanager = await anAlertmanager({ program, notify: people.url });
    const outbox = await anOutbox(server, {
      config: { alertmanager: { urls: [alertmanager.url] }, holdMs: 400 },
    });
    const failures = heard(outbox, 'sendFailed', 5);

    outbox.tell(fires('a1'));
    outbox.tell(isOver('a1'));
    outbox.tell(fires('a2'));
    await failures;
    const depth = await outbox.depth();
    await alertmanager.start();

    await eventually(() => {
      expect(notified(people).get('SlotkeeperAccountUnusable a1')).toEqual(['firing', 'resolved']);
      expect(notified(people).get('SlotkeeperAccountUnusable a2')).toEqual(['firing']);
    });
    expect(depth).toBe(3);
    await eventually(async () => expect(await outbox.depth()).toBe(0));
  });

  it('that lasts is told again to an Alertmanager that has lost its memory', async () => {
    const alertmanager = await anAlertmanager({ program });
    await alertmanager.start();
    const outbox = await anOutbox(server, {
      config: { alertmanager: { urls: [alertmanager.url] } },
      levels: () =>
        Promise.resolve({ covers: ['SlotkeeperAccountUnusable'], holding: [anAlert('a1')] }),
    });
    const sent = heard(outbox, 'sent');
    outbox.tell(fires('a1'));
    await sent;
    await alertmanager.kill();
    await alertmanager.start();
    const before = await alertmanager.alerts();

    await outbox.keep();

    expect(before).toEqual([]);
    expect((await alertmanager.alerts()).map(({ labels }) => labels['account'])).toEqual(['a1']);
  });

  it('goes to each Alertmanager of a cluster, one that is away included', async () => {
    const [first, second] = [await anAlertmanager({ program }), await anAlertmanager({ program })];
    await first.start();
    const outbox = await anOutbox(server, {
      config: { alertmanager: { urls: [first.url, second.url] } },
    });
    const sent = heard(outbox, 'sent', 2);
    const [failed] = [heard(outbox, 'sendFailed')];

    outbox.tell(fires('a1'));
    await failed;
    await second.start();
    await sent;

    expect(await first.alerts()).toHaveLength(1);
    expect(await second.alerts()).toHaveLength(1);
  });
});
