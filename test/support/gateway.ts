// A whole proxy in the test's own process: the real application and server, a real scheduler on a
// real Redis. One pool `openai` with one account `a1`; the route `gpt-4` keeps the model's name,
// `deep` renames it. Stopped when the test that started it ends.
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import type { Config, UpstreamTimeouts } from '../../src/config/schema.ts';
import type { FinishedRequest } from '../../src/gateway/events.ts';
import type { EstimatorParts } from '../../src/gateway/estimating.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { admissionOf, gatewayRules, runProviders } from '../../src/gateway/rules.ts';
import { createApp } from '../../src/http/app.ts';
import { Files } from '../../src/batches/files.ts';
import { serveFiles } from '../../src/http/routes/files.ts';
import { createProxyRouter } from '../../src/http/routes/proxy.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { createLogger } from '../../src/log/logger.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { insightInto } from '../../src/scheduler/insight.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { startTenants, type Tenants } from '../../src/tenants/service.ts';
import type { TestRedis } from './redis.ts';

export const UPSTREAM_KEY = 'upstream-credential-1';

export interface TestGatewayOptions {
  /** Origin of the upstream; its base URL is /v1 below it. */
  readonly upstream: string;
  readonly provider?: 'openai' | 'anthropic';
  /** 2 by default. */
  readonly slots?: number;
  readonly timeouts?: Partial<UpstreamTimeouts>;
  /** Settings of `server`. */
  readonly server?: Readonly<Record<string, unknown>>;
  readonly leaseMs?: number;
  /** Nothing waits unless told otherwise. */
  readonly waitMs?: number;
  readonly waitKeepAliveMs?: number;
  /** Absent: `v1` estimates alone. */
  readonly estimators?: EstimatorParts;
  /** More of the configuration, over what is there; a function of the upstream's origin. */
  readonly file?: MoreConfig | ((upstream: string) => MoreConfig);
}

type MoreConfig = Readonly<Record<string, unknown>>;

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly cell: string;
  readonly gateway: Gateway;
  readonly scheduler: Scheduler;
  readonly files: Files;
  readonly tenants: Tenants;
  readonly config: Config;
  /** Summaries of all finished requests so far. */
  readonly finished: readonly FinishedRequest[];
  /** The next one that finishes. */
  nextFinished(): Promise<FinishedRequest>;
  /** Slots that are taken, by the store. */
  inFlight(): Promise<number>;
}

export async function startGateway(
  store: TestRedis,
  options: TestGatewayOptions,
): Promise<TestGateway> {
  const cell = store.cell();
  const config = aConfig(cell, options);
  const redis = await store.connect();
  const scheduler = new Scheduler({
    ...config.scheduler,
    redis,
    keyStyle: 'plain',
    timeoutMs: 1000,
    sessions: () => config.sessions,
  });
  await scheduler.configure(config.accounts, admissionOf(config));
  await scheduler.start();
  const logger = createLogger({ level: 'error', stream: new PassThrough() });
  const runs = runProviders(config, { redis, keyStyle: 'plain' });
  const gateway = new Gateway({
    scheduler,
    ...(await gatewayRules(config, { runs, logger, estimators: options.estimators })),
    waitMs: options.waitMs ?? 0,
    waitKeepAliveMs: options.waitKeepAliveMs ?? 0,
  });
  const finished: FinishedRequest[] = [];
  gateway.events.on('finished', (summary) => finished.push(summary));
  const files = new Files({ redis, cell, keyStyle: 'plain', config: () => config.files });
  const shared = { redis, keyStyle: 'plain', config, limits: scheduler, logger } as const;
  const tenants = await startTenants(shared);
  const app = createApp({
    config,
    version: '0.0.0',
    scheduler,
    tenants,
    insight: insightInto({ redis, cell, keyStyle: 'plain' }),
    proxy: createProxyRouter(gateway, { files: serveFiles({ files, config }) }),
    metrics: createMetrics({ version: '0.0.0' }),
    collect: () => Promise.resolve(),
    logger,
    onFinished: () => undefined,
    isDraining: () => false,
  });
  const server = createHttpServer(app, {
    headersTimeoutMs: config.server.headersTimeoutMs,
    bodyTimeoutMs: config.server.bodyTimeoutMs,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await gateway.stop();
    await scheduler.stop();
  });
  const { port } = server.address() as AddressInfo;
  const { concurrency } = cellKeys(cell);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    cell,
    gateway,
    scheduler,
    files,
    tenants,
    config,
    finished,
    nextFinished: () => new Promise((resolve) => gateway.events.once('finished', resolve)),
    inFlight: async () => {
      const models = [...new Set(config.accounts.flatMap((account) => account.models))];
      const keys = models.map((model) => concurrency({ pool: 'openai', model }));
      return (await redis.mget(keys)).reduce((sum, count) => sum + Number(count), 0);
    },
  };
}

function aConfig(cell: string, options: TestGatewayOptions) {
  const { upstream, provider = 'openai', slots = 2, timeouts = {}, server = {} } = options;
  const more = typeof options.file === 'function' ? options.file(upstream) : options.file;
  const file = {
    server: { port: 0, ...server },
    scheduler: { cell, leaseMs: options.leaseMs ?? 30_000, recoveryMs: 0 },
    pools: {
      openai: {
        baseUrl: `${upstream}/v1`,
        credential: UPSTREAM_KEY,
        provider,
        timeouts,
        models: ['gpt-4', 'gpt-4-0613'],
        accounts: [{ name: 'a1', maxConcurrency: slots }],
      },
    },
    routes: {
      'gpt-4': { targets: [{ pool: 'openai', model: 'gpt-4' }] },
      deep: { targets: [{ pool: 'openai', model: 'gpt-4-0613' }] },
    },
    ...more,
  };
  return parseConfig(JSON.stringify(file), { source: 'test', env: {} });
}
