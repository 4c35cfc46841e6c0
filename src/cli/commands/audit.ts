// `slotkeeper audit`: compares what a cell counts with what its leases say, and what its journals have
// accepted with what they hold. It changes nothing.
import type { Command } from 'commander';
import { auditJournals } from '../../journal/audit.ts';
import { audit, type Difference } from '../../scheduler/inspect.ts';
import { addStoreOptions, withCell, type CellSource, type StoreOptions } from '../store.ts';

interface AuditOptions extends StoreOptions {
  readonly json?: boolean;
}

const EXIT_DIFFERENCES = 1;

export function register(program: Command): void {
  addStoreOptions(program.command('audit'))
    .description('check a live cell’s invariants; exit 1 with the differences')
    .option('--json', 'print JSON')
    .action(async (options: AuditOptions) => {
      const { differences, ...counts } = await withCell(options, auditAll);
      if (options.json === true) console.log(JSON.stringify({ differences, ...counts }, null, 2));
      else if (differences.length === 0)
        console.log(`No difference; ${checkedIn(counts)} checked.`);
      else differences.forEach((difference) => console.log(describe(difference)));
      if (differences.length > 0) process.exitCode = EXIT_DIFFERENCES;
    });
}

interface Counts {
  readonly leases: number;
  readonly sessions: number;
  readonly messages: number;
}

async function auditAll(source: CellSource): Promise<Counts & { differences: Difference[] }> {
  const { differences, leases } = await audit(source);
  const { differences: ofJournals, sessions, messages } = await auditJournals(source);
  return { differences: [...differences, ...ofJournals], leases, sessions, messages };
}

/** Cells without journals hear nothing of them. */
function checkedIn({ leases, sessions, messages }: Counts): string {
  if (sessions === 0) return `${leases} leases`;
  return `${leases} leases, ${messages} messages of ${sessions} sessions`;
}

function describe({ name, message, expected, found }: Difference): string {
  return `${name}: ${message} (expected ${expected}, found ${found})`;
}
