// What the canary says about itself; whoever counts, logs or raises alerts listens here.
import { EventEmitter } from 'node:events';
import type { CanaryReport } from './canary-report.ts';

export interface CanaryEvents {
  began: { readonly run: string; readonly reason: CanaryReport['reason'] };
  /**
   * A report is there and what follows from it was done. Told by the leader that did it; twice where
   * that one died before the store knew.
   */
  reported: { readonly report: CanaryReport };
  /** A run ended without a report; it is begun again, by this leader or the next one. */
  broken: { readonly run: string; readonly error: unknown };
  /** The store did not answer; it is asked again. */
  failed: { readonly error: unknown };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class CanaryEmitter extends EventEmitter<{
  [K in keyof CanaryEvents]: [CanaryEvents[K]];
}> {}
