// A directory over a store that the test holds in its hands: the real one but for Redis. Its clock
// stands still until the test moves it.
import { parseConfig } from '../../src/config/load.ts';
import { Directory } from '../../src/tenants/directory.ts';
import { NOTHING } from '../../src/tenants/directory-store.ts';

/** `file` is what a configuration says beside its one pool `p` with model `m` and ten slots. */
export function aDirectory(file: Readonly<Record<string, unknown>> = {}) {
  const account = { name: 'a', maxConcurrency: 10, baseUrl: 'http://x/v1', models: ['m'] };
  const text = JSON.stringify({ pools: { p: { accounts: [account] } }, ...file });
  const config = parseConfig(text, { source: 'test', env: {} });
  const world = {
    snapshot: NOTHING,
    reads: 0,
    /** The next readings fail. */
    isDown: false,
    nowMs: 1_000_000,
    /** What the heart was told. */
    told: [] as string[],
    /** Called whenever the heart is told. */
    onTold: (): void => undefined,
    warnings: [] as string[],
  };
  const tell = (words: string): Promise<void> => {
    world.told.push(words);
    world.onTold();
    return Promise.resolve();
  };
  const directory = new Directory({
    config,
    store: {
      read: () => {
        world.reads += 1;
        return world.isDown
          ? Promise.reject(new Error('the store is down'))
          : Promise.resolve(world.snapshot);
      },
    },
    limits: {
      putTenant: ({ name, weight }) => tell(`${name} ${weight}`),
      removeTenant: (name) => tell(`${name} gone`),
    },
    logger: { warn: (message) => void world.warnings.push(message) },
    clock: { wallMs: () => world.nowMs, steadyMs: () => world.nowMs },
  });
  return { directory, config, world };
}
