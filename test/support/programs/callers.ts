// A process of callers over one Scheduler of its own, told what to do by its parent's messages. It
// ends when it is told to, and when its parent has gone.
import { connectRedis } from '../../../src/redis/connection.ts';
import { Scheduler } from '../../../src/scheduler/scheduler.ts';
import { Callers } from '../callers.ts';
import type { FromCallers, ToCallers } from '../callers.ts';

const REPORT_MS = 100;

function tell(message: FromCallers): void {
  process.send?.(message);
}

async function begin({ url, options }: Extract<ToCallers, { kind: 'begin' }>) {
  const redis = await connectRedis(url, { timeoutMs: options.timeoutMs, name: 'callers' });
  const scheduler = new Scheduler({ ...options, redis });
  await scheduler.join();
  await scheduler.start();
  const callers = new Callers(scheduler);
  const report = (): void => {
    const services = callers.takeServices();
    if (services.length > 0) tell({ kind: 'services', services });
  };
  const interval = setInterval(report, REPORT_MS);
  tell({ kind: 'ready' });
  return {
    call: async (groups: Extract<ToCallers, { kind: 'call' }>['groups']): Promise<void> => {
      await callers.run(groups);
      report();
      tell({ kind: 'idle' });
    },
    stop: () => callers.stop(),
    end: async (): Promise<void> => {
      clearInterval(interval);
      await scheduler.stop();
      redis.disconnect();
    },
  };
}

let running: Awaited<ReturnType<typeof begin>> | undefined;
let work = Promise.resolve();

process.on('message', (message: ToCallers) => {
  if (message.kind === 'begin') {
    void begin(message).then((begun) => (running = begun));
  } else if (message.kind === 'call') {
    const called = running?.call(message.groups);
    work = Promise.all([work, called]).then(() => undefined);
  } else {
    running?.stop();
    void work.then(() => running?.end()).then(() => process.disconnect());
  }
});
process.on('disconnect', () => process.exit());
