// What an elector says about itself; whoever counts, logs or works as a leader listens here.
import { EventEmitter } from 'node:events';

/** Trusted no longer: not renewed in time, refused by the store, or given up. */
export type LeadershipEnd = 'expired' | 'lost' | 'resigned';

export interface LeaderEvents {
  /** This daemon leads from now on. */
  began: { readonly term: number };
  ended: { readonly term: number; readonly why: LeadershipEnd };
  /** A try had no answer. A lease that is held counts until its time. */
  failed: { readonly error: unknown };
  /** A try had an answer. */
  answered: object;
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class LeaderEmitter extends EventEmitter<{
  [K in keyof LeaderEvents]: [LeaderEvents[K]];
}> {}
