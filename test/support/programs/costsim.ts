// A process with a scheduler and cost control of its own, told what to do by its parent's messages. It
// ends when it is told to, and when its parent has gone.
import { setTimeout as sleep } from 'node:timers/promises';
import { configSchema } from '../../../src/config/schema.ts';
import { SchedulerEmitter } from '../../../src/core/events.ts';
import { CostControl } from '../../../src/costsim/service.ts';
import { CostsimStore } from '../../../src/costsim/store.ts';
import { connectRedis } from '../../../src/redis/connection.ts';
import { Scheduler } from '../../../src/scheduler/scheduler.ts';
import type { FromCostsim, ToCostsim } from '../costsim-fleet.ts';
import { schedulerOptions } from '../schedulers.ts';

function tell(message: FromCostsim): void {
  process.send?.(message);
}

async function begin({ url, cell, hearsTicks }: Extract<ToCostsim, { kind: 'begin' }>) {
  const redis = await connectRedis(url, { timeoutMs: 5000, name: 'costsim' });
  const scheduler = new Scheduler(schedulerOptions({ redis, cell }));
  await scheduler.join();
  const { costsim, scheduler: own } = configSchema.parse({
    pools: {},
    costsim: { breaker: { cooldownMs: 1000 } },
  });
  const config = { costsim, scheduler: own, accounts: [] };
  const options = { redis, cell, keyStyle: 'plain', config } as const;
  const events = hearsTicks ? scheduler.events : new SchedulerEmitter();
  const control = new CostControl({ ...options, scheduler: { id: scheduler.id, events } });
  const changes: string[] = [];
  for (const kind of ['tripped', 'recovered', 'enabled', 'disabled'] as const) {
    control.events.on(kind, ({ number = 0 }) => changes.push(`${kind} ${number}`));
  }
  await control.start();
  await scheduler.start();
  tell({ kind: 'ready' });

  const recover = async ({ attempts, atMs }: Extract<ToCostsim, { kind: 'recover' }>) => {
    await sleep(Math.max(0, atMs - Date.now()));
    const tries = Array.from({ length: attempts }, () => control.breaker.recover());
    const wins = (await Promise.all(tries)).filter(Boolean).length;
    tell({ kind: 'recovered', wins });
  };
  const disableAndDie = async (): Promise<void> => {
    const store = new CostsimStore({ ...options, daemon: scheduler.id });
    await store.disable({ by: 'ann', why: 'a look at it' });
    process.kill(process.pid, 'SIGKILL');
  };
  const stop = async (): Promise<void> => {
    await control.stop();
    await scheduler.stop();
    redis.disconnect();
    process.disconnect();
  };
  return { recover, disableAndDie, stop, told: () => tell({ kind: 'told', changes }) };
}

let running: Awaited<ReturnType<typeof begin>> | undefined;

process.on('message', (message: ToCostsim) => {
  if (message.kind === 'begin') void begin(message).then((begun) => (running = begun));
  else if (message.kind === 'recover') void running?.recover(message);
  else if (message.kind === 'disableAndDie') void running?.disableAndDie();
  else if (message.kind === 'tell') running?.told();
  else void running?.stop();
});
process.on('disconnect', () => process.exit());
