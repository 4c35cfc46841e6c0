// Bringing 100,000 lines of provenance in by the command line: the most memory that its process takes,
// and how many lines a second.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../harness/redis.ts';
import type { Bench, Figures, Scenario } from '../harness/scenario.ts';

const LINES = 100_000;
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const POLL_MS = 20;

export const provenanceBackfill: Scenario = {
  name: 'provenance-backfill',
  describe: `memory of the command that brings ${LINES} lines of provenance in, and again`,
  bars: [{ name: 'backfill-memory-mb', op: '<=', target: 150, unit: 'MB' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const file = join(bench.directory, 'baseline.jsonl');
    await writeLines(file);
    const rounds = new Map<string, Figures[]>();
    // The second time all of them are there already.
    for (const name of ['into nothing', 'again']) {
      bench.progress(`backfill ${name}`);
      rounds.set(name, [await backfill(bench, redis.port, file)]);
    }
    const peaks = [...rounds.values()].flat().map((figures) => figures['peak_mb'] ?? Number.NaN);
    return {
      kind: 'measured',
      rounds,
      readings: { 'backfill-memory-mb': Math.max(...peaks) },
      notes: ['the file is read twice: once for what retention would trim, once to store'],
    };
  },
};

/** Both estimates, an actual and the basis: as long as lines get. */
async function writeLines(file: string): Promise<void> {
  const stream = createWriteStream(file);
  const figures = { input_tokens: 1234, output_tokens: 567, cost_micro: 8901 };
  for (let i = 0; i < LINES; i += 1) {
    const line = {
      input_hash: createHash('sha256').update(String(i)).digest('hex'),
      time: new Date().toISOString(),
      ...{ tenant: `tenant-${i % 100}`, route: 'deep', pool: 'openai', model: 'gpt-4o' },
      ...{ versions: { v1: '1.0', v2: '2.0' }, v1: figures, v2: figures, actual: figures },
      basis: { characters: 4000, output_limit: 1000, counted_tokens: 1000 },
    };
    if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
}

async function backfill(bench: Bench, port: number, file: string): Promise<Figures> {
  const startMs = performance.now();
  const at = ['--redis', `redis://127.0.0.1:${port}`, '--cell', 'bench'];
  const args = [MAIN, 'provenance', 'backfill', '--file', file, ...at];
  const child = spawn(process.execPath, args, { stdio: 'ignore', cwd: bench.directory });
  bench.defer(() => Promise.resolve(child.kill()));
  let peakKb = 0;
  const watch = setInterval(() => (peakKb = Math.max(peakKb, mostKbOf(child.pid))), POLL_MS);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(watch);
  if (code !== 0) throw new Error(`backfill ended with ${code}`);
  const seconds = (performance.now() - startMs) / 1000;
  return { peak_mb: (peakKb * 1024) / 1e6, lines_per_second: LINES / seconds };
}

/** The most that was resident so far, by the system's own count. */
function mostKbOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
