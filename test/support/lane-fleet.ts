// Processes that work in lanes (programs/lanes.ts) over one cell: starting, telling and killing them.
import type { SchedulerOptions } from '../../src/scheduler/types.ts';
import type { FleetCell } from './fleet.ts';
import { forkProgram } from './forked.ts';

export type ToLanes =
  | {
      readonly kind: 'begin';
      readonly url: string;
      readonly options: Omit<SchedulerOptions, 'redis'>;
    }
  /** So many times, one after the other: read a number, and write it plus one. */
  | {
      readonly kind: 'add';
      readonly session: string;
      readonly key: string;
      readonly times: number;
    }
  /** Takes the lane, and keeps it for ever. */
  | { readonly kind: 'hold'; readonly session: string }
  | { readonly kind: 'stop' };

export type FromLanes =
  | { readonly kind: 'ready' }
  | { readonly kind: 'added'; readonly fences: readonly number[] }
  | { readonly kind: 'held'; readonly fence: number };

export interface LaneProcess {
  /** Resolves with the fences under which it has added. */
  add(session: string, key: string, times: number): Promise<readonly number[]>;
  /** Resolves with its fence once it has the lane. */
  hold(session: string): Promise<number>;
  stop(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
}

/** Ends with the test at the latest. */
export async function startLaneProcess({ url, options }: FleetCell): Promise<LaneProcess> {
  const { ask, tell, ended, kill } = forkProgram<ToLanes, FromLanes>('lanes.ts');
  await ask({ kind: 'begin', url, options });
  return {
    add: async (session, key, times) => {
      const answer = await ask({ kind: 'add', session, key, times });
      return answer.kind === 'added' ? answer.fences : [];
    },
    hold: async (session) => {
      const answer = await ask({ kind: 'hold', session });
      return answer.kind === 'held' ? answer.fence : Number.NaN;
    },
    stop: async () => {
      tell({ kind: 'stop' });
      await ended;
    },
    kill,
  };
}
