// What ended requests and breakers tell about the arms that they were in, and about the accounts that
// served. It counts nothing itself.
import type { SchedulerEmitter } from '../core/events.ts';
import type { ArmStats } from '../rollout/arm-stats.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { Speeds } from '../rollout/speeds.ts';
import type { GatewayEmitter } from './events.ts';

export interface ArmListeners {
  readonly stats: Pick<ArmStats, 'note' | 'noteAccount'>;
  readonly speeds: Pick<Speeds, 'note'>;
  readonly rollouts: Pick<Rollouts, 'armOfAccount'>;
}

/** Of the upstream or of capacity; what a caller did wrong is no arm's. */
export function isArmError(status: number): boolean {
  return status === 429 || status >= 500;
}

export interface ArmSources {
  readonly gateway: GatewayEmitter;
  readonly scheduler: SchedulerEmitter;
}

/** Subscribes for the life of the emitters, which is the daemon's. */
export function observeArms({ gateway, scheduler }: ArmSources, listeners: ArmListeners): void {
  const { stats, speeds, rollouts } = listeners;
  gateway.on('finished', (request) => {
    const { arms, account, outcome, status, attempts, ttfbMs, costMicro } = request;
    if (account !== undefined && attempts > 0 && outcome !== 'ignored') {
      speeds.note(account, { firstByteMs: ttfbMs, failed: outcome !== 'success' });
    }
    for (const failed of request.failed) {
      const arm = rollouts.armOfAccount(failed.account);
      if (arm !== undefined) stats.noteAccount(arm, 'left');
    }
    if (arms === undefined || arms.length === 0) return;
    stats.note(arms, { isError: isArmError(status), firstByteMs: ttfbMs, costMicro });
  });
  // The one daemon whose tick saw a trip tells of it, so each is counted once.
  scheduler.on('health', ({ account, change }) => {
    const arm = change === 'open' ? rollouts.armOfAccount(account) : undefined;
    if (arm !== undefined) stats.noteAccount(arm, 'trips');
  });
}
