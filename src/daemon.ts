// The composition root: the only file that knows all parts. It starts them in order, each with
// what it needs of the earlier ones, and stops them in reverse. It decides nothing about requests.
import { breakerLevels, startAlarms, tellOfEstimators, type Alarms } from './alarms.ts';
import { Cleanup } from './cleanup.ts';
import {
  recordEstimates,
  startCanary,
  startCostControl,
  type CostOptions,
  type RunningCostControl,
} from './cost-control.ts';
import type { EstimatorCanary } from './estimator-canary.ts';
import { startDeferring } from './deferring.ts';
import { withSimulator } from './config/demo.ts';
import { LiveConfig } from './config/live.ts';
import type { ReloadResult } from './config/reloading.ts';
import type { Config } from './config/schema.ts';
import { startJournaling } from './journaling.ts';
import { startLeading } from './leading.ts';
import { Gateway } from './gateway/gateway.ts';
import { observeArms } from './gateway/arms.ts';
import { applyConfig } from './gateway/apply.ts';
import { Registration } from './gateway/registration.ts';
import { gatewayRules, runProviders, tellOfSlots, type RulesParts } from './gateway/rules.ts';
import { observeRollout } from './http/rollout-telemetry.ts';
import { createApp } from './http/app.ts';
import { closeConnections, listen, stopAccepting, trackConnections } from './http/listener.ts';
import { createProxyRouter } from './http/routes/proxy.ts';
import { createHttpServer, setTimeouts } from './http/server.ts';
import { warnOfParking, warnOfRuns } from './http/run-warnings.ts';
import { observeGateway, observePlainRequest } from './http/telemetry.ts';
import { createLogger, type Logger } from './log/logger.ts';
import { logScheduler } from './log/observe.ts';
import { createCollector } from './metrics/collect.ts';
import { createLabels } from './metrics/labels.ts';
import { observeScheduler } from './metrics/observe.ts';
import { createMetrics, type Metrics } from './metrics/registry.ts';
import { openStore, type Store, type StoreFacts } from './open-store.ts';
import { readServerMemory } from './redis/server-memory.ts';
import { startRollouts, type Rollout } from './rollout/service.ts';
import { readCounters } from './scheduler/inspect.ts';
import { insightInto, type Insight } from './scheduler/insight.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { startSimulator } from './sim/server.ts';
import { startTenants } from './tenants/service.ts';
import { ReloadService, type ConfigSource } from './reload.ts';
import { readVersion } from './version.ts';

/** After the grace, answers of the other routes may still take one call to the store. */
const LAST_ANSWERS_MS = 2000;
/** A dead leader is followed within one of its lives; another one is for the store's restart. */
const LEADERLESS_LIVES = 2;

export interface DaemonOptions {
  readonly config: Config;
  /** Where the configuration comes from, to be read again. Without one nothing is reloaded. */
  readonly source?: ConfigSource | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Told, in one line each, about steps of the start that take time. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** By default a JSON log on stdout at the configured level. */
  readonly logger?: Logger | undefined;
}

export interface RunningDaemon {
  /** http://host:port */
  readonly url: string;
  readonly redis: StoreFacts;
  /** The built-in upstream of a demonstration. */
  readonly simUrl: string | undefined;
  /** Reads the configuration again: all of it is in force then, or it rejects and nothing is. */
  reload(): Promise<ReloadResult>;
  /** Idempotent: stops accepting, drains, gives every slot back, stops all that was started. */
  stop(): Promise<void>;
}

/** What every step of the start needs. */
interface Start extends DaemonOptions {
  readonly logger: Logger;
  readonly version: string;
  readonly cleanup: Cleanup;
}

