// `slotkeeper serve`: runs the daemon in the foreground, as `npm start` does once it has set up.
import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('serve')
    .description('run the daemon: proxy, Scheduler API and metrics')
    .option('-c, --config <file>', 'configuration (default: slotkeeper.config.yaml, else a demo)')
    .action(async ({ config }: { readonly config?: string }) => {
      // The daemon is the largest part of the program: other commands need not hold it.
      const { main } = await import('../../main.ts');
      await main(config === undefined ? [] : ['--config', config], process.env);
    });
}
