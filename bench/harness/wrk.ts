// A closed loop over HTTP, driven by wrk: one thread and a fixed number of connections, because
// the driver shares two cores with what it measures. Answers that are not 200 fail the round.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HttpServer } from '../contenders/http.ts';
import type { RedisServer } from './redis.ts';
import type { Contender } from './rounds.ts';
import type { Bench, Figures } from './scenario.ts';
import { findTool } from './tools.ts';

const CONNECTIONS = 32;
export const CHAT_PATH = '/v1/chat/completions';
/** A chat request of 1 KB. */
export const CHAT_BODY = JSON.stringify({
  model: 'gpt-4',
  messages: [{ role: 'user', content: 'word '.repeat(192) }],
});

/** A server under wrk; with `redis`, what a request costs there is a figure too. */
export async function underWrk(
  bench: Bench,
  name: string,
  server: HttpServer,
  redis?: RedisServer,
): Promise<Contender> {
  const wrk = await findTool('wrk');
  const script = join(bench.directory, `${name}.lua`);
  writeFileSync(script, wrkScript(server.headers));
  const url = `${server.origin}${CHAT_PATH}`;
  return {
    name,
    round: async (seconds) => {
      const wholeSeconds = Math.max(1, Math.round(seconds));
      const args = ['-t1', `-c${CONNECTIONS}`, `-d${wholeSeconds}`, '-s', script, url];
      const redisBefore = await redis?.cost();
      const cpuBeforeUs = server.child.cpuUs();
      const { stdout } = await promisify(execFile)(wrk.path, args, { env: wrk.env });
      const cpuUs = server.child.cpuUs() - cpuBeforeUs;
      const figures = readAnswer(name, stdout, cpuUs);
      if (redis === undefined || redisBefore === undefined) return figures;
      const redisUs = (await redis.cost()).cpuUs - redisBefore.cpuUs;
      return { ...figures, redis_us_per_request: redisUs / requestsIn(stdout) };
    },
  };
}

function wrkScript(headers: Readonly<Record<string, string>>): string {
  const all = { 'content-type': 'application/json', authorization: 'Bearer bench', ...headers };
  return [
    "wrk.method = 'POST'",
    `wrk.body = '${CHAT_BODY}'`,
    ...Object.entries(all).map(([name, value]) => `wrk.headers['${name}'] = '${value}'`),
    'function done(summary, latency)',
    "  io.write(string.format('BENCH %d %d %d %d %f %f\\n', summary.requests, summary.duration,",
    '    summary.errors.status, summary.errors.connect + summary.errors.read +',
    '    summary.errors.write + summary.errors.timeout,',
    '    latency:percentile(50) / 1000, latency:percentile(99) / 1000))',
    'end',
  ].join('\n');
}

function readAnswer(name: string, stdout: string, cpuUs: number): Figures {
  const [, , durationUs = 0, refused = 0, broken = 0, p50 = 0, p99 = 0] = benchLine(stdout);
  if (refused + broken > 0) {
    throw new Error(`${name}: ${refused} answers were not 2xx, ${broken} connections broke`);
  }
  const requests = requestsIn(stdout);
  return {
    requests_per_second: requests / (durationUs / 1e6),
    cpu_us_per_request: cpuUs / requests,
    p50_ms: p50,
    p99_ms: p99,
  };
}

function requestsIn(stdout: string): number {
  return benchLine(stdout)[1] ?? Number.NaN;
}

function benchLine(stdout: string): readonly number[] {
  const line = stdout.split('\n').find((text) => text.startsWith('BENCH ')) ?? '';
  return line.split(' ').map(Number);
}
