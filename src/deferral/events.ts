// What deferral says about itself; whoever counts or logs listens here.
import { EventEmitter } from 'node:events';
import type { JobOutcome } from './job.ts';

export interface DeferralEvents {
  /** A job was taken; `reason`: of one that was tried before. */
  parked: { readonly stage: string; readonly reason: string | undefined };
  /** A job could not be taken: as many wait as may. */
  refused: { readonly stage: string };
  /** A job went back to wait. */
  deferred: {
    readonly id: string;
    readonly stage: string;
    readonly reason: string;
    readonly dueAtMs: number;
  };
  /** A job's outcome was recorded by this daemon's worker. */
  ended: {
    readonly id: string;
    readonly stage: string;
    readonly kind: JobOutcome['kind'];
    /** From its submission to its end. */
    readonly ageMs: number;
  };
  /** A job failed by our own fault, or the daemon that ran it died. */
  failed: { readonly id: string; readonly stage: string; readonly reason: string };
  /** A job is tried no more until an operator says so. */
  dead: { readonly id: string; readonly stage: string; readonly reason: string };
  /** An operator made parked jobs due. */
  drained: { readonly stage: string; readonly count: number };
  /** What ended could not be told to its webhook; it is tried again, or was given up. */
  webhookFailed: { readonly id: string; readonly reason: string; readonly givenUp: boolean };
  /** The store or a queue could not serve; what was under way is done again. */
  storeFailed: { readonly error: Error };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class DeferralEmitter extends EventEmitter<{
  [K in keyof DeferralEvents]: [DeferralEvents[K]];
}> {}
