// A daemon's HTTP side without its proxy: the real application over a real scheduler and Redis, in
// the test's own process. Stopped when the test that started it ends.
import { createServer, request as httpRequest, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { Router } from 'express';
import { onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { admissionOf } from '../../src/gateway/rules.ts';
import { createApp, type AppDeps } from '../../src/http/app.ts';
import { createLogger } from '../../src/log/logger.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { insightInto } from '../../src/scheduler/insight.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { startTenants } from '../../src/tenants/service.ts';
import type { TestRedis } from './redis.ts';

export const TEST_API_KEY = 'test-key-0123456789';

export interface ApiOptions {
  /** Slots of the one account; 2 by default. */
  readonly slots?: number;
  readonly cell?: string;
  readonly apiKey?: string;
  readonly leaseMs?: number;
  readonly canary?: AppDeps['canary'];
  readonly deferral?: AppDeps['deferral'];
  /** More of the configuration, over what is there. */
  readonly file?: Readonly<Record<string, unknown>>;
}

export interface SchedulerApi {
  readonly url: string;
  readonly cell: string;
  readonly config: Config;
  readonly scheduler: Scheduler;
  /** Slots that are taken now, as `redis-cli GET` would read them. */
  inFlight(): Promise<number>;
  /** What was logged so far. */
  logged(): string;
  /** Ends the HTTP server alone, as a crash of the daemon would. */
  close(): Promise<void>;
}

/** One pool `openai` with one account `a1` that serves `gpt-4`, also as the route `deep`. */
function aConfig(options: ApiOptions): Config {
  const { slots = 2, cell = 'main', apiKey, leaseMs = 30_000, file: more } = options;
  const file = {
    server: { port: 0, ...(apiKey === undefined ? {} : { apiKey }) },
    scheduler: { cell, leaseMs, maxLeaseMs: 60_000, recoveryMs: 0 },
    pools: {
      openai: {
        baseUrl: 'http://127.0.0.1:9/v1',
        models: ['gpt-4'],
        accounts: [{ name: 'a1', maxConcurrency: slots }],
      },
    },
    routes: { deep: { targets: [{ pool: 'openai', model: 'gpt-4' }] } },
    ...more,
  };
  return parseConfig(JSON.stringify(file), { source: 'test', env: {} });
}

export async function startSchedulerApi(
  store: TestRedis,
  options: ApiOptions = {},
): Promise<SchedulerApi> {
  const cell = options.cell ?? store.cell();
  const config = aConfig({ ...options, cell });
  const redis = await store.connect();
  const scheduler = new Scheduler({
    ...config.scheduler,
    redis,
    keyStyle: 'plain',
    timeoutMs: 5000,
  });
  await scheduler.configure(config.accounts, admissionOf(config));
  await scheduler.start();
  const stream = new PassThrough();
  const logger = createLogger({ level: 'info', stream });
  const app = createApp({
    config,
    version: '0.0.0',
    scheduler,
    tenants: await startTenants({ redis, keyStyle: 'plain', config, limits: scheduler, logger }),
    insight: insightInto({ redis, cell, keyStyle: 'plain' }),
    canary: options.canary,
    deferral: options.deferral,
    proxy: Router(),
    metrics: createMetrics({ version: '0.0.0' }),
    collect: () => Promise.resolve(),
    logger,
    onFinished: () => undefined,
    isDraining: () => false,
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(async () => {
    await close();
    await scheduler.stop();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cell,
    config,
    scheduler,
    inFlight: async () => Number(await redis.get(`concurrency:{${cell}}:openai:gpt-4`)),
    logged: () => (stream.read() as Buffer | null)?.toString() ?? '',
    close,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly error?: Record<string, unknown> };
}

/** Calls with JSON; a text body is sent as it is. */
export function caller(url: string) {
  return async (method: string, path: string, body?: unknown, headers = {}): Promise<Answer> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return {
      status: answer.status,
      headers: answer.headers,
      body: (await answer.json()) as Answer['body'],
    };
  };
}

/** The status of a request that fetch would not send. */
export function rawStatus(url: string, options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(url);
    const request = httpRequest({ host, port, ...options }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    request.on('error', reject).end();
  });
}
