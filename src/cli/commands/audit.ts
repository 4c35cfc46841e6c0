// `slotkeeper audit`: compares what a cell counts with what its leases say. It changes nothing.
import type { Command } from 'commander';
import { audit, type Difference } from '../../scheduler/inspect.ts';
import { addStoreOptions, withCell, type StoreOptions } from '../store.ts';

interface AuditOptions extends StoreOptions {
  readonly json?: boolean;
}

const EXIT_DIFFERENCES = 1;

export function register(program: Command): void {
  addStoreOptions(program.command('audit'))
    .description('check a live cell’s invariants; exit 1 with the differences')
    .option('--json', 'print JSON')
    .action(async (options: AuditOptions) => {
      const { differences, leases } = await withCell(options, audit);
      if (options.json === true) console.log(JSON.stringify({ differences, leases }, null, 2));
      else if (differences.length === 0) console.log(`No difference; ${leases} leases checked.`);
      else differences.forEach((difference) => console.log(describe(difference)));
      if (differences.length > 0) process.exitCode = EXIT_DIFFERENCES;
    });
}

function describe({ name, message, expected, found }: Difference): string {
  return `${name}: ${message} (expected ${expected}, found ${found})`;
}
