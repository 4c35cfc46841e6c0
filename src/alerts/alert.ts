// What an alert is: its identity, and what people are told. Labels are its identity, so they come
// from the configuration alone; what differs from daemon to daemon or from time to time is not in
// them. It sends nothing.
import { createHash } from 'node:crypto';

/** Most urgent first. P1: somebody is woken; P2: today; P3: worth knowing. */
export const SEVERITIES = ['P1', 'P2', 'P3'] as const;
export type Severity = (typeof SEVERITIES)[number];

export type AlertState = 'firing' | 'resolved';

export interface Alert {
  /** Such as `SlotkeeperAccountUnusable`. */
  readonly name: string;
  readonly severity: Severity;
  /** With the name, what makes it this alert and no other. */
  readonly labels: Readonly<Record<string, string>>;
  /** One sentence; may change while it fires. */
  readonly summary: string;
  /** File name in docs/runbooks. */
  readonly runbook: string;
}

/** Something that happened, and is over by itself: it fires for a while after its last time. */
export interface Incident {
  readonly kind: 'incident';
  readonly alert: Alert;
}

/** Something that is so, or is not so any more. */
export interface Condition {
  readonly kind: 'condition';
  readonly alert: Alert;
  readonly holds: boolean;
}

export type Told = Incident | Condition;

const FINGERPRINT_DIGITS = 16;

/** The same for the same name and labels, whoever tells it. */
export function fingerprintOf({ name, labels }: Pick<Alert, 'name' | 'labels'>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([name, sorted]))
    .digest('hex')
    .slice(0, FINGERPRINT_DIGITS);
}

/** One state of one episode of an alert: what a destination is told, once. */
export interface Notice {
  readonly fingerprint: string;
  /** A number that no other firing, of any alert of the cell, has. */
  readonly episode: number;
  readonly state: AlertState;
  readonly alert: Alert;
  /** Cell time in ms at which it began to fire. */
  readonly sinceMs: number;
  /** Of a resolved one. */
  readonly endedMs?: number | undefined;
}

/** Unique to the notice and its destination; a job's id, and the webhook's idempotency key. */
export function deliveryId(notice: Notice, destination: string): string {
  const { fingerprint, episode, state } = notice;
  return [fingerprint, episode, state, destination].join('.');
}
