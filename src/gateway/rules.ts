// From the configuration to the rules by which requests are admitted, charged and kept with their
// runs. Made at start-up and for each change of it; how they are applied is the heart's, charge.ts's and run.ts's matter.
import { DEFAULT_OUTPUT_TOKENS } from '../config/costs-schema.ts';
import type { Config } from '../config/schema.ts';
import { substitution } from '../config/slots.ts';
import { loadPriceTable } from '../costs/price-table.ts';
import type { Logger } from '../log/logger.ts';
import type { AdmissionPolicy } from '../scheduler/admission.ts';
import { limitsOf } from '../tenants/limits.ts';
import { RunProviders, type RunProvidersOptions } from '../sessions/run-provider.ts';
import type { ChargeRules } from './charge.ts';
import type { ParkingRules } from './defer-wish.ts';
import type { EstimatorParts } from './estimating.ts';
import type { GatewayRules } from './gateway.ts';
import type { RunRules } from './run.ts';

/** What the heart enforces of tenants and budgets. */
export function admissionOf({ tenants, budget }: Config): AdmissionPolicy {
  const { timeZone = 'UTC' } = budget ?? {};
  const limits = [...tenants.values()].map(limitsOf);
  return { tenants: limits, timeZone, ...(budget && { budget: budget.global }) };
}

/** What lives longer than one configuration. */
export interface RulesParts {
  readonly runs: RunProviders;
  readonly logger: Logger;
  /** Absent: `v1` estimates alone. */
  readonly estimators?: EstimatorParts | undefined;
}

/** All that a configuration says about requests. Warns of models without a price. */
export async function gatewayRules(
  config: Config,
  { runs, logger, estimators }: RulesParts,
): Promise<GatewayRules> {
  const { maxBodyBytes, writeIdleTimeoutMs, waitKeepAliveMs } = config.server;
  return {
    accounts: new Map(config.accounts.map((account) => [account.name, account])),
    routes: config.routes,
    failover: config.failover,
    charging: {
      ...(await loadChargeRules(config, logger)),
      estimators: estimators && { ...estimators, config: config.estimates },
    },
    runs: makeRunRules(config, runs),
    sessionFrom: config.sessions.from,
    waitMs: config.scheduler.waitMs,
    waitKeepAliveMs,
    maxBodyBytes,
    writeIdleTimeoutMs,
    parking: parkingRules(config),
  };
}

/** To be called once, at the start: a slot without a route is served by another one's. */
export function tellOfSlots(
  { deferral, routes }: Pick<Config, 'deferral' | 'routes'>,
  logger: Pick<Logger, 'info'>,
): void {
  const told = deferral.enabled ? substitution(deferral.slots, routes) : undefined;
  if (told !== undefined) logger.info(told);
}

/** Undefined where deferral is off. */
function parkingRules({ deferral }: Config): ParkingRules | undefined {
  const { enabled, stages, webhook, slots } = deferral;
  const { retryAfterMs, maxPayloadBytes, maxAnswerBytes } = deferral;
  if (!enabled) return undefined;
  const bounds = { retryAfterMs, maxPayloadBytes, maxAnswerBytes };
  return { ...bounds, slots, stages: new Set(Object.keys(stages)), webhookHosts: webhook.hosts };
}

/** Warns of models without a price, once, with their names. */
export async function loadChargeRules(config: Config, logger: Logger): Promise<ChargeRules> {
  const { budget } = config;
  const { defaultOutputTokens = DEFAULT_OUTPUT_TOKENS } = budget ?? {};
  if (budget === undefined) return { prices: undefined, defaultOutputTokens };
  const prices = await loadPriceTable(config, budget);
  if (prices.unpriced.length > 0) {
    const policy = `budget.unpriced is ${budget.unpriced}`;
    logger.warn(`some models have no price; ${policy}`, { models: prices.unpriced });
  }
  return { prices, defaultOutputTokens };
}

/** The memory of runs, as long as the configuration in force says. */
export function runProviders(
  config: Config,
  store: Pick<RunProvidersOptions, 'redis' | 'keyStyle'>,
): RunProviders {
  const { redis, keyStyle } = store;
  const maxRemembered = (): number => config.runs.maxRemembered;
  return new RunProviders({ redis, keyStyle, cell: config.scheduler.cell, maxRemembered });
}

/** With a single provider there is nothing to stay with: its runs are not remembered. */
function makeRunRules({ runs, accounts }: Config, memory: RunProviders): RunRules {
  const { session, sessionFrom, stickyProvider } = runs;
  const hasChoice = new Set(accounts.map(({ pool }) => pool)).size > 1;
  return { session, sessionFrom, memory: stickyProvider && hasChoice ? memory : undefined };
}
