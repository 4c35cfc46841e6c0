// What ended requests tell about the arms that they were in, and about the accounts that served them.
import type { ArmStats } from '../rollout/arm-stats.ts';
import type { Speeds } from '../rollout/speeds.ts';
import type { GatewayEmitter } from './events.ts';

export interface ArmListeners {
  readonly stats: Pick<ArmStats, 'note'>;
  readonly speeds: Pick<Speeds, 'note'>;
}

/** Of the upstream or of capacity; what a caller did wrong is no arm's. */
export function isArmError(status: number): boolean {
  return status === 429 || status >= 500;
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeArms(events: GatewayEmitter, { stats, speeds }: ArmListeners): void {
  events.on('finished', ({ arms, account, outcome, status, attempts, ttfbMs, costMicro }) => {
    if (account !== undefined && attempts > 0 && outcome !== 'ignored') {
      speeds.note(account, { firstByteMs: ttfbMs, failed: outcome !== 'success' });
    }
    if (arms === undefined || arms.length === 0) return;
    stats.note(arms, { isError: isArmError(status), firstByteMs: ttfbMs, costMicro });
  });
}
