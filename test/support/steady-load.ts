// Clients that ask one request after the other until they are stopped, and what they were answered.
import { chat } from './demo-daemon.ts';

export interface LoadOptions {
  readonly clients: number;
  readonly content?: string;
}

export interface SteadyLoad {
  /** Resolves when this many more have been answered. */
  answered(count: number): Promise<void>;
  /** All that were answered; each client ends its last request first. */
  stop(): Promise<{ readonly statuses: ReadonlySet<number>; readonly count: number }>;
}

export function startLoad(url: string, { clients, content = 'Hello' }: LoadOptions): SteadyLoad {
  const statuses = new Set<number>();
  const waiting: { readonly at: number; readonly tell: () => void }[] = [];
  let count = 0;
  let isOver = false;
  const work = async (): Promise<void> => {
    while (!isOver) {
      // A status of 0 stands for no answer at all.
      const answer = await chat(url, { content }).catch(() => undefined);
      await answer?.text().catch(() => statuses.add(0));
      statuses.add(answer?.status ?? 0);
      count += 1;
      for (const { at, tell } of waiting) if (count >= at) tell();
    }
  };
  const workers = Array.from({ length: clients }, work);
  return {
    answered: (more) => new Promise((tell) => waiting.push({ at: count + more, tell })),
    stop: async () => {
      isOver = true;
      await Promise.all(workers);
      return { statuses, count };
    },
  };
}
