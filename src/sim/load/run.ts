// Carries a plan out: as many callers as planned, each with one request at a time.
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom, type Random } from '../random.ts';
import { attempt, type Attempt, type Caller } from './attempt.ts';
import { plannedRequests, type LoadPlan, type PlannedRequest } from './plan.ts';
import type { Tally } from './tally.ts';

export interface Run {
  readonly plan: LoadPlan;
  readonly caller: Caller;
  readonly tally: Tally;
  /** Once true, no request begins; without it the plan's number ends the run. */
  readonly isOver?: () => boolean;
  /** Told of each request's end. */
  readonly onEnded?: (ended: Attempt) => void;
  /** Ends the run early: running requests are left, no new ones begin. */
  readonly signal: AbortSignal;
}

/** Callers that were turned away together must not come back together. */
const RETRY_SPREAD = 0.5;

/** Resolves when no request runs any more. */
export async function runLoad(run: Run): Promise<void> {
  setMaxListeners(0, run.signal);
  const requests = plannedRequests(run.plan);
  const random = seededRandom(run.plan.seed);
  const callers = Math.min(run.plan.concurrency, run.plan.requests);
  await Promise.all(Array.from({ length: callers }, () => callOneByOne(run, requests, random)));
}

async function callOneByOne(
  run: Run,
  requests: Iterable<PlannedRequest>,
  random: Random,
): Promise<void> {
  for (const planned of requests) {
    if (run.signal.aborted || run.isOver?.() === true) return;
    run.tally.running += 1;
    await persist(run, planned, random);
    run.tally.running -= 1;
  }
}

/** Sends a request until it has an answer that is not for want of a slot. */
async function persist(run: Run, planned: PlannedRequest, random: Random): Promise<void> {
  const { tally, signal } = run;
  for (let retry = 0; ; retry += 1) {
    const ended = await attempt(planned, run.caller, signal);
    if (ended.kind !== 'turned_away' || retry >= run.plan.retries || signal.aborted) {
      tally.add(ended);
      run.onEnded?.(ended);
      return;
    }
    tally.retry(ended.code);
    const waitMs = ended.retryAfterMs * (1 + RETRY_SPREAD * random());
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }
}