/** Resolves when the daemon serves; rejects, with nothing left running, when it cannot. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { config } = options;
  const logger = options.logger ?? createLogger(config.log);
  const cleanup = new Cleanup();
  try {
    return await startAll({ ...options, logger, version: readVersion(), cleanup });
  } catch (error) {
    await cleanup.run().catch((failure: unknown) => {
      logger.error('stopping after a failed start failed', { error: failure });
    });
    throw error;
  }
}

async function startAll(start: Start): Promise<RunningDaemon> {
  const { logger, version, cleanup, source } = start;
  const simUrl = start.config.demo ? await startDemoUpstream(start) : undefined;
  const config = new LiveConfig(withSimulator(start.config, simUrl));
  const store = await openStore(start);
  const scheduler = newScheduler({ ...start, config }, store);
  const runs = runProviders(config, store);
  const { cell } = config.scheduler;
  const rollout = await startRollouts({ ...store, cell, config, scheduler, logger });
  cleanup.add(() => rollout.stop());
  const registration = new Registration({ scheduler, policies: rollout.policies, logger });
  cleanup.add(() => registration.stop());
  await registration.configure(config.current);
  await scheduler.start();
  const metrics = createMetrics({ version });
  const { rollouts } = rollout;
  const costParts = { ...store, cell, config, scheduler, rollouts, metrics, logger };
  const cost = await startCostControl(costParts);
  cleanup.add(() => cost.stop());
  const { estimators } = cost;
  const gateway = await startGateway(start, { config, rollout, runs, estimators });
  recordEstimates(gateway.events, cost.costControl);
  const watching = await startWatching(start, { ...costParts, store, cost, gateway });
  const reloading = new ReloadService({
    config,
    source: source && { ...source, load: async (r) => withSimulator(await source.load(r), simUrl) },
    apply: (next) => applyConfig(next, { config, registration, gateway, runs, estimators, logger }),
    logger,
    onEnd: (result) => metrics.reloads.inc({ result }),
  });
  const reload = (): Promise<ReloadResult> => reloading.reload();
  const serving = { config, store, scheduler, rollout, gateway, simUrl, metrics, reload };
  const parts = { ...serving, ...watching, cost };
  const url = await startHttp(start, parts);
  cleanup.add(() => reloading.stop());
  await reloading.start();
  logger.info('serving', { url, version, daemon: scheduler.id });
  const { socketPath, cliCommand } = store;
  return { url, redis: { socketPath, cliCommand }, simUrl, reload, stop: () => cleanup.run() };
}

type Watching = Pick<HttpParts, 'canary' | 'alarms' | 'insight'>;

interface WatchingParts extends Pick<HttpParts, 'store' | 'cost' | 'gateway'>, CostOptions {
  readonly config: LiveConfig;
  readonly scheduler: Scheduler;
}

/** What looks at the cell for people: the leader, its canary, and alerts. */
async function startWatching({ cleanup }: Start, parts: WatchingParts): Promise<Watching> {
  const { store, config, scheduler, metrics, logger, cost, gateway, cell } = parts;
  const leading = { ...store, cell, holder: scheduler.id, ...config.leader, metrics, logger };
  const elector = await startLeading(leading);
  cleanup.add(() => elector.stop());
  const canary = await startCanary({ cost, elector, gateway }, parts);
  cleanup.add(() => canary.stop());
  const insight = insightInto({ ...store, cell });
  const alarms = await startAlarms({
    ...{ ...store, config, events: scheduler.events, insight, metrics, logger },
    moreLevels: [breakerLevels(cost.costControl)],
    mayKeep: () => elector.leading() !== undefined,
    unwatchedMs: LEADERLESS_LIVES * config.leader.lifeMs,
  });
  cleanup.add(() => alarms.stop());
  tellOfEstimators(alarms, { breaker: cost.costControl.events, canary: canary.events });
  return { canary, alarms, insight };
}

async function startDemoUpstream({ config, cleanup }: Start): Promise<string> {
  const limits = Object.fromEntries(
    config.accounts.map(({ credential = '', maxConcurrency }) => [credential, maxConcurrency]),
  );
  const simulator = await startSimulator({ limits });
  cleanup.add(() => simulator.stop());
  return simulator.url;
}

/** To be configured and started once operators' switches and percentages are known. */
function newScheduler({ config, cleanup, logger }: Start, store: Store): Scheduler {
  const { redis, keyStyle, isOurs } = store;
  const scheduler = new Scheduler({
    ...config.scheduler,
    local: config.local,
    redis,
    keyStyle,
    timeoutMs: config.redis.timeoutMs,
    sessions: () => config.sessions,
    watchServer: !isOurs,
  });
  logScheduler(scheduler.events, logger);
  cleanup.add(() => scheduler.stop());
  return scheduler;
}

