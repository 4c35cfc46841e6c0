// @module-tag redis_required
// The TypeScript client against the real Scheduler API.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { SlotkeeperApiError, SlotkeeperClient } from '../../../src/client/index.ts';
import type { MovedSlot, Slot, SlotOutcome, SlotRequest } from '../../../src/client/index.ts';
import type { Outcome } from '../../../src/core/domain.ts';
import type { SlotBody } from '../../../src/http/routes/scheduler-schemas.ts';
import type { MovedBody } from '../../../src/http/routes/scheduler-use-schemas.ts';
import { useRedis } from '../../support/redis.ts';
import { startSchedulerApi, TEST_API_KEY, type ApiOptions } from '../../support/scheduler-api.ts';

const store = useRedis();

async function aClient(options: ApiOptions = {}) {
  const api = await startSchedulerApi(store, options);
  const { apiKey } = options;
  const auth = apiKey === undefined ? {} : { apiKey };
  return { api, client: new SlotkeeperClient({ baseUrl: `${api.url}/`, ...auth }) };
}

async function refusalOf(call: Promise<unknown>): Promise<SlotkeeperApiError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SlotkeeperApiError);
  return error as SlotkeeperApiError;
}

describe('the client', () => {
  it('takes, renews and gives back a slot', async () => {
    const { api, client } = await aClient({ apiKey: TEST_API_KEY });

    const slot = await client.acquire({ route: 'deep' });
    const held = await api.inFlight();
    const renewed = await client.renew(slot, { leaseMs: 60_000 });
    const results = [await client.release(slot), await client.release(slot)];

    expect(slot).toMatchObject({ account: 'a1', pool: 'openai', model: 'gpt-4', replayed: false });
    expect(held).toBe(1);
    expect(renewed.expiresAtMs).toBeGreaterThan(slot.expiresAtMs);
    expect(results).toEqual(['released', 'already']);
    expect(await api.inFlight()).toBe(0);
  });

  it('takes ids that need escaping', async () => {
    const { api, client } = await aClient();
    const requestId = 'a/b?c#d%20{e}';

    const slot = await client.acquire({ requestId, targets: [{ pool: 'openai', model: 'gpt-4' }] });
    await client.renew(slot);
    const result = await client.release(slot, { outcome: 'failed' });

    expect(result).toBe('released');
    expect(await api.inFlight()).toBe(0);
  });

  it('says why a slot was refused and when to come back', async () => {
    const { client } = await aClient({ slots: 1 });
    await client.acquire({ route: 'deep' });

    const error = await refusalOf(client.acquire({ route: 'deep' }));

    expect(error).toMatchObject({ code: 'pool_full', status: 429 });
    expect(error.retryAfterMs).toBeGreaterThan(0);
  });

  it('says which parameter is wrong', async () => {
    const { client } = await aClient();

    const error = await refusalOf(client.acquire({ route: 'deep', leaseMs: 1 }));

    expect(error).toMatchObject({ code: 'invalid_params', status: 400, param: 'leaseMs' });
  });

  it('is refused without the key', async () => {
    const { api } = await aClient({ apiKey: TEST_API_KEY });
    const client = new SlotkeeperClient({ baseUrl: api.url });

    const error = await refusalOf(client.acquire({ route: 'deep' }));

    expect(error).toMatchObject({ code: 'unauthenticated', status: 401 });
  });

  it('cancels what was granted', async () => {
    const { api, client } = await aClient();
    await client.acquire({ requestId: 'job-1', route: 'deep' });

    const result = await client.cancel('job-1');

    expect(result).toBe('was_granted');
    expect(await api.inFlight()).toBe(0);
  });

  it('repeats a call that got no answer, and still takes one slot', async () => {
    const { api } = await aClient();
    // A way to the daemon that loses the first answer after the daemon has acted.
    let connections = 0;
    const way = createServer((socket) => void pass(socket)).listen(0, '127.0.0.1');
    const pass = async (socket: Socket): Promise<void> => {
      connections += 1;
      const isFirst = connections === 1;
      socket.on('error', () => undefined);
      const [request] = (await once(socket, 'data')) as [Buffer];
      const [head = '', body] = request.toString().split('\r\n\r\n');
      const path = head.split(' ')[1] ?? '';
      const answer = await fetch(`${api.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body ?? '',
      });
      if (isFirst) {
        socket.destroy();
        return;
      }
      const text = await answer.text();
      const length = Buffer.byteLength(text);
      socket.end(`HTTP/1.1 ${answer.status} OK\r\ncontent-length: ${length}\r\n\r\n${text}`);
    };
    await once(way, 'listening');
    const { port } = way.address() as AddressInfo;
    const client = new SlotkeeperClient({ baseUrl: `http://127.0.0.1:${port}` });

    const slot = await client.acquire({ route: 'deep' });

    way.close();
    expect(connections).toBe(2);
    expect(slot.replayed).toBe(true);
    expect(await api.inFlight()).toBe(1);
  });

  it('says that nobody answered, and why', async () => {
    const { api, client } = await aClient();
    await api.close();

    const error = await refusalOf(client.acquire({ route: 'deep' }));

    expect(error).toMatchObject({ code: 'unreachable', status: undefined });
    expect(error.cause).toBeDefined();
  });

  it('stops with the caller’s own reason when its signal fires', async () => {
    const { client } = await aClient();
    const reason = new Error('changed my mind');

    const call = client.acquire({ route: 'deep' }, { signal: AbortSignal.abort(reason) });

    await expect(call).rejects.toBe(reason);
  });

  it('knows the same words as the server', () => {
    expectTypeOf<SlotOutcome>().toEqualTypeOf<Outcome>();
    expectTypeOf<Slot>().toEqualTypeOf<Readonly<SlotBody>>();
    expectTypeOf<MovedSlot>().toEqualTypeOf<Readonly<MovedBody>>();
    expectTypeOf<{ route: string }>().toExtend<SlotRequest>();
    expectTypeOf<{ leaseMs: number }>().not.toExtend<SlotRequest>();
  });
});

describe('work with a slot', () => {
  it('has it while it runs and gives it back with success', async () => {
    const { api, client } = await aClient();

    const result = await client.withSlot({ route: 'deep' }, async (slot) => {
      return [slot.account, await api.inFlight()];
    });

    expect(result).toEqual(['a1', 1]);
    expect(await api.inFlight()).toBe(0);
  });

  it('gives it back when it fails, and fails with its own error', async () => {
    const { api, client } = await aClient();
    const failure = new Error('upstream said no');

    const call = client.withSlot({ route: 'deep' }, () => Promise.reject(failure));

    await expect(call).rejects.toBe(failure);
    expect(await api.inFlight()).toBe(0);
  });

  it('keeps the slot beyond its first lease', async () => {
    const { api, client } = await aClient({ leaseMs: 900 });
    // Five thirds of a lease: without renewals the slot would have been reaped.
    const renewals = new EventEmitter();
    const renew = api.scheduler.renew.bind(api.scheduler);
    let count = 0;
    api.scheduler.renew = (...parameters) => {
      count += 1;
      if (count === 5) renewals.emit('enough');
      return renew(...parameters);
    };

    const during = await client.withSlot({ route: 'deep' }, async (_slot, signal) => {
      await once(renewals, 'enough', { signal });
      return { inFlight: await api.inFlight(), lost: signal.aborted };
    });

    expect(during).toEqual({ inFlight: 1, lost: false });
    expect(await api.inFlight()).toBe(0);
  });

  it('hears of a lost slot within a third of the lease', async () => {
    const { api, client } = await aClient({ leaseMs: 300 });

    const call = client.withSlot({ route: 'deep' }, async (slot, signal) => {
      await api.scheduler.cancel(slot);
      await once(signal, 'abort');
      throw signal.reason;
    });

    expect(await refusalOf(call)).toMatchObject({ code: 'lease_lost' });
  });

  it('hears of a slot that could not be renewed in time', async () => {
    const { api, client } = await aClient({ leaseMs: 300 });

    const call = client.withSlot({ route: 'deep' }, async (_slot, signal) => {
      await api.close();
      await once(signal, 'abort');
      throw signal.reason;
    });

    expect(await refusalOf(call)).toMatchObject({ code: 'lease_lost' });
  });

  it('is told by the caller’s signal, and its slot is given back as ignored', async () => {
    const { api, client } = await aClient();
    const caller = new AbortController();
    const release = api.scheduler.release.bind(api.scheduler);
    const outcomes: unknown[] = [];
    api.scheduler.release = (ref, report) => {
      outcomes.push(report?.outcome);
      return release(ref, report);
    };

    const call = client.withSlot(
      { route: 'deep' },
      async (_slot, signal) => {
        caller.abort(new Error('user left'));
        signal.throwIfAborted();
      },
      { signal: caller.signal },
    );

    await expect(call).rejects.toThrow('user left');
    expect(outcomes).toEqual(['ignored']);
    expect(await api.inFlight()).toBe(0);
  });

  it('keeps its result when the release fails', async () => {
    const { api, client } = await aClient();
    const failures: unknown[] = [];

    const result = await client.withSlot(
      { route: 'deep' },
      async () => {
        await api.close();
        return 'done';
      },
      { onReleaseError: (error) => failures.push(error) },
    );

    expect(result).toBe('done');
    expect(failures).toHaveLength(1);
  });
});
