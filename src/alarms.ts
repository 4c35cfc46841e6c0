// Alerts as one part of a daemon: events of other parts become alerts, and what holds in the cell is
// compared with them. Without a destination in the configuration nothing of it runs.
import type { Redis } from 'ioredis';
import type { Told } from './alerts/alert.ts';
import { GIVE_UP_REASONS, type OutboxEmitter } from './alerts/events.ts';
import type { Levels } from './alerts/keeper.ts';
import * as meanings from './alerts/meanings.ts';
import { Outbox } from './alerts/outbox.ts';
import { SEVERITIES } from './alerts/alert.ts';
import type { Config } from './config/schema.ts';
import type { CanaryEmitter } from './costsim/canary-events.ts';
import type { CostControl } from './costsim/service.ts';
import type { SchedulerEmitter } from './core/events.ts';
import type { Service } from './core/service.ts';
import type { Logger } from './log/logger.ts';
import { oncePer } from './log/once-per.ts';
import type { AlertMetrics } from './metrics/alert-metrics.ts';
import type { KeyStyle } from './redis/keys.ts';
import type { BudgetView } from './scheduler/budgets.ts';
import type { Insight } from './scheduler/insight.ts';

export interface AlarmsOptions {
  readonly config: Config;
  readonly redis: Redis;
  readonly keyStyle: KeyStyle;
  readonly events: SchedulerEmitter;
  readonly insight: Pick<Insight, 'health' | 'budgets'>;
  readonly metrics: AlertMetrics;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** What else holds while an alert fires; each is read once an interval by one daemon. */
  readonly moreLevels?: readonly (() => Promise<Levels>)[];
  /** Whether this daemon may look through the alerts; by default whoever comes first does. */
  readonly mayKeep?: () => boolean;
  /** For so long in ms `mayKeep` may be false for all daemons. */
  readonly unwatchedMs?: number;
}

export interface Alarms extends Pick<Service, 'stop'> {
  /** Undefined where nobody is told. */
  readonly outbox: Outbox | undefined;
  /** Never throws and never waits; the same told by a whole fleet is one alert. */
  tell(told: Told | undefined): void;
  /** Brings the gauges up to date. Never rejects. */
  collect(): Promise<void>;
}

/** How often one daemon looks which budget it is that refuses. */
const STOP_LOOK_MS = 5000;
const FAILURE_LINE_MS = 60_000;

export async function startAlarms(options: AlarmsOptions): Promise<Alarms> {
  const { config, events, metrics, logger, insight } = options;
  const { alertmanager, webhooks } = config.alerts;
  if (alertmanager.urls.length + webhooks.length === 0) return SILENT;
  const outbox: Outbox = new Outbox({
    ...options,
    cell: config.scheduler.cell,
    config: config.alerts,
    levels: () => readLevels(options, outbox),
  });
  observeOutbox(outbox.events, { metrics, logger });
  const tell = (told: Told | undefined): void => {
    if (told !== undefined) outbox.tell(told);
  };
  await outbox.start();
  tellOfScheduler(events, tell);
  tellOfStops(events, { insight, tell });
  return {
    outbox,
    tell,
    collect: () => collectInto(metrics, outbox),
    stop: () => outbox.stop(),
  };
}

/** What the estimators' breaker and canary say becomes alerts, for the life of their emitters. */
export function tellOfEstimators(
  { tell }: Pick<Alarms, 'tell'>,
  { breaker, canary }: { readonly breaker: CostControl['events']; readonly canary: CanaryEmitter },
): void {
  const opened = ({ why, cause = 'hand' }: { readonly why?: string; readonly cause?: string }) => {
    tell(meanings.toldOfEstimatorTrip({ reason: why ?? cause }));
  };
  breaker.on('tripped', opened);
  breaker.on('disabled', opened);
  breaker.on('recovered', () => tell(meanings.toldOfEstimatorRecovery()));
  breaker.on('enabled', () => tell(meanings.toldOfEstimatorRecovery()));
  canary.on('reported', ({ report: { verdict } }) => {
    if (verdict !== 'inconclusive') tell(meanings.toldOfCanary({ passed: verdict === 'passed' }));
  });
}

/** Whether the breaker is open, for the look that finds what no daemon lived to tell. */
export function breakerLevels(
  cost: Pick<CostControl, 'isInUse' | 'breaker'>,
): () => Promise<Levels> {
  return async () => {
    if (!cost.isInUse) return { covers: [], holding: [] };
    const { state, why, cause = 'hand' } = await cost.breaker.status();
    const open = meanings.estimatorOut(why === '' ? cause : why);
    return { covers: [open.name], holding: state === 'open' ? [open] : [] };
  };
}

