// The most that waiting can give: a counter and a queue in one process, first come, first served,
// without Redis. It owns no leases, survives no crash and knows no other process.
import { measureHolds } from '../harness/holds.ts';
import type { Contender } from '../harness/rounds.ts';

export interface LocalLimit {
  readonly name: string;
  readonly limit: number;
  readonly workers: number;
  readonly holdMs: number;
}

export function localSemaphore({ name, limit, workers, holdMs }: LocalLimit): Contender {
  const queue: (() => void)[] = [];
  let free = limit;
  let grants = 0;
  const giveBack = (): void => {
    const next = queue.shift();
    if (next === undefined) free++;
    else next();
  };
  const take = async () => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => queue.push(resolve));
    return { tenant: '', grant: grants++, giveBack };
  };
  return { name, round: (seconds) => measureHolds({ workers, holdMs, take }, seconds) };
}
