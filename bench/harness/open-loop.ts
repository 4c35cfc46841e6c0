// A constant rate over HTTP: requests leave at their times whether or not earlier ones have been
// answered, so a slow answer cannot hide the load behind it (no coordinated omission).
import { Pool } from 'undici';
import type { HttpServer } from '../contenders/http.ts';
import type { Contender } from './rounds.ts';
import type { Bench, Figures } from './scenario.ts';
import { percentile } from './stats.ts';
import { CHAT_BODY, CHAT_PATH } from './wrk.ts';

/** A server under `rate` requests a second, which it answers with `status`. */
export function underConstantRate(
  bench: Bench,
  name: string,
  server: HttpServer,
  rate: number,
  status = 200,
): Contender {
  const pool = new Pool(server.origin, { connections: 64, pipelining: 1 });
  bench.defer(() => pool.destroy());
  return { name, round: (seconds) => measureRate({ pool, status }, rate, seconds) };
}

interface Asked {
  readonly pool: Pool;
  readonly status: number;
}

async function measureRate(asked: Asked, rate: number, seconds: number): Promise<Figures> {
  const periodMs = 1000 / rate;
  const total = Math.round(rate * seconds);
  const latenciesMs: number[] = [];
  const latenessMs: number[] = [];
  const failures: unknown[] = [];
  const answers: Promise<unknown>[] = [];
  const startMs = performance.now();
  for (let sent = 0; sent < total;) {
    const elapsedMs = performance.now() - startMs;
    const due = Math.min(total, Math.floor(elapsedMs / periodMs) + 1);
    for (; sent < due; sent++) {
      const dueMs = startMs + sent * periodMs;
      latenessMs.push(performance.now() - dueMs);
      answers.push(
        request(asked, dueMs, periodMs).then(
          (ms) => latenciesMs.push(ms),
          (error: unknown) => failures.push(error),
        ),
      );
    }
    const nextMs = startMs + sent * periodMs - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextMs)));
  }
  await Promise.all(answers);
  if (failures.length > 0) throw failures[0];
  return {
    p50_ms: percentile(latenciesMs, 0.5),
    p99_ms: percentile(latenciesMs, 0.99),
    driver_late_p99_ms: percentile(latenessMs, 0.99),
  };
}

/**
 * One request's latency in ms, from its sending. Node's timers are a millisecond coarse, which
 * would drown what is measured; but a request that left more than a period late is timed from when
 * it was due, so that a stalled driver shows.
 */
function request(
  { pool, status: wanted }: Asked,
  dueMs: number,
  periodMs: number,
): Promise<number> {
  const sentMs = performance.now();
  const fromMs = sentMs - dueMs > periodMs ? dueMs : sentMs;
  const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };
  return new Promise((resolve, reject) => {
    let status = 0;
    pool.dispatch(
      { method: 'POST', path: CHAT_PATH, headers, body: CHAT_BODY },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, statusCode) => void (status = statusCode),
        onResponseData: () => undefined,
        onResponseEnd: () => {
          if (status === wanted) resolve(performance.now() - fromMs);
          else reject(new Error(`the answer was ${status}`));
        },
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}
