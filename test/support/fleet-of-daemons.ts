// Built daemons over one cell and one simulated upstream that holds each credential to its limit and
// keeps count: what a load through many servers of Redis is judged by.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Simulator } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { startDaemonProcess } from './process.ts';
import type { RunningDaemon } from './process.ts';
import { temporaryDirectory } from './temporary.ts';

export interface DaemonsOptions {
  readonly count: number;
  readonly accounts: number;
  readonly slots: number;
  /** The file's `redis`. */
  readonly redis: Readonly<Record<string, unknown>>;
  readonly scheduler?: Readonly<Record<string, unknown>>;
  /** More of the pool. */
  readonly pool?: Readonly<Record<string, unknown>>;
}

export interface Daemons {
  readonly sim: Simulator;
  readonly daemons: readonly RunningDaemon[];
}

/** All of it ends with the test. */
export async function startDaemons(options: DaemonsOptions): Promise<Daemons> {
  const { count, accounts, slots, redis, scheduler = {}, pool = {} } = options;
  const names = Array.from({ length: accounts }, (_, i) => `a${i + 1}`);
  const sim = await startSimulator({
    limits: Object.fromEntries(names.map((name) => [`key-of-${name}`, slots])),
    behaviour: { tokens: 4, chunkDelayMs: 1 },
  });
  onTestFinished(() => sim.stop());
  const config = {
    redis,
    scheduler,
    log: { level: 'warn' },
    pools: {
      openai: {
        baseUrl: `${sim.url}/v1`,
        models: ['gpt-4'],
        accounts: names.map((name) => {
          return { name, maxConcurrency: slots, credential: `key-of-${name}` };
        }),
        ...pool,
      },
    },
  };
  const cwd = await temporaryDirectory();
  const file = join(cwd, 'config.yaml');
  await writeFile(file, JSON.stringify(config));
  const daemons = await Promise.all(
    Array.from({ length: count }, () => startDaemonProcess({ cwd, args: ['--config', file] })),
  );
  return { sim, daemons };
}

/** The sum of a metric over its labels and over daemons. */
export async function summed(daemons: readonly RunningDaemon[], name: string): Promise<number> {
  const texts = await Promise.all(
    daemons.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
  );
  const values = texts.flatMap((text) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map((match) =>
      Number(match[1]),
    ),
  );
  return values.reduce((sum, value) => sum + value, 0);
}
