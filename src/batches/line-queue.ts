// What batches ask of the queues of deferred work. Whoever joins the two gives it to them; it knows
// lines and jobs, not how these are kept.
import type { Batch, BatchLine } from './batch.ts';

export interface LineQueue {
  /**
   * The ids of their jobs, in order: of fewer than there are lines where the queue is full. The same
   * line of the same batch is the same job, however often it is handed in.
   */
  submit(batch: Batch, lines: readonly BatchLine[], nowMs: number): Promise<readonly string[]>;
  /** Ends jobs that wait; `isForced`: those that run, too. What has ended stays as it is. */
  cancel(jobs: readonly string[], isForced: boolean): Promise<void>;
}
