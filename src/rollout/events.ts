// What switches and rollouts say about themselves; whoever counts or logs listens here.
import { EventEmitter } from 'node:events';
import type { Scheduling } from './switches.ts';

export interface RolloutEvents {
  /** A pool is scheduled otherwise from now on, for this percentage of its requests. */
  switched: { readonly pool: string; readonly scheduling: Scheduling; readonly percent: number };
  /** For so long a pool was not enforced for all of its requests: it may have been oversold. */
  window: { readonly pool: string; readonly scheduling: Scheduling; readonly seconds: number };
  /** A request runs without a slot. `reason` says what refused it; `none` where nobody was asked. */
  unscheduled: {
    readonly pool: string;
    readonly scheduling: Scheduling;
    readonly reason: string;
  };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class RolloutEmitter extends EventEmitter<{
  [K in keyof RolloutEvents]: [RolloutEvents[K]];
}> {}
