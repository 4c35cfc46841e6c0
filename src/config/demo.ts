// The configuration of a first start without a file: four accounts of a simulated upstream with
// limits that are easy to watch. Its credentials open nothing but that simulator.
import type { Config } from './schema.ts';

const LIMITS = [2, 5, 20, 100];
const MODELS = ['gpt-4', 'gpt-4o-mini', 'claude-sonnet-4', 'text-embedding-3-small'];
/** Replaced once the simulator runs; nothing listens on port 0 before. */
const NOT_YET = 'http://127.0.0.1:0';

/** The demo as a file would say it. */
export function demoTree(simUrl: string = NOT_YET): unknown {
  return {
    pools: {
      openai: {
        provider: 'openai',
        baseUrl: `${simUrl}/v1`,
        models: MODELS,
        accounts: LIMITS.map((limit) => ({
          name: `sim-${limit}`,
          maxConcurrency: limit,
          credential: `sim-key-${limit}`,
        })),
      },
    },
  };
}

/** The same configuration with the simulator, if there is one, as every account's upstream. */
export function withSimulator(config: Config, simUrl: string | undefined): Config {
  if (simUrl === undefined) return config;
  const baseUrl = `${simUrl}/v1`;
  const accounts = config.accounts.map((account) => Object.freeze({ ...account, baseUrl }));
  return Object.freeze({ ...config, accounts: Object.freeze(accounts) });
}
