// A process that works in the lanes of sessions, over one Scheduler of its own, told what to do by its
// parent's messages. It ends when it is told to, and when its parent has gone.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis } from '../../../src/redis/connection.ts';
import { Scheduler } from '../../../src/scheduler/scheduler.ts';
import type { FromLanes, ToLanes } from '../lane-fleet.ts';

function tell(message: FromLanes): void {
  process.send?.(message);
}

async function begin({ url, options }: Extract<ToLanes, { kind: 'begin' }>) {
  const redis = await connectRedis(url, { timeoutMs: options.timeoutMs, name: 'lanes' });
  const scheduler = new Scheduler({ ...options, redis });
  await scheduler.join();
  await scheduler.start();
  tell({ kind: 'ready' });

  /** Reads and writes a number in two steps: two at once lose an addition. */
  const add = async ({ session, key, times }: Extract<ToLanes, { kind: 'add' }>) => {
    const fences: number[] = [];
    for (let n = 0; n < times; n += 1) {
      await scheduler.withLane(session, async ({ fence }) => {
        const seen = Number((await redis.get(key)) ?? 0);
        await sleep(1);
        await redis.set(key, seen + 1);
        fences.push(fence);
      });
    }
    tell({ kind: 'added', fences });
  };
  const hold = async ({ session }: Extract<ToLanes, { kind: 'hold' }>) => {
    await scheduler.withLane(session, async ({ fence }) => {
      tell({ kind: 'held', fence });
      await new Promise(() => undefined);
    });
  };
  const stop = async (): Promise<void> => {
    await scheduler.stop();
    redis.disconnect();
    process.disconnect();
  };
  return { add, hold, stop };
}

let running: Awaited<ReturnType<typeof begin>> | undefined;

process.on('message', (message: ToLanes) => {
  if (message.kind === 'begin') void begin(message).then((begun) => (running = begun));
  else if (message.kind === 'add') void running?.add(message);
  else if (message.kind === 'hold') void running?.hold(message);
  else void running?.stop();
});
process.on('disconnect', () => process.exit());
