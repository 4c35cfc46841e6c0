// What there is to do for a batch in each of its states. Every step may be done again, by anybody, at
// any time: what has been done stays done. When it is done is keeper.ts's.
import type { BatchesConfig } from '../config/batches-schema.ts';
import type { Batch, BatchLine } from './batch.ts';
import type { BatchStore } from './batch-store.ts';
import type { BatchEvents } from './events.ts';
import type { Files } from './files.ts';
import type { LineQueue } from './line-queue.ts';
import { linesOf } from './lines.ts';
import { CANCELLED, EXPIRED } from './outcome.ts';
import { writeResults } from './results.ts';
import { batchLines, validateLines, type LineRules } from './validate.ts';

export interface StepParts {
  readonly store: BatchStore;
  readonly files: Files;
  readonly queue: LineQueue;
  readonly config: () => BatchesConfig;
  /** Largest body in bytes that a job may have. */
  readonly maxBodyBytes: () => number;
  /** Told once of each batch whose lines have run. */
  readonly onEnded: (batch: BatchEvents['ended']) => void;
}

/** When to look at it again; undefined: it says so itself. */
export type Next = { readonly inMs: number; readonly isFull?: boolean } | undefined;

const FEED_AT_ONCE = 200;
const REST_AT_ONCE = 1000;
const FULL_RETRY_MS = 1000;
const CANCELLING_LOOK_MS = 1000;

export async function attend(batch: Batch, nowMs: number, parts: StepParts): Promise<Next> {
  const { store } = parts;
  const isLate = nowMs >= batch.expiresAtMs;
  switch (batch.state) {
    case 'validating':
      if (isLate) await store.stop(batch, 'expired');
      else await validate(batch, parts);
      return undefined;
    case 'in_progress':
      if (!isLate) return await feed(batch, nowMs, parts);
      await store.stop(batch, 'expired');
      await endRest(batch, { stored: EXPIRED, isForced: true }, parts);
      return undefined;
    case 'cancelling':
      return await endCancelled(batch, nowMs, parts);
    case 'finalizing': {
      const results = await writeResults(batch, parts);
      if (await store.finish(batch, results)) parts.onEnded(endOf(batch));
      return undefined;
    }
    default:
      await store.drop(batch.id);
      return undefined;
  }
}

function endOf({ id, tenant, ending, completed, failed }: Batch): BatchEvents['ended'] {
  return { batch: id, tenant, state: ending ?? 'completed', completed, failed };
}

function rulesOf({ endpoint }: Batch, { config, maxBodyBytes }: StepParts): LineRules {
  return { endpoint, maxLines: config().maxLines, maxBodyBytes: maxBodyBytes() };
}

async function validate(batch: Batch, parts: StepParts): Promise<void> {
  const { store } = parts;
  const result = await validateLines(await inputOf(batch, parts), rulesOf(batch, parts));
  await store.begin(batch, result);
}

async function feed(batch: Batch, nowMs: number, parts: StepParts): Promise<Next> {
  const whenLate = { inMs: batch.expiresAtMs - nowMs };
  const ended = batch.completed + batch.failed;
  const until = Math.min(batch.total, ended + parts.config().ahead);
  if (batch.fed >= until) return whenLate;
  const lines = batchLines(await inputOf(batch, parts), rulesOf(batch, parts), batch.fed);
  let group: BatchLine[] = [];
  for await (const line of lines) {
    if (line.place < until) group.push(line);
    if (group.length < FEED_AT_ONCE && line.place < until - 1) continue;
    const result = await feedGroup(batch, group, { ...parts, nowMs });
    if (result === 'full') return { inMs: FULL_RETRY_MS, isFull: true };
    group = [];
    if (result === 'stopped' || line.place >= until - 1) break;
  }
  return whenLate;
}

/** Lines that have ended before, but were not counted as fed, are passed over. */
async function feedGroup(
  batch: Batch,
  group: readonly BatchLine[],
  { store, queue, nowMs }: StepParts & { readonly nowMs: number },
): Promise<'fed' | 'full' | 'stopped'> {
  const from = group[0]?.place ?? 0;
  const known = await store.lines(
    batch.id,
    group.map(({ place }) => place),
  );
  const wanted = group.filter((_, i) => !hasEnded(known[i]));
  const jobs = await queue.submit(batch, wanted, nowMs);
  const ids = new Map(jobs.map((job, i) => [wanted[i]?.place, job]));
  const firstLeft = wanted[jobs.length]?.place;
  const taken = group.filter(({ place }) => firstLeft === undefined || place < firstLeft);
  const marks = taken.map(({ place }) => ids.get(place) ?? '');
  if (!(await store.feed(batch, from, marks))) {
    await queue.cancel(jobs, true);
    return 'stopped';
  }
  return firstLeft === undefined ? 'fed' : 'full';
}

function hasEnded(stored: string | null | undefined): boolean {
  return typeof stored === 'string' && !stored.startsWith('j');
}

/** What waits ends at once; what runs may go on for a while, and its answer counts. */
async function endCancelled(batch: Batch, nowMs: number, parts: StepParts): Promise<Next> {
  const sinceMs = batch.enteredAtMs.cancelling ?? 0;
  const untilMs = Math.min(sinceMs + parts.config().cancelGraceMs, batch.expiresAtMs);
  await endRest(batch, { stored: CANCELLED, isForced: nowMs >= untilMs }, parts);
  return { inMs: CANCELLING_LOOK_MS };
}

async function endRest(
  batch: Batch,
  { stored, isForced }: { readonly stored: string; readonly isForced: boolean },
  { store, queue }: StepParts,
): Promise<void> {
  for (let from = 0; from < batch.total; from += REST_AT_ONCE) {
    const range = { from, to: from + REST_AT_ONCE, isForced };
    await queue.cancel(await store.rest(batch, range, stored), isForced);
  }
}

async function inputOf(batch: Batch, { files }: StepParts) {
  const input = await files.find(batch.tenant, batch.inputFile);
  if (input === undefined) throw new Error('the input of a batch is gone');
  return linesOf(files.read(input));
}
