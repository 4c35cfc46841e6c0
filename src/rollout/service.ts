// Switches as one part of a daemon: what operators have switched, and the scheduler that heeds it.
import type { Redis } from 'ioredis';
import type { Config } from '../config/schema.ts';
import type { Service } from '../core/service.ts';
import type { Logger } from '../log/logger.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { RolloutEmitter } from './events.ts';
import { Policies } from './policies.ts';
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
  readonly switches: Switches;
  readonly scheduler: SwitchedScheduler;
}

/** Has read the store once when it resolves; rejects with `store_unavailable`. */
export async function startRollouts(options: RolloutOptions): Promise<Rollout> {
  const { config } = options;
  const events = new RolloutEmitter();
  const policies = new Policies(options);
  const switches = new Switches({ policies, events });
  const scheduler = new SwitchedScheduler({ ...options, config, switches, events });
  await policies.start();
  return { events, switches, scheduler, stop: () => policies.stop() };
}
