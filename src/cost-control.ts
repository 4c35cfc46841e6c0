// Cost control in a daemon: made of the daemon's parts, fed by the gateway's events, counted and
// logged. What the estimators and the breaker do is costs/'s and costsim/'s matter.
import type { Leadership } from './core/tenure.ts';
import { replay } from './costs/replay.ts';
import { startEstimators, type Estimators, type EstimatorsOptions } from './costs/service.ts';
import { readProvenance } from './costsim/provenance.ts';
import { CostControl, type CostControlOptions } from './costsim/service.ts';
import { startEstimatorCanary, type EstimatorCanary } from './estimator-canary.ts';
import type { ChargeRules } from './gateway/charge.ts';
import type { EstimatorParts } from './gateway/estimating.ts';
import type { GatewayEmitter } from './gateway/events.ts';
import { observeCostsim, showCostsim, type CostsimTelemetry } from './http/costsim-telemetry.ts';
import type { Metrics } from './metrics/registry.ts';
import { cellKeys } from './redis/keys.ts';
import type { Rollouts } from './rollout/rollouts.ts';

export interface RunningCostControl {
  readonly costControl: CostControl;
  readonly estimators: EstimatorParts;
  /** What `v2` has learned. */
  readonly lengths: Estimators['lengths'];
  /** Brings the gauges up to date; never rejects. */
  readonly readMore: () => Promise<void>;
  stop(): Promise<void>;
}

export type CostOptions = CostControlOptions &
  CostsimTelemetry &
  EstimatorsOptions & {
    readonly metrics: Metrics;
    readonly rollouts: Pick<Rollouts, 'all' | 'armsOf' | 'estimatorFor'>;
  };

/** A cell that has never been asked for it is left alone. */
export async function startCostControl(options: CostOptions): Promise<RunningCostControl> {
  const { metrics, rollouts } = options;
  const costControl = new CostControl(options);
  observeCostsim(costControl.events, options);
  await costControl.start();
  const { tokens, lengths, stop: stopEstimators } = await startEstimators(options);
  const readMore = async (): Promise<void> => {
    metrics.provenanceWaiting.set(costControl.waiting);
    const isWanted = costControl.isInUse;
    showCostsim(metrics, isWanted ? await costControl.report().catch(() => undefined) : undefined);
  };
  const estimators: EstimatorParts = {
    tokens,
    lengths,
    estimatorFor: (stableKey, route) => rollouts.estimatorFor(rollouts.armsOf(route, stableKey)),
    isV2Disabled: costControl.isV2Disabled,
  };
  const stop = async (): Promise<void> => {
    await Promise.all([costControl.stop(), stopEstimators()]);
  };
  return { costControl, estimators, lengths, readMore, stop };
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function recordEstimates(events: GatewayEmitter, { record }: CostControl): void {
  events.on('estimated', record);
}

export interface CanaryParts {
  readonly cost: RunningCostControl;
  readonly elector: { leading(): Leadership | undefined };
  /** The rules in force. */
  readonly gateway: { readonly charging: ChargeRules };
}

/** The canary of this daemon's cell: it runs where this daemon leads, and trips the one breaker. */
export async function startCanary(
  { cost, elector, gateway }: CanaryParts,
  options: CostOptions,
): Promise<EstimatorCanary> {
  const { redis, cell, keyStyle, config, rollouts } = options;
  const { lengths, costControl } = cost;
  const key = cellKeys(cell, keyStyle).provenance;
  return await startEstimatorCanary({
    ...options,
    elector,
    isWatched: () => {
      const { estimator, trial } = config.estimates;
      return estimator === 'v2' || trial || rollouts.all().some(({ what }) => what === 'estimator');
    },
    read: (sinceMs) => readProvenance({ redis, key }, { sinceMs }),
    replay: (record) => {
      const { prices, defaultOutputTokens } = gateway.charging;
      return replay(record, { prices, defaultOutputTokens, lengths });
    },
    trip: (words) => costControl.breaker.trip(words),
  });
}
