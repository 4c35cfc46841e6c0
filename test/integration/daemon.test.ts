// @module-tag redis_required
// What a daemon tells about itself while it serves: health, metrics, logs. On a real store and the
// simulated upstream.
import { describe, expect, it } from 'vitest';
import { chat, startDemo, untilInFlight } from '../support/demo-daemon.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('a running daemon', () => {
  it('answers through the simulated upstream and leaves nothing in flight', async () => {
    const daemon = await startDemo(store);

    const answer = await chat(daemon.url);
    const body = (await answer.json()) as { choices: unknown[] };

    expect(answer.status).toBe(200);
    expect(body.choices).toHaveLength(1);
    await untilInFlight(daemon, 0);
  });

  it('tells where its simulator is, and is ready', async () => {
    const daemon = await startDemo(store);

    const health = await (await fetch(`${daemon.url}/healthz`)).json();
    const ready = await fetch(`${daemon.url}/readyz`);

    expect(health).toMatchObject({ status: 'ok', sim: daemon.simUrl });
    expect(ready.status).toBe(200);
  });

  it('counts requests, decisions, leases and times of what it served', async () => {
    const daemon = await startDemo(store);

    await (await chat(daemon.url)).text();
    await untilInFlight(daemon, 0);
    const text = await daemon.metrics();

    expect(text).toContain('slotkeeper_requests_total{path="chat",route="gpt-4",status="2xx"} 1');
    expect(text).toContain(
      'slotkeeper_decisions_total{pool="openai",result="granted",reason="none"} 1',
    );
    expect(text).toContain('slotkeeper_lease_held_seconds_count{pool="openai"} 1');
    expect(text).toContain('slotkeeper_upstream_seconds_count{pool="openai"} 1');
    expect(text).toContain('slotkeeper_overhead_seconds_count 1');
    expect(text).toContain('slotkeeper_account_limit{pool="openai",account="sim-20"} 20');
    expect(text).toMatch(/slotkeeper_build_info\{version="[\d.]+",node="v\d+/);
  });

  it('shows the slot of a running request by account and by model', async () => {
    const daemon = await startDemo(store);
    const client = new AbortController();
    const call = chat(daemon.url, { content: '[sim fault=hang]', signal: client.signal });
    await untilInFlight(daemon, 1);

    const text = await daemon.metrics();

    client.abort();
    await expect(call).rejects.toThrow();
    await untilInFlight(daemon, 0);
    expect(text).toMatch(/slotkeeper_account_in_flight\{pool="openai",account="sim-\d+"\} 1/);
    expect(text).toContain('slotkeeper_model_in_flight{pool="openai",model="gpt-4"} 1');
    expect(text).toContain('slotkeeper_held_leases 1');
    expect(text).toContain('slotkeeper_cell_leases 1');
  });

  it('grows by less than 20 series under 500 junk models and paths', async () => {
    const daemon = await startDemo(store);
    await (await chat(daemon.url)).text();
    // Node's own come as its collector works.
    const ofRequests = /^(?!slotkeeper_nodejs_)\w/;
    const seriesOf = (text: string) => text.split('\n').filter((l) => ofRequests.test(l)).length;
    const before = seriesOf(await daemon.metrics());

    for (let i = 0; i < 500; i += 1) {
      const junk = await chat(daemon.url, { model: `junk-${i}` });
      const path = await fetch(`${daemon.url}${i % 2 === 0 ? '/v1' : ''}/junk-${i}`);
      expect([junk.status, path.status]).toEqual([404, 404]);
      await Promise.all([junk.text(), path.text()]);
    }

    const text = await daemon.metrics();
    expect(seriesOf(text) - before).toBeLessThan(20);
    expect(text).not.toContain('junk');
  });

  it('writes one line a request, refused ones too, without any credential', async () => {
    const key = 'a-key-for-this-test';
    const daemon = await startDemo(store, { SLOTKEEPER_API_KEY: key });
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ model: 'gpt-4', messages: [{ role: 'user', content: 'Hello' }] });
    const url = `${daemon.url}/v1/chat/completions`;

    await (await fetch(url, { method: 'POST', headers, body })).text();
    await (await fetch(url, { method: 'POST', body })).text();
    await (await fetch(`${daemon.url}/scheduler/slots/x`, { method: 'DELETE', headers })).text();
    await daemon.stop();

    const requests = daemon.lines().filter((line) => line['message'] === 'request');
    expect(requests).toMatchObject([
      { level: 'info', path: 'chat', route: 'gpt-4', status: 200, outcome: 'success', attempts: 1 },
      { level: 'info', path: 'other', status: 401 },
      { level: 'info', path: 'scheduler', status: 200 },
    ]);
    expect(daemon.logged()).not.toContain(key);
    expect(daemon.logged()).not.toContain('sim-key');
  });

  it('guards metrics by the key only where others can reach them', async () => {
    const key = 'a-key-for-this-test';
    const inside = await startDemo(store, { SLOTKEEPER_API_KEY: key });
    const outside = await startDemo(store, { SLOTKEEPER_API_KEY: key, SLOTKEEPER_HOST: '0.0.0.0' });
    const { port } = new URL(outside.url);

    const open = await fetch(`${inside.url}/metrics`);
    const closed = await fetch(`http://127.0.0.1:${port}/metrics`);
    const opened = await fetch(`http://127.0.0.1:${port}/metrics`, {
      headers: { 'x-api-key': key },
    });

    expect([open.status, closed.status, opened.status]).toEqual([200, 401, 200]);
  });
});