const SILENT: Alarms = {
  outbox: undefined,
  tell: () => undefined,
  collect: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

type Tell = (told: Told | undefined) => void;

function tellOfScheduler(events: SchedulerEmitter, tell: Tell): void {
  events.on('health', (event) => tell(meanings.toldOfHealth(event)));
  events.on('reaped', (event) => tell(meanings.toldOfReaped(event)));
  events.on('overage', (event) => tell(meanings.toldOfOverage(event)));
  events.on('corrupt', (event) => tell(meanings.toldOfCorrupt(event)));
  events.on('outage', (event) => tell(meanings.toldOfOutage(event)));
  events.on('recovery', () => tell(meanings.toldOfRecovery()));
  events.on('audited', (event) => tell(meanings.toldOfAudit(event)));
  events.on('budgetWarning', (event) => {
    tell({ kind: 'condition', alert: meanings.budgetWarning(event), holds: true });
  });
}

/** A refusal does not say which budget it was: the fullest ones are. */
function tellOfStops(
  events: SchedulerEmitter,
  { insight, tell }: Pick<AlarmsOptions, 'insight'> & { readonly tell: Tell },
): void {
  let lookedAtMs = -Infinity;
  events.on('denied', ({ reason }) => {
    if (reason !== 'budget_stop' || performance.now() - lookedAtMs < STOP_LOOK_MS) return;
    lookedAtMs = performance.now();
    insight
      .budgets()
      .then((budgets) => fullest(budgets).forEach((one) => tell(meanings.toldOfBudgetStop(one))))
      // Another refusal looks again.
      .catch(() => undefined);
  });
}

const NEARLY_FULL = 0.9;

function fullest(budgets: readonly BudgetView[]): readonly BudgetView[] {
  const bounded = budgets.filter(({ stopMicro }) => stopMicro > 0);
  const partOf = (one: BudgetView): number =>
    (one.settledMicro + one.reservedMicro) / one.stopMicro;
  const most = Math.max(...bounded.map(partOf));
  return bounded.filter((one) => partOf(one) >= Math.min(most, NEARLY_FULL));
}

async function readLevels(
  { config, insight, moreLevels = [] }: AlarmsOptions,
  outbox: Pick<Outbox, 'tell'>,
): Promise<Levels> {
  const [health, budgets, ...more] = await Promise.all([
    insight.health({ most: 1 }),
    insight.budgets(),
    ...moreLevels.map((read) => read()),
  ]);
  const configured = new Set(config.accounts.map(({ name }) => name));
  const accounts = health.accounts.filter(({ account }) => configured.has(account));
  const used = (one: BudgetView): number => one.settledMicro + one.reservedMicro;
  for (const one of budgets) {
    if (one.stopMicro >= 0 && used(one) >= one.stopMicro)
      outbox.tell(meanings.toldOfBudgetStop(one));
  }
  return {
    covers: [...meanings.LEVEL_ALERTS, ...more.flatMap(({ covers }) => covers)],
    holding: [
      ...accounts.filter((one) => one.disabled).map((one) => meanings.accountUnusable(one.account)),
      ...accounts.flatMap(({ account, pool, breakers }) =>
        breakers
          .filter(({ state }) => state !== 'closed')
          .map(({ model }) => meanings.breakerOpen({ account, pool, model })),
      ),
      ...budgets
        .filter((one) => one.warnMicro >= 0 && used(one) >= one.warnMicro)
        .map(meanings.budgetWarning),
      ...more.flatMap(({ holding }) => holding),
    ],
  };
}

async function collectInto(metrics: AlertMetrics, outbox: Outbox): Promise<void> {
  const seen = await Promise.all([outbox.depth(), outbox.firing()]).catch(() => undefined);
  const [depth, firing] = seen ?? [NaN, undefined];
  metrics.alertQueueDepth.set(depth);
  for (const severity of SEVERITIES) {
    metrics.alertsFiring.set({ severity }, firing === undefined ? NaN : firing[severity]);
  }
}

function observeOutbox(
  events: OutboxEmitter,
  { metrics, logger }: Pick<AlarmsOptions, 'metrics' | 'logger'>,
): void {
  for (const state of ['firing', 'resolved']) metrics.alertsSent.inc({ state }, 0);
  for (const reason of GIVE_UP_REASONS) metrics.alertsGivenUp.inc({ reason }, 0);
  events.on('changed', (event) => logger.info('an alert has changed', event));
  events.on('sent', ({ state }) => metrics.alertsSent.inc({ state }));
  events.on('givenUp', (event) => {
    metrics.alertsGivenUp.inc({ reason: event.reason });
    logger.error('an alert will not arrive', event);
  });
  const failed = oncePer(FAILURE_LINE_MS);
  events.on('sendFailed', (event) => {
    metrics.alertSendFailures.inc();
    if (failed()) logger.warn('alerts could not be sent; they are kept', event);
  });
  const storeFailed = oncePer(FAILURE_LINE_MS);
  events.on('storeFailed', (event) => {
    if (storeFailed()) logger.warn('the store did not take alerts; they are kept', event);
  });
}
