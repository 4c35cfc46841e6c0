// A process that works on deferred jobs until it is killed: it tells which jobs it has begun and of which
// it has recorded the end, and stays there where it is told to.
import { deferralSchema } from '../../../src/config/deferral-schema.ts';
import { Deferral } from '../../../src/deferral/service.ts';
import { connectRedis } from '../../../src/redis/connection.ts';

export interface WorkerOrder {
  readonly url: string;
  readonly cell: string;
  readonly daemon: string;
  readonly lockMs: number;
  readonly concurrency: number;
  /** Where it stays for good: in a job's run, behind its recorded end, or nowhere. */
  readonly stays: 'in_run' | 'before_acknowledging' | 'nowhere';
}

export interface WorkerNews {
  readonly kind: 'began' | 'recorded';
  readonly id: string;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const tell = (news: WorkerNews): void => void process.send?.(news);

process.on('message', (order: WorkerOrder) => void work(order));

async function work({ url, cell, daemon, lockMs, concurrency, stays }: WorkerOrder): Promise<void> {
  const deferral = new Deferral({
    redis: await connectRedis(url, { timeoutMs: 10_000, name: daemon }),
    config: deferralSchema.parse({ enabled: true, concurrency, maxFailures: 100 }),
    ...{ cell, daemon, lockMs },
    run: ({ id }) => {
      tell({ kind: 'began', id });
      if (stays === 'in_run') return never();
      const answer = { status: 200, headers: {}, body: JSON.stringify({ by: daemon }) };
      return Promise.resolve({ kind: 'answered', answer });
    },
    onEnded: ({ id }) => {
      tell({ kind: 'recorded', id });
      return stays === 'before_acknowledging' ? never() : Promise.resolve();
    },
  });
  await deferral.start();
}
