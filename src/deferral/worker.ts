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
    const { store } = this.#options;
    const job = await store.look(lent.id);
    if (job?.status !== 'running') return await this.#leave(job);
    const hasCostADaemon = lent.stalls > job.stalls;
    if (!hasCostADaemon || (await this.#fail(lent, DAEMON_LOST, lent.stalls)) === 'again') {
      const outcome = await this.#run(job, lent);
      if (outcome !== undefined) return await this.#acknowledge(job, outcome);
    }
    // Read again: it was put back, or somebody else has ended it.
    return await this.#leave(await store.look(lent.id), lent.signal);
  }

  /** The outcome, where this run has brought it. */
  async #run(job: JobView, lent: Lent): Promise<JobOutcome | undefined> {
    const { request, tries, signal } = lent;
    let run: JobRun;
    try {
      run = await this.#options.run({ ...job, request, tries }, signal);
    } catch (error) {
      // It must not: this is a defect, so it is counted against the job and tried again.
      await this.#fail(lent, INTERNAL + (error instanceof Error ? error.name : 'Error'));
      return undefined;
    }
    if (run.kind !== 'deferred') return await this.#options.store.finish(job.id, endingOf(run));
    if (!signal.aborted || this.#options.isStopping()) await this.#defer(job, run);
    return undefined;
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
    if (job.endedAtMs === undefined) return 'back';
    const outcome = await this.#options.store.outcomeOf(job);
    return outcome === undefined ? 'done' : await this.#acknowledge(job, outcome);
  }

  async #acknowledge(job: JobView, outcome: JobOutcome): Promise<'done'> {
    const { events, onEnded } = this.#options;
    const { kind, endedAtMs } = outcome;
    await onEnded({ ...job, status: kind, endedAtMs }, outcome);
    const { id, stage, submittedAtMs } = job;
    events.emit('ended', { id, stage, kind, ageMs: endedAtMs - submittedAtMs });
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
