// What the alerts' outbox says about itself; whoever counts or logs listens here.
import { EventEmitter } from 'node:events';
import type { AlertState, Severity } from './alert.ts';

/** Why nobody tries any longer. */
export const GIVE_UP_REASONS = [
  'retried_too_long',
  'queue_full',
  'register_full',
  'memory_full',
  'destination_removed',
  'dropped',
] as const;
export type GiveUpReason = (typeof GIVE_UP_REASONS)[number];

export interface OutboxEvents {
  /** An alert has begun to fire, or has ended; once in the whole fleet. */
  changed: { readonly name: string; readonly severity: Severity; readonly state: AlertState };
  /** A destination took a notice. */
  sent: { readonly destination: string; readonly state: AlertState };
  /** A call to a destination failed. Its alerts are sent again later. */
  sendFailed: { readonly destination: string; readonly reason: string };
  /** A notice will not arrive, or an alert was not taken. */
  givenUp: { readonly name: string; readonly severity: Severity; readonly reason: GiveUpReason };
  /** The store could not take what was told; it is kept in memory and told again. */
  storeFailed: { readonly error: Error; readonly kept: number };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class OutboxEmitter extends EventEmitter<{
  [K in keyof OutboxEvents]: [OutboxEvents[K]];
}> {}
