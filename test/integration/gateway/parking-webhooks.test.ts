// Who may be told of the end of a request that is parked.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { busy, PARKING, parkingBy } from '../../support/parking.ts';
import { useRedis } from '../../support/redis.ts';

const parking = parkingBy(useRedis());

describe('who is told of the end of a job', () => {
  const secret = 'a-secret-of-webhooks';
  const deferral = { ...PARKING.deferral, webhook: { hosts: ['hooks.example'], secret } };

  it('is an address at a host that is configured', async () => {
    const { lot, defer } = await parking(busy, { file: { deferral } });
    const webhook = 'https://hooks.example/end';

    const response = await defer({ 'x-slotkeeper-defer-webhook': webhook });

    expect(response.status).toBe(202);
    expect(lot.jobs).toMatchObject([{ webhook }]);
  });

  it('is no other address, and nothing is tried for it', async () => {
    const { upstream, lot, defer } = await parking(busy, { file: { deferral } });

    const responses = await Promise.all(
      ['https://other.example/', 'https://hooks.example@other.example/', 'no address'].map(
        (webhook) => defer({ 'x-slotkeeper-defer-webhook': webhook }),
      ),
    );

    expect(responses.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect([...lot.jobs, ...upstream.seen]).toEqual([]);
  });
});
