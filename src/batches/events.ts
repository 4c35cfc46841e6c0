// What batches say about themselves; whoever counts or logs listens here.
import { EventEmitter } from 'node:events';

export interface BatchEvents {
  created: { readonly batch: string; readonly tenant: string };
  /** This daemon has seen it through. */
  ended: {
    readonly batch: string;
    readonly tenant: string;
    readonly state: string;
    readonly completed: number;
    readonly failed: number;
  };
  /** A step failed, or the store could not serve; it is done again. */
  stepFailed: { readonly error: unknown };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class BatchEmitter extends EventEmitter<{
  [K in keyof BatchEvents]: [BatchEvents[K]];
}> {}
