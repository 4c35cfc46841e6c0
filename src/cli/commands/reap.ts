// `slotkeeper reap`: takes back, now, every slot whose lease has expired. Daemons do it by
// themselves all the time; this is for a cell that none serves.
import type { Command } from 'commander';
import { configSchema } from '../../config/schema.ts';
import { cellKeys } from '../../redis/keys.ts';
import { readRegistry } from '../../scheduler/registry.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { addStoreOptions, withCell, type CellSource, type StoreOptions } from '../store.ts';

export function register(program: Command): void {
  addStoreOptions(program.command('reap'))
    .description('take back the slots of holders that neither renewed nor released')
    .action(async (options: StoreOptions) => {
      const slots = await withCell(options, reap);
      console.log(slots === 1 ? '1 slot reaped.' : `${slots} slots reaped.`);
    });
}

async function reap(source: CellSource): Promise<number> {
  const { generation } = await readRegistry(source.redis, cellKeys(source.cell, source.keyStyle));
  // No daemon has ever configured this cell, so it holds nothing.
  if (generation === 0) return 0;
  const { scheduler: settings, redis } = configSchema
    .pick({ scheduler: true, redis: true })
    .parse({});
  const scheduler = new Scheduler({ ...settings, ...source, timeoutMs: redis.timeoutMs });
  // Every tick reaps, that of the start too: the events count all of them.
  let reaped = 0;
  scheduler.events.on('reaped', ({ slots }) => (reaped += slots));
  await scheduler.join();
  await scheduler.start();
  await scheduler.reap();
  await scheduler.stop();
  return reaped;
}
