// `slotkeeper metrics`: what a daemon tells Prometheus. It asks no daemon.
import type { Command } from 'commander';
import { metricsReference } from '../../metrics/reference.ts';

export function register(program: Command): void {
  program
    .command('metrics')
    .description('explain the metrics of a daemon')
    .command('reference')
    .exitOverride()
    .description('print all metrics as Markdown (docs/metrics.md)')
    .action(async () => {
      process.stdout.write(await metricsReference());
    });
}
