// `npm run leader`: how often two daemons lead at once, in seeded runs of kills, stops and restarts.
// Most runs are in simulated time on a real Redis, some in real processes. Any overlap fails it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis } from '../../src/redis/connection.ts';
import { startEmbeddedRedis } from '../../src/redis/embedded.ts';
import { runProcesses } from './processes.ts';
import { simulate } from './simulation.ts';

const [simulated = 476, real = 24, firstSeed = 1] = process.argv.slice(2).map(Number);
const seeds = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => firstSeed + i);

interface Findings {
  readonly seed: number;
  readonly overlaps: readonly string[];
  readonly lateWrites: readonly string[];
  readonly terms: number;
  readonly faults: Readonly<Record<string, number>>;
}

async function runAll(
  kind: string,
  runs: readonly number[],
  run: (seed: number) => Promise<Findings>,
): Promise<readonly Findings[]> {
  const startedAt = performance.now();
  const all: Findings[] = [];
  for (const seed of runs) {
    const found = await run(seed);
    all.push(found);
    for (const overlap of found.overlaps) console.log(`${kind}, seed ${seed}: ${overlap}`);
    for (const late of found.lateWrites)
      console.log(`${kind}, seed ${seed}: late write of ${late}`);
  }
  const faults: Record<string, number> = {};
  for (const [fault, count] of all.flatMap((one) => Object.entries(one.faults))) {
    faults[fault] = (faults[fault] ?? 0) + count;
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const terms = all.reduce((sum, one) => sum + one.terms, 0);
  console.log(`${kind}: ${all.length} runs, ${terms} terms, ${seconds} s`);
  console.log(
    Object.entries(faults)
      .map(([fault, n]) => `  ${fault}: ${n}`)
      .sort()
      .join('\n'),
  );
  return all;
}

const directory = await mkdtemp(join(tmpdir(), 'sk-leader-'));
const server = await startEmbeddedRedis({ dataDir: join(directory, 'redis'), persistence: 'none' });
const redis = await connectRedis(server.url, { timeoutMs: 10_000, name: 'leader' });
try {
  const all = [
    ...(await runAll('simulated', seeds(simulated), (seed) => simulate(redis, seed))),
    ...(await runAll('processes', seeds(real), async (seed) => {
      return await runProcesses({ seed, directory: await mkdtemp(join(directory, 'r-')) });
    })),
  ];
  const bar = (name: string, count: number): void => {
    console.log(`BAR ${name} ${count} <= 0 ${count === 0 ? 'ok' : 'MISSED'}`);
    if (count > 0) process.exitCode = 1;
  };
  bar('leaders-at-once', all.filter(({ overlaps }) => overlaps.length > 0).length);
  bar('late-leader-writes', all.filter(({ lateWrites }) => lateWrites.length > 0).length);
} finally {
  redis.disconnect();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