interface GatewayParts extends Pick<RulesParts, 'runs' | 'estimators'> {
  readonly config: LiveConfig;
  readonly rollout: Rollout;
}

async function startGateway(
  { cleanup, logger }: Start,
  { config, rollout, ...parts }: GatewayParts,
): Promise<Gateway> {
  const rules = await gatewayRules(config, { ...parts, logger });
  const gateway = new Gateway({
    scheduler: rollout.scheduler,
    rollouts: rollout.rollouts,
    ...rules,
  });
  observeArms({ gateway: gateway.events, scheduler: rollout.scheduler.events }, rollout);
  warnOfRuns(gateway.events, logger);
  warnOfParking(gateway.events, logger);
  tellOfSlots(config, logger);
  cleanup.add(() => gateway.stop());
  return gateway;
}

interface HttpParts {
  readonly config: LiveConfig;
  readonly scheduler: Scheduler;
  readonly rollout: Rollout;
  readonly cost: RunningCostControl;
  readonly canary: EstimatorCanary;
  readonly alarms: Alarms;
  readonly insight: Insight;
  readonly store: Store;
  readonly gateway: Gateway;
  readonly simUrl: string | undefined;
  readonly metrics: Metrics;
  readonly reload: () => Promise<ReloadResult>;
}

async function startHttp(start: Start, parts: HttpParts): Promise<string> {
  const { version, logger, cleanup } = start;
  const { config, store, scheduler, rollout, gateway, simUrl, metrics, reload } = parts;
  const { cost, canary, alarms, insight } = parts;
  const telemetry = { metrics, labels: createLabels(config), logger };
  observeScheduler(scheduler.events, telemetry);
  observeGateway(gateway.events, telemetry);
  observeRollout(rollout.events, telemetry);
  const source = { redis: store.redis, cell: config.scheduler.cell, keyStyle: store.keyStyle };
  const tenants = await startTenants({ ...store, config, limits: scheduler, logger });
  const asking = { ...store, config, scheduler, gateway };
  const journaling = await startJournaling({ ...asking, ...tenants, metrics, logger });
  config.onReplaced(() => tenants.directory.configured());
  config.onReplaced((next) => logger.setLevel(next.log.level));
  const deferring = await startDeferring({
    ...{ ...store, config, gateway, scheduler, metrics, logger },
    directory: tenants.directory,
  });
  cleanup.add(() => deferring.stop());
  let draining = false;
  const app = createApp({
    config,
    version,
    scheduler: rollout.scheduler,
    rollout,
    costControl: cost.costControl,
    canary: canary.store,
    outbox: alarms.outbox,
    deferral: deferring.deferral,
    tenants,
    journal: journaling.journal,
    insight,
    proxy: createProxyRouter(gateway, deferring.beside),
    metrics,
    collect: createCollector({
      metrics,
      readCounters: () => readCounters(source),
      readMemory: () => readServerMemory(store.redis),
      held: () => scheduler.held(),
      waiting: () => scheduler.waiting(),
      onCollect: () => rollout.switches.tellWindows(),
      readMore: () =>
        readAll(cost.readMore(), canary.readMore(), alarms.collect(), deferring.collect()),
    }),
    logger,
    simulatorUrl: simUrl,
    onFinished: (request) => observePlainRequest(request, telemetry),
    isDraining: () => draining,
    reload,
  });
  const server = createHttpServer(app, config.server);
  config.onReplaced((next) => setTimeouts(server, next.server));
  const open = trackConnections(server);
  cleanup.add(async () => {
    draining = true;
    logger.info('draining', { running: gateway.running, held: scheduler.held() });
    if (server.listening) stopAccepting(server);
    // Both have the same grace: a parked job that runs is one of the gateway's requests.
    await Promise.all([gateway.drain(config.server.shutdownGraceMs), deferring.stop()]);
    await closeConnections(server, { open, graceMs: LAST_ANSWERS_MS });
  });
  // First of all: draining would wait for what it asks.
  cleanup.add(() => journaling.stop());
  return listen(server, config.server);
}

async function readAll(...parts: readonly Promise<void>[]): Promise<void> {
  await Promise.all(parts);
}
