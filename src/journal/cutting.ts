// One cut of one session: alone in its lane, look, ask the model, and move exactly what it was asked
// about, or leave all as it is. When it is tried is cutter.ts's.
import type { JournalConfig } from '../config/journal-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { LaneHold } from '../scheduler/types.ts';
import type { AskModel, ModelAnswer } from './ask.ts';
import { questionOf, verdictOf, type Verdict } from './boundary.ts';
import type { JournalEmitter } from './events.ts';
import type { CutBy } from './records.ts';
import type { JournalStore, NewCell, Snapshot } from './store.ts';

export interface CuttingParts {
  readonly store: JournalStore;
  readonly scheduler: Pick<Scheduler, 'withLane'>;
  readonly ask: AskModel;
  readonly config: () => JournalConfig;
  readonly events: JournalEmitter;
}

/** `again`: enough has come meanwhile for the next one. `busy`: somebody else is at it. */
export type CutEnd = 'again' | 'done' | 'busy';

/** Rejects where the store cannot serve: then the session is due again when its claim has ended. */
export async function cutSession(
  session: string,
  parts: CuttingParts,
  stopping: AbortSignal,
): Promise<CutEnd> {
  const [tenant = '', digest = ''] = session.split('/');
  try {
    // Beside the lane of the conversation: its requests must not wait for this model.
    const lane = { tenant, waitMs: 0, signal: stopping };
    return await parts.scheduler.withLane(
      `journal:${digest}`,
      (hold) => cutInLane(session, hold, { ...parts, tenant, stopping }),
      lane,
    );
  } catch (error) {
    if (error instanceof AppError && error.code === 'lane_busy') return 'busy';
    throw error;
  }
}

interface LaneParts extends CuttingParts {
  readonly tenant: string;
  readonly stopping: AbortSignal;
}

async function cutInLane(session: string, hold: LaneHold, parts: LaneParts): Promise<CutEnd> {
  const { store, config, events } = parts;
  const seen = await store.snapshot(session, hold.fence);
  if (seen.kind !== 'snapshot') return 'done';
  const { boundary } = config();
  const answer = await askAbout(seen, hold, parts);
  // Left to the next holder, or to the next daemon: what is not ours to end stays due.
  if (hold.signal.aborted || parts.stopping.aborted) return 'done';
  if (answer.kind === 'failed') return await postpone(session, seen, { answer, parts });
  const count = seen.messages.length;
  const verdict = verdictOf(answer.body, count);
  if (verdict.kind !== 'cut' && count < boundary.forceMessages) {
    const again = await store.hold(session, seen);
    events.emit('held', { invalid: verdict.kind === 'invalid' ? verdict.why : undefined });
    return again ? 'again' : 'done';
  }
  return await commit(session, seen, { verdict, parts });
}

async function askAbout(
  { messages }: Snapshot,
  hold: LaneHold,
  { ask, config, tenant, stopping }: LaneParts,
): Promise<ModelAnswer> {
  const { boundary } = config();
  const late = AbortSignal.timeout(boundary.timeoutMs);
  const signal = AbortSignal.any([hold.signal, stopping, late]);
  try {
    return await ask({ tenant, body: questionOf(messages, boundary) }, signal);
  } catch (error) {
    return { kind: 'failed', error: error instanceof AppError ? error.code : 'Error' };
  }
}

async function postpone(
  session: string,
  seen: Snapshot,
  { answer, parts }: { answer: Extract<ModelAnswer, { kind: 'failed' }>; parts: LaneParts },
): Promise<CutEnd> {
  const { store, config, events } = parts;
  const why = `${config().boundary.route ?? ''}_unavailable:${answer.error}`;
  const { retryAfterMs } = answer;
  const put = await store.postpone(session, seen, { why, retryAfterMs });
  if (put.kind === 'stale') events.emit('stale', {});
  else
    events.emit('stageDeferred', { reason: why, retryAfterMinutes: put.delayMs / MS_PER_MINUTE });
  return 'done';
}

const MS_PER_MINUTE = 60_000;

async function commit(
  session: string,
  seen: Snapshot,
  { verdict, parts }: { verdict: Verdict; parts: LaneParts },
): Promise<CutEnd> {
  const { store, events } = parts;
  const by: CutBy = verdict.kind === 'cut' ? 'model' : 'forced';
  const cells = cellsOf(seen, verdict, by);
  const done = await store.cut(session, seen, cells);
  if (done.kind === 'stale') {
    events.emit('stale', {});
    return 'done';
  }
  const messages = cells.reduce((sum, { ids }) => sum + ids.length, 0);
  events.emit('cut', { by, cells: cells.length, messages });
  return done.isDue ? 'again' : 'done';
}

function cellsOf({ messages }: Snapshot, verdict: Verdict, by: CutBy): readonly NewCell[] {
  const ids = messages.map(({ id }) => id);
  const reasoning = verdict.kind === 'invalid' ? undefined : verdict.reasoning;
  if (verdict.kind !== 'cut') return [{ about: { by, reasoning }, ids }];
  const { ends, episodes } = verdict;
  return ends.map((end, i) => ({
    about: { by, reasoning, episode: episodes[i] },
    ids: ids.slice(ends[i - 1] ?? 0, end),
  }));
}
