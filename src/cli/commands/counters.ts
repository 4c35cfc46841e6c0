// `slotkeeper counters`: what a cell counts right now, for people and, with --json, for scripts.
import type { Command } from 'commander';
import { readCounters, type Counters } from '../../scheduler/inspect.ts';
import { addStoreOptions, withCell, type StoreOptions } from '../store.ts';
import { formatTable } from '../table.ts';

interface CountersOptions extends StoreOptions {
  readonly json?: boolean;
}

export function register(program: Command): void {
  addStoreOptions(program.command('counters'))
    .description('show the slots that are taken, by account and by model')
    .option('--json', 'print JSON')
    .action(async (options: CountersOptions) => {
      const counters = await withCell(options, readCounters);
      console.log(options.json === true ? JSON.stringify(counters, null, 2) : describe(counters));
    });
}

function describe({ accounts, models, leases }: Counters): string {
  const accountTable = formatTable(
    ['account', 'pool', 'limit', 'in flight', ''],
    accounts.map(({ account, pool, limit, inFlight, enabled }) => {
      return [account, pool, limit, inFlight, enabled ? '' : 'disabled'];
    }),
  );
  const modelTable = formatTable(
    ['model', 'pool', 'in flight', 'key'],
    models.map(({ model, pool, inFlight, key }) => [model, pool, inFlight, key]),
  );
  return `${accountTable}\n\n${modelTable}\n\nleases: ${leases}`;
}
