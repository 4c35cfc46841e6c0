// What the clients' ledger tells about service, beside each request's own outcome: how soon it was
// back, for how long nobody got a slot, whether lanes were kept. Pure.
import { SILENCE_MS, WAIT_MS } from './configuration.ts';
import type { EndedRequest } from './client.ts';

/** What two busy cores may add to a deadline. */
const TOLERANCE_MS = 1500;
/** Of so many requests, one after the other, so many may fail. */
const WINDOW = { requests: 100, failures: 1 } as const;
/** Fewer say nothing about a share of 99 %. */
const FEWEST = 50;

/**
 * From the fault's end until 99 % of the requests that begin then are served: of each hundred from
 * there on at most one is not. Undefined: never.
 */
export function recoveryMs(
  ended: readonly EndedRequest[],
  faultEndedAt: number,
): number | undefined {
  const after = ended
    .filter(({ startedAt, outcome }) => startedAt >= faultEndedAt && outcome.kind !== 'left')
    .sort((a, b) => a.startedAt - b.startedAt);
  const failed = after.flatMap(({ outcome }, i) => (outcome.kind === 'served' ? [] : [i]));
  let from = 0;
  for (const [n, index] of failed.entries()) {
    const before = failed[n - WINDOW.failures];
    if (before !== undefined && index - before < WINDOW.requests) from = index + 1;
  }
  if (after.length - from < FEWEST) return undefined;
  return from === 0 ? 0 : after[from]!.startedAt - faultEndedAt;
}

/**
 * The longest time without a new grant since the fault began. A grant is as old as its answer's head
 * less what the upstream was asked to take; heads that left before their slot was there do not count.
 */
export function outageMs(ended: readonly EndedRequest[], faultBeganAt: number): number {
  const grants = ended
    .filter(({ outcome, attempts }) => outcome.kind === 'served' && attempts === 1)
    .map(({ headAt = 0, planned }) => headAt - planned.latencyMs)
    .sort((a, b) => a - b);
  const gaps = grants.slice(1).map((at, i) => (at < faultBeganAt ? 0 : at - grants[i]!));
  return Math.max(0, ...gaps);
}

/** A request may wait, and then each of its upstreams may be silent, before it hears anything. */
export function isLate(one: EndedRequest): boolean {
  const { outcome, planned, startedAt, headAt, endedAt } = one;
  if (outcome.kind === 'left' || outcome.kind === 'hung') return false;
  // A refusal says by itself that it has met no upstream.
  const attempts = one.attempts ?? 1;
  const upstreamMs = attempts * (planned.latencyMs + SILENCE_MS);
  return (headAt ?? endedAt) - startedAt > WAIT_MS + upstreamMs + TOLERANCE_MS;
}

/**
 * Requests that were answered in the lane of another one: their head came before its end. Of what ran
 * one after the other the client hears in that order, for each takes its time at the upstream.
 */
export function laneOverlaps(ended: readonly EndedRequest[]): number {
  const lanes = new Map<string, EndedRequest[]>();
  for (const one of ended) {
    const { lane, session = '' } = one.planned;
    if (!lane || one.outcome.kind !== 'served') continue;
    lanes.set(session, [...(lanes.get(session) ?? []), one]);
  }
  return [...lanes.values()].reduce((sum, lane) => sum + overlapsIn(lane), 0);
}

function overlapsIn(lane: readonly EndedRequest[]): number {
  const inOrder = lane.toSorted((a, b) => (a.headAt ?? 0) - (b.headAt ?? 0));
  let overlaps = 0;
  let endedAt = 0;
  for (const one of inOrder) {
    if ((one.headAt ?? 0) < endedAt) overlaps += 1;
    endedAt = Math.max(endedAt, one.endedAt);
  }
  return overlaps;
}

/** Of the requests of sessions that had been served before: how many percent met the same account. */
export function stickyPercent(ended: readonly EndedRequest[]): number | null {
  const last = new Map<string, string>();
  let same = 0;
  let all = 0;
  const inOrder = ended.toSorted((a, b) => a.startedAt - b.startedAt);
  for (const { planned, outcome, account } of inOrder) {
    const { session } = planned;
    if (session === undefined || account === undefined || outcome.kind !== 'served') continue;
    const before = last.get(session);
    if (before !== undefined) all += 1;
    if (before === account) same += 1;
    last.set(session, account);
  }
  return all === 0 ? null : Math.round((100 * same) / all);
}
