// Cost control in a daemon: made of the daemon's parts, fed by the gateway's events, counted and
// logged. What the estimators and the breaker do is costs/'s and costsim/'s matter.
import { startEstimators, type EstimatorsOptions } from './costs/service.ts';
import { CostControl, type CostControlOptions } from './costsim/service.ts';
import type { EstimatorParts } from './gateway/estimating.ts';
import type { GatewayEmitter } from './gateway/events.ts';
import { observeCostsim, showCostsim, type CostsimTelemetry } from './http/costsim-telemetry.ts';
import type { Rollouts } from './rollout/rollouts.ts';

export interface RunningCostControl {
  readonly costControl: CostControl;
  readonly estimators: EstimatorParts;
  /** Brings the gauges up to date; never rejects. */
  readonly readMore: () => Promise<void>;
  stop(): Promise<void>;
}

type Options = CostControlOptions &
  CostsimTelemetry &
  EstimatorsOptions & { readonly rollouts: Pick<Rollouts, 'armsOf' | 'estimatorFor'> };

/** A cell that has never been asked for it is left alone. */
export async function startCostControl(options: Options): Promise<RunningCostControl> {
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
  return { costControl, estimators, readMore, stop };
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function recordEstimates(events: GatewayEmitter, { record }: CostControl): void {
  events.on('estimated', record);
}
