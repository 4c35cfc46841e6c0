// Switches and rollouts as one part of a daemon: what operators have set, the scheduler that heeds
// it, and what came of it.
import type { Redis } from 'ioredis';
import type { Config } from '../config/schema.ts';
import type { Service } from '../core/service.ts';
import { remade } from '../core/remade.ts';
import type { Logger } from '../log/logger.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { ArmStats } from './arm-stats.ts';
import { RolloutEmitter } from './events.ts';
import { Policies } from './policies.ts';
import { Rollouts } from './rollouts.ts';
import { Speeds } from './speeds.ts';
import { SwitchedScheduler, type SwitchedSchedulerOptions } from './switched-scheduler.ts';
import { Switches } from './switches.ts';

export interface RolloutOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Reads as the configuration in force. */
  readonly config: Config;
  readonly scheduler: SwitchedSchedulerOptions['scheduler'];
  readonly logger: Pick<Logger, 'warn'>;
}

export interface Rollout extends Pick<Service, 'stop'> {
  readonly events: RolloutEmitter;
  readonly policies: Policies;
  readonly switches: Switches;
  readonly scheduler: SwitchedScheduler;
  readonly rollouts: Rollouts;
  readonly speeds: Speeds;
  readonly stats: ArmStats;
}

/** Has read the store once when it resolves; rejects with `store_unavailable`. */
export async function startRollouts(options: RolloutOptions): Promise<Rollout> {
  const { config } = options;
  const events = new RolloutEmitter();
  const policies = new Policies(options);
  const switches = new Switches({ policies, events });
  const scheduler = new SwitchedScheduler({ ...options, config, switches, events });
  const isNeeded = (): boolean => rollouts.needsSpeeds();
  const names = remade(
    () => config.accounts,
    (accounts) => new Set(accounts.map(({ name }) => name)),
  );
  const speeds = new Speeds({ ...options, isNeeded, isAccount: (name) => names().has(name) });
  const rollouts = new Rollouts({ config, policies, speeds });
  const stats = new ArmStats(options);
  await policies.start();
  await Promise.all([speeds.start(), stats.start()]);
  const stop = async (): Promise<void> => {
    await Promise.all([policies.stop(), speeds.stop(), stats.stop()]);
  };
  return { events, policies, switches, scheduler, rollouts, speeds, stats, stop };
}
