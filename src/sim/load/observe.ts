// What others saw of a load run: the simulated upstream (was any account oversold?) and the daemon
// (did every slot come back?). Both are read over HTTP, never from the scheduler's own objects.
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { BehaviourPatch } from '../behaviour.ts';
import type { CredentialStats } from '../ledger.ts';
import type { SimulatorStats } from '../options.ts';

/** `not_observable` always says why: a check that could not be made must not look passed. */
export type UpstreamView =
  | {
      readonly kind: 'seen';
      readonly oversold: number;
      readonly rejected: number;
      readonly credentials: readonly CredentialStats[];
    }
  | { readonly kind: 'not_observable'; readonly reason: string };

export type CountersView =
  | { readonly kind: 'seen'; readonly left: number; readonly afterMs: number }
  | { readonly kind: 'not_observable'; readonly reason: string };

const READ_TIMEOUT_MS = 3000;
/** Slots of clients that have just left may take this long to come back. */
const COUNTERS_PATIENCE_MS = 2000;
const POLL_MS = 50;

/** Sets the simulator's pace and starts its counts again, so that they tell of this run alone. */
export async function prepareUpstream(simUrl: string, behaviour: BehaviourPatch): Promise<void> {
  const body = JSON.stringify({ behaviour });
  await read(`${simUrl}/_sim/configure`, { method: 'POST', body });
  await read(`${simUrl}/_sim/reset`, { method: 'POST' });
}

export async function viewUpstream(simUrl: string | undefined): Promise<UpstreamView> {
  if (simUrl === undefined) {
    return { kind: 'not_observable', reason: 'the upstream is no simulator (--sim-url names one)' };
  }
  const { status, text } = await read(`${simUrl}/_sim/stats`);
  if (status !== 200) return { kind: 'not_observable', reason: `${simUrl} answered ${status}` };
  const { oversold, rejected, credentials } = JSON.parse(text) as SimulatorStats;
  return { kind: 'seen', oversold, rejected, credentials };
}

/** Waits until the daemon counts nothing as in flight, or for as long as is reasonable. */
export async function viewCounters(url: string, apiKey: string | undefined): Promise<CountersView> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const startedAt = performance.now();
  for (;;) {
    const { status, text } = await read(`${url}/metrics`, { headers });
    const left = status === 200 ? slotsCounted(text) : undefined;
    const afterMs = performance.now() - startedAt;
    if (left === undefined) {
      return { kind: 'not_observable', reason: `${url}/metrics has no in-flight gauges` };
    }
    if (left === 0 || afterMs > COUNTERS_PATIENCE_MS) return { kind: 'seen', left, afterMs };
    await delay(POLL_MS);
  }
}

const GAUGES = ['account_in_flight', 'model_in_flight', 'cell_leases'] as const;

/**
 * The largest of the three sums that must agree: slots by account, slots by model, leases.
 * Undefined when one of them is missing.
 */
export function slotsCounted(metrics: string): number | undefined {
  const sums = GAUGES.map((gauge) => sumOf(metrics, `slotkeeper_${gauge}`));
  return sums.some((sum) => sum === undefined) ? undefined : Math.max(...sums.map(Number));
}

function sumOf(metrics: string, name: string): number | undefined {
  const values = [...metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
  if (values.length === 0) return undefined;
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Status 0 stands for no answer at all. */
export async function read(
  url: string,
  options: {
    readonly method?: 'GET' | 'POST';
    readonly headers?: Record<string, string>;
    readonly body?: string;
  } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const signal = AbortSignal.timeout(READ_TIMEOUT_MS);
    const answer = await request(url, { method: 'GET', ...options, signal });
    return { status: answer.statusCode, text: await answer.body.text() };
  } catch {
    return { status: 0, text: '' };
  }
}
