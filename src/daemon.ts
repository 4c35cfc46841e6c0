// The composition root: the only file that knows all parts. It starts them in order, each with
// what it needs of the earlier ones, and stops them in reverse. It decides nothing about requests.
import { breakerLevels, startAlarms, tellOfEstimators } from './alarms.ts';
import { Cleanup } from './cleanup.ts';
import {
  recordEstimates,
  startCanary,
  startCostControl,
  type CostOptions,
} from './cost-control.ts';
import { withSimulator } from './config/demo.ts';
import { LiveConfig } from './config/live.ts';
import type { ReloadResult } from './config/reloading.ts';
import type { Config } from './config/schema.ts';
import { startLeading } from './leading.ts';
import { Gateway } from './gateway/gateway.ts';
import { observeArms } from './gateway/arms.ts';
import { applyConfig } from './gateway/apply.ts';
import { Registration } from './gateway/registration.ts';
import { gatewayRules, runProviders, tellOfSlots, type RulesParts } from './gateway/rules.ts';
import { warnOfParking, warnOfRuns } from './http/run-warnings.ts';
import { createLogger, type Logger } from './log/logger.ts';
import { logScheduler } from './log/observe.ts';
import { createMetrics } from './metrics/registry.ts';
import { openStore, type Store, type StoreFacts } from './open-store.ts';
import { startRollouts, type Rollout } from './rollout/service.ts';
import { insightInto } from './scheduler/insight.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { startSimulator } from './sim/server.ts';
import { ReloadService, type ConfigSource } from './reload.ts';
import { startServing, type ServingParts } from './serving.ts';
import { readVersion } from './version.ts';

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
  const common = { version, cleanup, logger };
  const url = await startServing({ ...common, ...serving, ...watching, cost });
  cleanup.add(() => reloading.stop());
  await reloading.start();
  logger.info('serving', { url, version, daemon: scheduler.id });
  const { socketPath, cliCommand } = store;
  return { url, redis: { socketPath, cliCommand }, simUrl, reload, stop: () => cleanup.run() };
}

type Watching = Pick<ServingParts, 'canary' | 'alarms' | 'insight'>;

interface WatchingParts extends Pick<ServingParts, 'store' | 'cost' | 'gateway'>, CostOptions {
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
