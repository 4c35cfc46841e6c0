// Cost control in a daemon: made of the daemon's parts, fed by the gateway's events, counted and
// logged. What it does is costsim/'s matter.
import { CostControl, type CostControlOptions } from './costsim/service.ts';
import type { GatewayEmitter } from './gateway/events.ts';
import { observeCostsim, showCostsim, type CostsimTelemetry } from './http/costsim-telemetry.ts';

export interface RunningCostControl {
  readonly costControl: CostControl;
  /** Brings the gauges up to date; never rejects. */
  readonly readMore: () => Promise<void>;
}

/** A cell that has never been asked for it is left alone. */
export async function startCostControl(
  options: CostControlOptions & CostsimTelemetry,
): Promise<RunningCostControl> {
  const { metrics } = options;
  const costControl = new CostControl(options);
  observeCostsim(costControl.events, options);
  await costControl.start();
  const readMore = async (): Promise<void> => {
    metrics.provenanceWaiting.set(costControl.waiting);
    const isWanted = costControl.isInUse;
    showCostsim(metrics, isWanted ? await costControl.report().catch(() => undefined) : undefined);
  };
  return { costControl, readMore };
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function recordEstimates(events: GatewayEmitter, { record }: CostControl): void {
  events.on('estimated', (estimated) => record(estimated.record));
}
