// `slotkeeper serve`: runs the daemon in the foreground, as `npm start` does once it has set up.
import type { Command } from 'commander';
import { main } from '../../main.ts';

export function register(program: Command): void {
  program
    .command('serve')
    .description('run the daemon: proxy, Scheduler API and metrics')
    .option('-c, --config <file>', 'configuration (default: slotkeeper.config.yaml, else a demo)')
    .action(async ({ config }: { readonly config?: string }) => {
      await main(config === undefined ? [] : ['--config', config], process.env);
    });
}
