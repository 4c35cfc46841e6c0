// Processes of callers (programs/callers.ts) over one cell: starting, telling, killing them, and
// gathering what their callers recorded.
import type { SchedulerOptions } from '../../src/scheduler/types.ts';
import { forkProgram } from './forked.ts';
import { schedulerOptions } from './schedulers.ts';
import type { SchedulerWish } from './schedulers.ts';
import type { CallerGroup, FromCallers, Service, ToCallers } from './callers.ts';

export interface CallerProcess {
  /** What its callers have recorded so far. */
  readonly services: readonly Service[];
  /** Resolves when all callers of these groups have ended. */
  call(groups: readonly CallerGroup[]): Promise<void>;
  /** Callers ask no more; resolves when the process has given everything back and ended. */
  stop(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
}

export interface FleetCell {
  readonly url: string;
  /** Without our client: each process has its own. */
  readonly options: Omit<SchedulerOptions, 'redis'> & { readonly redis?: undefined };
}

/** What a test does not wish for is as its own schedulers have it. */
export function fleetCell(url: string, wish: SchedulerWish): FleetCell {
  return { url, options: { ...schedulerOptions(wish), redis: undefined } };
}

async function startCallers({ url, options }: FleetCell): Promise<CallerProcess> {
  const { tell, ended, kill, onMessage } = forkProgram<ToCallers, FromCallers>('callers.ts');
  const services: Service[] = [];
  const waiting: Partial<Record<FromCallers['kind'], (() => void)[]>> = {};
  onMessage((message) => {
    if (message.kind === 'services') services.push(...message.services);
    else waiting[message.kind]?.shift()?.();
  });
  const heard = (kind: FromCallers['kind']): Promise<void> =>
    new Promise((settle, reject) => {
      (waiting[kind] ??= []).push(settle);
      void ended.then(() => reject(new Error(`callers ended before they were ${kind}`)));
    });

  const ready = heard('ready');
  tell({ kind: 'begin', url, options });
  await ready;
  return {
    services,
    call: async (groups) => {
      const idle = heard('idle');
      tell({ kind: 'call', groups });
      await idle;
    },
    stop: async () => {
      tell({ kind: 'stop' });
      await ended;
    },
    kill,
  };
}

/** So many processes on a cell that is configured already. They end with the test at the latest. */
export function startFleet(count: number, cell: FleetCell): Promise<readonly CallerProcess[]> {
  return Promise.all(Array.from({ length: count }, () => startCallers(cell)));
}

/** The groups with their callers dealt out to `count` processes. */
export function dealt(groups: readonly CallerGroup[], count: number): readonly CallerGroup[][] {
  return Array.from({ length: count }, (_, process) =>
    groups.flatMap((group, i) => {
      const callers = Math.floor((group.callers + ((process + i) % count)) / count);
      return callers > 0 ? [{ ...group, callers }] : [];
    }),
  );
}
