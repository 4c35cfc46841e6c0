// @module-tag redis_required
// Our own webhook: signed, with a key for those who count, at least once, and told to nobody else.
import { describe, expect, it } from 'vitest';
import { signatureOf } from '../../../src/outbound/signature.ts';
import { aListener } from '../../support/alertmanager.ts';
import { eventually } from '../../support/eventually.ts';
import { anAlert, anOutbox, heard } from '../../support/outboxes.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const SECRET = 'a-secret-of-the-webhook';
const fires = { kind: 'condition', alert: anAlert('a1'), holds: true } as const;

describe('a webhook', () => {
  it('gets each notice with its signature, its time and its idempotency key', async () => {
    const people = await aListener();
    const outbox = await anOutbox(server, {
      cell: 'eu-2',
      config: { webhooks: [{ name: 'ops', url: people.url, secret: SECRET }] },
    });
    const sent = heard(outbox, 'sent');

    outbox.tell(fires);
    await sent;

    const [call] = people.calls;
    const timestamp = String(call?.headers['x-slotkeeper-timestamp']);
    const signature = signatureOf(call?.text ?? '', { secret: SECRET, timestamp });
    expect(call?.headers['x-slotkeeper-signature']).toBe(`v1=${signature}`);
    expect(call?.headers['idempotency-key']).toMatch(/^[0-9a-f]{16}\.1\.firing\.webhook-ops$/);
    expect(call?.body).toMatchObject({
      name: 'SlotkeeperAccountUnusable',
      state: 'firing',
      episode: 1,
      labels: { account: 'a1', cell: 'eu-2' },
      runbookUrl: 'docs/runbooks/accounts.md',
    });
  });

  it('that answers with a fault, or with a redirection, is called again with the same key', async () => {
    const people = await aListener();
    people.answer(302);
    const outbox = await anOutbox(server, {
      config: { webhooks: [{ name: 'ops', url: people.url }] },
    });
    const failed = heard(outbox, 'sendFailed', 3);
    const sent = heard(outbox, 'sent');

    outbox.tell(fires);
    await failed;
    people.answer(200);
    await sent;

    const keys = people.calls.map(({ headers }) => headers['idempotency-key']);
    expect(keys.length).toBeGreaterThanOrEqual(4);
    expect(new Set(keys).size).toBe(1);
  });

  it('appears in no failure that is shown: neither its address nor its secret', async () => {
    const outbox = await anOutbox(server, {
      config: {
        webhooks: [{ name: 'ops', url: 'http://127.0.0.1:1/hook/token-in-path', secret: SECRET }],
      },
    });
    const failed = heard(outbox, 'sendFailed');

    outbox.tell(fires);
    await failed;

    const shown = await eventually(async () => {
      const view = await outbox.view();
      expect(view.deliveries[0]?.lastFailure).toBe('it cannot be reached (ECONNREFUSED)');
      return JSON.stringify([...view.deliveries, ...view.alerts]);
    });
    expect(shown).not.toMatch(/token-in-path|a-secret/);
  });
});
