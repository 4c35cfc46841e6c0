// What a daemon serves: the application over all its parts, the work that it keeps for later, and the
// order in which both end. Which parts there are is daemon.ts's.
import type { Alarms } from './alarms.ts';
import type { Cleanup } from './cleanup.ts';
import type { LiveConfig } from './config/live.ts';
import type { ReloadResult } from './config/reloading.ts';
import type { RunningCostControl } from './cost-control.ts';
import { startDeferring, type Deferring } from './deferring.ts';
import type { EstimatorCanary } from './estimator-canary.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createApp, type AppDeps } from './http/app.ts';
import { closeConnections, listen, stopAccepting, trackConnections } from './http/listener.ts';
import { observeRollout } from './http/rollout-telemetry.ts';
import { createProxyRouter } from './http/routes/proxy.ts';
import { createHttpServer, setTimeouts } from './http/server.ts';
import { observeGateway, observePlainRequest } from './http/telemetry.ts';
import { startJournaling, type Journaling } from './journaling.ts';
import type { Logger } from './log/logger.ts';
import { createCollector, readAll } from './metrics/collect.ts';
import { createLabels } from './metrics/labels.ts';
import { observeScheduler } from './metrics/observe.ts';
import type { Metrics } from './metrics/registry.ts';
import type { Store } from './open-store.ts';
import { readServerMemory } from './redis/server-memory.ts';
import type { Rollout } from './rollout/service.ts';
import { readCounters } from './scheduler/inspect.ts';
import type { Insight } from './scheduler/insight.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import { startTenants, type Tenants } from './tenants/service.ts';

/** After the grace, answers of the other routes may still take one call to the store. */
const LAST_ANSWERS_MS = 2000;

export interface ServingParts {
  readonly version: string;
  readonly cleanup: Cleanup;
  readonly logger: Logger;
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

/** Work that goes on behind requests: what waits, and what is kept of sessions. */
interface Background {
  readonly deferring: Deferring;
  readonly journaling: Journaling;
}

/** Resolves with the URL at which all of it is served. */
export async function startServing(parts: ServingParts): Promise<string> {
  const { cleanup, logger, config, store, scheduler, rollout, gateway, metrics } = parts;
  const telemetry = { metrics, labels: createLabels(config), logger };
  observeScheduler(scheduler.events, telemetry);
  observeGateway(gateway.events, telemetry);
  observeRollout(rollout.events, telemetry);
  const tenants = await startTenants({ ...store, config, limits: scheduler, logger });
  config.onReplaced(() => tenants.directory.configured());
  config.onReplaced((next) => logger.setLevel(next.log.level));
  const background = await startBackground(parts, tenants);
  const { deferring, journaling } = background;
  let draining = false;
  const app = createApp({
    ...appDeps(parts, tenants, background),
    onFinished: (request) => observePlainRequest(request, telemetry),
    isDraining: () => draining,
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

async function startBackground(parts: ServingParts, tenants: Tenants): Promise<Background> {
  const { cleanup, logger, config, store, scheduler, gateway, metrics } = parts;
  const asking = { ...store, config, scheduler, gateway, metrics, logger };
  const journaling = await startJournaling({ ...asking, ...tenants });
  const deferring = await startDeferring({ ...asking, directory: tenants.directory });
  cleanup.add(() => deferring.stop());
  return { deferring, journaling };
}

function appDeps(
  parts: ServingParts,
  tenants: Tenants,
  { deferring, journaling }: Background,
): Omit<AppDeps, 'onFinished' | 'isDraining'> {
  const { version, logger, config, store, scheduler, rollout, gateway, metrics } = parts;
  const { cost, canary, alarms, insight, simUrl, reload } = parts;
  const source = { redis: store.redis, cell: config.scheduler.cell, keyStyle: store.keyStyle };
  return {
    ...{ config, version, rollout, tenants, insight, metrics, logger, reload },
    scheduler: rollout.scheduler,
    costControl: cost.costControl,
    canary: canary.store,
    outbox: alarms.outbox,
    deferral: deferring.deferral,
    journal: journaling.journal,
    proxy: createProxyRouter(gateway, deferring.beside),
    simulatorUrl: simUrl,
    collect: createCollector({
      metrics,
      readCounters: () => readCounters(source),
      readMemory: () => readServerMemory(store.redis),
      held: () => scheduler.held(),
      waiting: () => scheduler.waiting(),
      onCollect: () => rollout.switches.tellWindows(),
      readMore: () => readAll([cost, canary], [alarms, deferring, journaling]),
    }),
  };
}
