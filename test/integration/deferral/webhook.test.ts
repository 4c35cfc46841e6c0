// @module-tag redis_required
// Telling a caller's own server of the end of a job: signed, without its content, until it is taken.
import { expect, it } from 'vitest';
import { signatureOf } from '../../../src/outbound/signature.ts';
import { aListener } from '../../support/alertmanager.ts';
import { aDeferral, aJob, anAnswer, heardOf } from '../../support/deferrals.ts';
import { eventually } from '../../support/eventually.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const SECRET = 'a-secret-of-the-webhook';

it('a webhook is called at the end of its job, signed and without its answer', async () => {
  const people = await aListener();
  const { host } = new URL(people.url);
  const deferral = await aDeferral(server, {
    config: { webhook: { hosts: [host], secret: SECRET } },
    run: () => Promise.resolve(anAnswer('{"content":"private"}')),
  });
  const ended = heardOf(deferral, 'ended', 2);

  const submission = await deferral.submit(aJob({ delayMs: 0, webhook: people.url }));
  if (submission.kind === 'full') throw new Error('full');
  await deferral.submit(aJob({ delayMs: 0 }));
  await ended;
  await eventually(() => expect(people.calls).toHaveLength(1));

  const [call] = people.calls;
  const { id } = submission.job;
  const timestamp = String(call?.headers['x-slotkeeper-timestamp']);
  const signature = signatureOf(call?.text ?? '', { secret: SECRET, timestamp });
  expect(call?.headers['x-slotkeeper-signature']).toBe(`v1=${signature}`);
  expect(call?.headers['idempotency-key']).toBe(id);
  expect(call?.body).toMatchObject({ object: 'deferred.ended', id, status: 'answered' });
  expect(call?.text).not.toContain('private');
});

it('a webhook that answers with a fault is called again, with the same key', async () => {
  const people = await aListener();
  people.answer(500);
  const deferral = await aDeferral(server, {
    config: { webhook: { hosts: [new URL(people.url).host], secret: SECRET } },
  });
  const failed = new Promise<{ readonly givenUp: boolean }>((resolve) => {
    deferral.events.once('webhookFailed', resolve);
  });

  await deferral.submit(aJob({ delayMs: 0, webhook: people.url }));
  const failure = await failed;
  people.answer(200);
  await eventually(() => expect(people.calls).toHaveLength(2));

  expect(failure).toMatchObject({ givenUp: false, reason: 'it answers 500' });
  expect(new Set(people.calls.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
});
