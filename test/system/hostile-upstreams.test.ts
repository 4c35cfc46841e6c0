// Upstreams that never end, never begin, or say what they must not: cut at a limit, told to the
// client as 502 or as an event, and the slot is free again.
// @module-tag redis_required
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { EVENT, aProxy, errorOf, expectSlotBack, expectUnharmed, post } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import type { Script } from '../support/upstream.ts';

const store = useRedis();

/** Writes `chunk` again and again, as fast as it is read. */
function pour(res: ServerResponse, chunk: string): void {
  const more = (): void => {
    while (!res.destroyed && res.write(chunk));
  };
  res.on('drain', more);
  more();
}

function endless(first: string, chunk: string): Script {
  return (_seen, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(first);
    pour(res, chunk);
  };
}

describe('an upstream', () => {
  it('that sends a line without end is cut, and the stream ends with an error event', async () => {
    const { proxy, upstream } = await aProxy(store, endless('data: ', 'x'.repeat(65_536)));

    const response = await post(proxy);
    const text = await response.text();

    expect(text.length).toBeLessThan(20 * 1024 * 1024);
    expect(text.slice(-1000)).toMatch(/\n\nevent: error\ndata: \{.*"upstream_protocol".*\}\n\n$/);
    await expectSlotBack(proxy, 'failed');
    await eventually(() => expect(upstream.open).toBe(0));
    await expectUnharmed(proxy);
  });

  it('that goes on after its end is cut', async () => {
    const { proxy, upstream } = await aProxy(store, endless('data: [DONE]\n\n', EVENT));

    const response = await post(proxy);
    const text = await response.text();

    expect(text.length).toBeLessThan(1024 * 1024);
    expect(text.startsWith('data: [DONE]\n\n')).toBe(true);
    await expectSlotBack(proxy, 'failed');
    await eventually(() => expect(upstream.open).toBe(0));
    await expectUnharmed(proxy);
  });

  it('that does not close after its end is let go, and its answer is a good one', async () => {
    const { proxy, upstream } = await aProxy(store, (_seen, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(`${EVENT}data: [DONE]\n\n`);
    });

    const response = await post(proxy);
    const text = await response.text();

    expect(text).toBe(`${EVENT}data: [DONE]\n\n`);
    await expectSlotBack(proxy, 'success');
    await eventually(() => expect(upstream.open).toBe(0));
    await expectUnharmed(proxy);
  });

  it('whose headers have no end is 502', async () => {
    const { proxy } = await aProxy(store, (_seen, _res, socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 200 OK\r\n');
      for (let at = 0; at < 10_000; at += 1) socket.write(`X-${at}: ${'y'.repeat(100)}\r\n`);
    });

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_protocol' });
    await expectSlotBack(proxy, 'failed');
    await expectUnharmed(proxy);
  });

  it.each([
    [
      'both lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['a broken line', 'HTTP/1.1 200 OK\r\nX-A: b\0c\r\n\r\n{}'],
  ])('that answers with %s is 502', async (_what, bytes) => {
    const { proxy } = await aProxy(store, (_seen, _res, socket) => socket.end(bytes));

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ origin: 'upstream' });
    await eventually(() => expect(proxy.finished).toHaveLength(1));
    await expectUnharmed(proxy);
  });

  it('that announces early hints before its answer is read right', async () => {
    const { proxy } = await aProxy(store, (_seen, _res, socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
      );
    });

    const response = await post(proxy);

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{}');
    await expectSlotBack(proxy, 'success');
  });

  it('whose error page speaks of its insides is passed on as data, with its type', async () => {
    const page = 'Traceback:\r\n\u001b[31m /srv/app.py';
    const { proxy } = await aProxy(store, (_seen, res) => {
      res.writeHead(500, { 'content-type': 'text/plain' }).end(page);
    });

    const response = await post(proxy);

    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toBe('text/plain');
    expect(await response.text()).toBe(page);
    await expectSlotBack(proxy, 'failed');
  });
});
