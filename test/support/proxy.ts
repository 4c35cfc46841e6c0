// What tests of the proxy have in common: a proxy before a scripted upstream, one plain request, and
// the proof that its slot is back.
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts';
import type { TestRedis } from './redis.ts';
import { startUpstream, type Script, type ScriptedUpstream } from './upstream.ts';

export const EVENT = 'data: {"choices":[{"delta":{"content":"word"}}]}\n\n';

export interface TestProxy {
  readonly upstream: ScriptedUpstream;
  readonly proxy: TestGateway;
}

export async function aProxy(
  store: TestRedis,
  script?: Script,
  options: Partial<TestGatewayOptions> = {},
): Promise<TestProxy> {
  const upstream = await startUpstream(script);
  const proxy = await startGateway(store, { upstream: upstream.url, ...options });
  return { upstream, proxy };
}

/** An upstream that sends these events and then nothing more. */
export function streamOf(...events: readonly string[]): Script {
  return (_seen, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) res.write(event);
  };
}

/** A chat completion for `gpt-4`, unless told otherwise. */
export function post(
  proxy: TestGateway,
  init: RequestInit & { readonly path?: string } = {},
): Promise<Response> {
  const { path = '/v1/chat/completions', ...rest } = init;
  return fetch(`${proxy.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4', messages: [] }),
    ...rest,
  });
}

export async function errorOf(response: Response): Promise<Record<string, unknown>> {
  return ((await response.json()) as { error: Record<string, unknown> }).error;
}

/** One request took a slot, reported this outcome, and the slot is back. */
export async function expectSlotBack(proxy: TestGateway, outcome: string): Promise<void> {
  await eventually(async () => {
    expect(proxy.finished).toHaveLength(1);
    expect(proxy.finished[0]).toMatchObject({ outcome, account: 'a1' });
    expect(await proxy.inFlight()).toBe(0);
    expect(proxy.scheduler.held()).toBe(0);
    expect(proxy.gateway.running).toBe(0);
  });
}

/** Nothing runs, no slot is taken, and the daemon is healthy. */
export async function expectUnharmed(proxy: TestGateway): Promise<void> {
  await eventually(async () => {
    expect(proxy.gateway.running).toBe(0);
    expect(await proxy.inFlight()).toBe(0);
  });
  expect((await fetch(`${proxy.url}/healthz`)).status).toBe(200);
}
