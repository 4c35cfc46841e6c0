// `slotkeeper config`: looks at a configuration without starting anything. It prints no secret.
import type { Command } from 'commander';
import { findConfigFile, loadConfig } from '../../config/load.ts';
import { configurationReference } from '../../config/reference.ts';
import type { Config } from '../../config/schema.ts';
import { formatTable } from '../table.ts';

export function register(program: Command): void {
  const config = program.command('config').description('check a configuration, or explain it');
  config
    .command('check')
    .exitOverride()
    .argument('[file]', 'default: SLOTKEEPER_CONFIG, slotkeeper.config.yaml, else the demo')
    .description('list every fault of a configuration; exit 2 when there is one')
    .action(async (file: string | undefined) => {
      const source = await findConfigFile({ env: process.env, path: file });
      console.log(describe(await loadConfig({ env: process.env, path: file }), source));
    });
  config
    .command('reference')
    .exitOverride()
    .description('print all options as Markdown (docs/configuration.md)')
    .action(() => {
      process.stdout.write(configurationReference());
    });
}

function describe(config: Config, source: string | undefined): string {
  const { accounts, routes, server } = config;
  const slots = accounts.reduce((sum, { maxConcurrency }) => sum + maxConcurrency, 0);
  const guarded = server.apiKey === undefined ? 'without a key' : 'with a key';
  return [
    `${source ?? 'The demo configuration (there is no file)'} has no fault.`,
    `${accounts.length} accounts, ${slots} slots, ${routes.size} model names; ` +
      `${server.host}:${server.port}, ${guarded}.`,
    '',
    formatTable(
      ['account', 'pool', 'slots', 'provider', 'credential'],
      accounts.map(({ name, pool, maxConcurrency, provider, credential }) => {
        return [name, pool, maxConcurrency, provider, credential === undefined ? 'none' : 'set'];
      }),
    ),
  ].join('\n');
}
