// The demonstration's daemon in the test's own process, on the test's store, with what tests ask
// of it. Stopped when the test that started it ends.
import { PassThrough } from 'node:stream';
import { onTestFinished } from 'vitest';
import { demoConfig } from '../../src/config/load.ts';
import { startDaemon } from '../../src/daemon.ts';
import { createLogger } from '../../src/log/logger.ts';
import type { TestRedis } from './redis.ts';

type Environment = Readonly<Record<string, string>>;

/** A cell of its own on the test's store; `env` comes on top. */
export function demoConfigOn(store: TestRedis, env: Environment = {}) {
  const base = {
    REDIS_URL: store.url,
    SLOTKEEPER_PORT: '0',
    SLOTKEEPER_CELL: store.cell(),
    SLOTKEEPER_RECOVERY_MS: '0',
  };
  return demoConfig({ env: { ...base, ...env } });
}

export async function startDemo(store: TestRedis, env: Environment = {}) {
  const config = demoConfigOn(store, env);
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const logger = createLogger({ level: 'info', stream });
  const daemon = await startDaemon({ config, env: process.env, logger });
  onTestFinished(() => daemon.stop());
  const { cell } = config.scheduler;
  return {
    ...daemon,
    config,
    logged: () => text,
    lines: () =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    metrics: async () => await (await fetch(`${daemon.url}/metrics`)).text(),
    inFlight: async () => Number(await store.redis.get(`concurrency:{${cell}}:openai:gpt-4`)),
  };
}

export interface Chat {
  readonly model?: string;
  readonly content?: string;
  readonly signal?: AbortSignal;
}

export function chat(url: string, { model = 'gpt-4', content = 'Hello', signal }: Chat = {}) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Resolves when the counter of the model has this value. */
export async function untilInFlight(daemon: { inFlight(): Promise<number> }, wanted: number) {
  while ((await daemon.inFlight()) !== wanted)
    await new Promise((resolve) => setImmediate(resolve));
}

/** Whether nothing listens there. */
export async function refused(url: string): Promise<boolean> {
  return fetch(url).then(
    () => false,
    () => true,
  );
}
