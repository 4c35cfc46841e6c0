// What the journal says about itself; whoever counts or logs listens here. No event carries what people
// have written.
import { EventEmitter } from 'node:events';
import type { InvalidAnswer } from './boundary.ts';
import type { CutBy } from './records.ts';

export interface JournalEvents {
  appended: { readonly added: number; readonly known: number };
  /** Messages have become cells. */
  cut: { readonly by: CutBy; readonly cells: number; readonly messages: number };
  /** The model cuts nothing now; `invalid` where its answer is none. */
  held: { readonly invalid?: InvalidAnswer | undefined };
  /** The model could not be asked; the buffer is whole and the cut is tried again. */
  stageDeferred: {
    /** `<route>_unavailable:<Error>` */
    readonly reason: string;
    readonly retryAfterMinutes: number;
  };
  /** Something else was taken from the buffer meanwhile, or the lane was lost: nothing was moved. */
  stale: object;
  /** The store could not serve a cut. It stays due. */
  cutFailed: { readonly error: Error };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class JournalEmitter extends EventEmitter<{
  [K in keyof JournalEvents]: [JournalEvents[K]];
}> {}
