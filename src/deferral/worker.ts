// One job in a worker's hands: whether it is still to be run, what its run came to, and that its end is
// recorded before it is acknowledged. A daemon that dies anywhere in between leaves it to the next one.
import type { DeferralEmitter } from './events.ts';
import type { JobOutcome, JobRun, RunJob } from './job.ts';
import type { Lent } from './queue.ts';
import type { Ending, JobView } from './record.ts';
import type { DeferralStore } from './store.ts';

/** Told of every end before it is acknowledged: at least once, again after a crash. */
export type OnEnded = (job: JobView, outcome: JobOutcome) => Promise<void>;

export interface RunnerOptions {
  readonly store: DeferralStore;
  readonly run: RunJob;
  readonly onEnded: OnEnded;
  readonly events: DeferralEmitter;
  /** Whether this daemon gives back what it runs. */
  readonly isStopping: () => boolean;
}

/** Failures of ours, as a job's reason. */
const DAEMON_LOST = 'internal:DaemonLost';
const INTERNAL = 'internal:';

export class JobRunner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Rejects as the store does; then the same job is worked on again. */
  async work(lent: Lent): Promise<'done' | 'back'> {
    const job = await this.#options.store.find(lent.id);
    if (job?.status !== 'running') return await this.#leave(job);
    const hasCostADaemon = lent.stalls > job.stalls;
    if (!hasCostADaemon || (await this.#fail(lent, DAEMON_LOST, lent.stalls)) === 'again') {
      await this.#run(job, lent);
    }
    // Read again: somebody else may have ended it.
    return await this.#leave(await this.#options.store.find(lent.id), lent.signal);
  }

  async #run(job: JobView, lent: Lent): Promise<void> {
    const { request, tries, signal } = lent;
    let run: JobRun;
    try {
      run = await this.#options.run({ ...job, request, tries }, signal);
    } catch (error) {
      // It must not: this is a defect, so it is counted against the job and tried again.
      await this.#fail(lent, INTERNAL + (error instanceof Error ? error.name : 'Error'));
      return;
    }
    if (run.kind !== 'deferred') await this.#options.store.finish(job.id, endingOf(run));
    else if (!signal.aborted || this.#options.isStopping()) await this.#defer(job, run);
  }

  async #fail({ id, stage }: Lent, reason: string, stalls?: number): Promise<string> {
    const { store, events } = this.#options;
    const next = await store.fail(id, { reason, ...(stalls !== undefined && { stalls }) });
    events.emit('failed', { id, stage, reason });
    if (next === 'dead') events.emit('dead', { id, stage, reason });
    return next;
  }

  /** Of a job that is not to be run any more: acknowledged where it has ended, else put back. */
  async #leave(job: JobView | undefined, signal?: AbortSignal): Promise<'done' | 'back'> {
    if (job === undefined) return 'done';
    if (job.status === 'running' && signal?.aborted) {
      // Its lock was lost. Where that is so, BullMQ takes nothing from us; else it lends it again.
      throw new Error('a job was taken from its worker');
    }
    const { store, events, onEnded } = this.#options;
    const outcome = await store.outcomeOf(job);
    if (outcome === undefined) return job.endedAtMs === undefined ? 'back' : 'done';
    await onEnded(job, outcome);
    const { id, stage, submittedAtMs } = job;
    const ageMs = outcome.endedAtMs - submittedAtMs;
    events.emit('ended', { id, stage, kind: outcome.kind, ageMs });
    return 'done';
  }

  async #defer(
    { id, stage, slot }: JobView,
    { error, retryAfterMs }: Extract<JobRun, { readonly kind: 'deferred' }>,
  ): Promise<void> {
    const { store, events, isStopping } = this.#options;
    if (isStopping()) {
      await store.defer(id, { untried: true });
      return;
    }
    const reason = `${slot}_unavailable:${error}`;
    const deferred = await store.defer(id, { reason, retryAfterMs });
    if (deferred) events.emit('deferred', { id, stage, reason, dueAtMs: deferred.dueAtMs });
  }
}

function endingOf(run: Exclude<JobRun, { readonly kind: 'deferred' }>): Ending {
  if (run.kind === 'answered') return { kind: 'answered', answer: run.answer };
  return { kind: 'failed', code: run.code, message: run.message };
}
