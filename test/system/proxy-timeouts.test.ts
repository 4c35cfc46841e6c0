// Each time limit of a proxied request: it ends, the upstream is let go, the slot comes back.
// @module-tag redis_required
import { describe, expect, it, onTestFinished } from 'vitest';
import { startDeafListener } from '../support/deaf-listener.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway } from '../support/gateway.ts';
import { EVENT, aProxy, errorOf, expectSlotBack, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('a slot comes back when time runs out', () => {
  it('for a connection that is never accepted', async () => {
    const listener = await startDeafListener();
    onTestFinished(() => listener.stop());
    const proxy = await startGateway(store, {
      upstream: `http://127.0.0.1:${listener.port}`,
      timeouts: { connectTimeoutMs: 200 },
    });

    const response = await post(proxy);

    expect(response.status).toBe(504);
    await expectSlotBack(proxy, 'overloaded');
  });

  it('for the head of the answer', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined, {
      timeouts: { headersTimeoutMs: 200 },
    });

    const response = await post(proxy);

    expect(response.status).toBe(504);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_timeout', origin: 'upstream' });
    await expectSlotBack(proxy, 'overloaded');
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('between two chunks of the answer', async () => {
    const { proxy, upstream } = await aProxy(store, streamOf(EVENT), {
      timeouts: { idleTimeoutMs: 200 },
    });

    const response = await post(proxy);
    const text = await response.text();

    expect(text).toContain('"upstream_timeout"');
    await expectSlotBack(proxy, 'overloaded');
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('for an answer that trickles for ever', async () => {
    const { proxy } = await aProxy(
      store,
      (seen, res, socket) => {
        streamOf(EVENT)(seen, res, socket);
        const trickle = setInterval(() => res.write(EVENT), 20);
        res.once('close', () => clearInterval(trickle));
      },
      { timeouts: { idleTimeoutMs: 500, totalTimeoutMs: 700 } },
    );

    const response = await post(proxy);
    const text = await response.text();

    expect(text).toContain('longer than an answer may take');
    await expectSlotBack(proxy, 'overloaded');
  });

  it('for a client that does not read', async () => {
    const { proxy, upstream } = await aProxy(
      store,
      (seen, res, socket) => {
        streamOf(EVENT)(seen, res, socket);
        const more = (): void => {
          while (!res.destroyed && res.write(EVENT.repeat(1000)));
        };
        res.on('drain', more);
        more();
      },
      { server: { writeIdleTimeoutMs: 300 } },
    );

    const response = await post(proxy);
    const reader = response.body!.getReader();
    await reader.read();

    await expectSlotBack(proxy, 'ignored');
    expect(proxy.finished[0]).toMatchObject({ status: 499, reason: 'client_closed' });
    await eventually(() => expect(upstream.open).toBe(0));
    await reader.cancel().catch(() => undefined);
  });
});
