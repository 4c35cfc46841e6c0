// `slotkeeper cluster`: where cells live in a Redis Cluster, for choosing their names. It writes
// nothing.
import { Option, type Command } from 'commander';
import { SlotOwner } from '../../redis/cluster-owner.ts';
import { describeNode } from '../../redis/location.ts';
import { keySlot } from '../../redis/slot.ts';
import { NAME_PATTERN } from '../../core/domain.ts';
import { AppError } from '../../core/errors.ts';
import { formatTable } from '../table.ts';
import { clusterOf, locate } from '../store.ts';

const TIMEOUT_MS = 5000;

interface SlotOptions {
  readonly redis?: string;
  readonly offline?: boolean;
}

export function register(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('tell where cells live in a Redis Cluster');
  cluster
    .command('slot')
    .exitOverride()
    .argument('<cells...>', 'names of cells')
    .option('--redis <url>', 'a node of the Cluster (default: redis.nodes of the configuration)')
    .addOption(new Option('--offline', 'ask nobody: slots alone').conflicts('redis'))
    .description('print the slot of each cell, and the master that has it')
    .action(async (cells: readonly string[], options: SlotOptions) => {
      for (const cell of cells) checkName(cell);
      const masterOf = options.offline === true ? () => '' : await masters(options);
      const rows = cells.map((cell) => [cell, keySlot(cell), masterOf(keySlot(cell))]);
      console.log(formatTable(['cell', 'slot', 'master'], rows));
    });
}

function checkName(cell: string): void {
  if (NAME_PATTERN.test(cell)) return;
  throw new AppError(
    'config_invalid',
    'A cell’s name has 1 to 64 letters, digits, ".", "_" or "-".',
  );
}

async function masters({ redis }: SlotOptions): Promise<(slot: number) => string> {
  const location = redis === undefined ? (await locate({})).location : clusterOf(redis, '');
  if (location.kind !== 'cluster') {
    const message = 'The configuration names no Redis Cluster: give --redis, or --offline.';
    throw new AppError('config_invalid', message);
  }
  const shards = await new SlotOwner(location, { timeoutMs: TIMEOUT_MS }).shards().catch(() => {
    throw new AppError('store_unavailable', 'No node of the Redis Cluster answers.');
  });
  return (slot) => {
    const shard = shards.find(({ from, to }) => from <= slot && slot <= to);
    const [master] = shard?.nodes ?? [];
    return master === undefined ? '(nobody)' : describeNode(master);
  };
}
