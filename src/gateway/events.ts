// What the gateway says about the requests that it served. It knows no metrics and no logger:
// whoever counts or logs listens here.
import { EventEmitter } from 'node:events';
import type { ErrorCode } from '../core/errors.ts';
import type { Outcome } from '../core/domain.ts';
import type { EstimatorName, ProvenanceRecord } from '../core/estimates.ts';
import type { SessionSource } from '../config/costs-resolve.ts';
import type { Sign } from '../config/outcomes-schema.ts';
import type { ChosenArm } from '../rollout/rollouts.ts';
import type { Usage } from '../upstream/usage.ts';
import type { EndpointName } from './endpoints.ts';
import type { GuessReason } from './estimating.ts';

/** An attempt that was followed by another one elsewhere. */
export interface FailedAttempt {
  readonly pool: string;
  readonly account: string;
  readonly outcome: Outcome;
  readonly sign: Sign | undefined;
}

/** One request, after its last byte or its refusal. Durations are ms of performance.now(). */
export interface FinishedRequest {
  /** What the answer's x-request-id said: for correlation only, callers may choose it. */
  readonly requestId: string;
  /** `other` for a path that is not on the list. */
  readonly path: EndpointName | 'models' | 'files' | 'batches' | 'other';
  /** The model alias that was asked for, once it was known to be configured. */
  readonly route: string | undefined;
  /** Status that the client saw; 499 when it left before the end. */
  readonly status: number;
  /** Why it was refused or broken off; undefined when an answer went through whole. */
  readonly reason: ErrorCode | undefined;
  /** The error behind `reason`, for the log. */
  readonly error: Error | undefined;
  /** What the slot's release reported; undefined when no slot was taken. */
  readonly outcome: Outcome | undefined;
  /** What the last attempt showed, where it did not succeed. */
  readonly sign: Sign | undefined;
  readonly pool: string | undefined;
  readonly account: string | undefined;
  /** Upstream tries. */
  readonly attempts: number;
  /** All tries but the last one, in their order. */
  readonly failed: readonly FailedAttempt[];
  /** Whether the answer was a stream of events. */
  readonly stream: boolean;
  readonly usage: Usage | undefined;
  /** From the arrival of the headers to the end. */
  readonly totalMs: number;
  /** From asking for a slot to having it, the store's answer included. */
  readonly queueMs: number;
  /** What the daemon itself added, without waiting for the client, a slot or the upstream. */
  readonly overheadMs: number;
  /** From the start of the upstream call to the end of its answer; undefined without a call. */
  readonly upstreamMs: number | undefined;
  /** From the start of the upstream call to the first byte of its body. */
  readonly ttfbMs: number | undefined;
  /** The arms of rollouts that it was in. */
  readonly arms?: readonly ChosenArm[] | undefined;
  /** What it has cost, where costs are counted. */
  readonly costMicro?: number | undefined;
  /** Which estimator reserved, where both ran. */
  readonly reservedBy?: EstimatorName | undefined;
}

export interface GatewayEvents {
  finished: FinishedRequest;
  /** The store did not confirm a release in time; the scheduler goes on trying by itself. */
  releaseFailed: { readonly requestId: string; readonly account: string; readonly error: Error };
  /**
   * What a request was expected to cost and what it came to: once for each that had a slot while `v2`
   * is in use or under trial, after its release.
   */
  estimated: ProvenanceRecord;
  /** Tokens were guessed by the kinds of letters, since the tokenizer did not count them in time. */
  tokensGuessed: { readonly reason: GuessReason };
  /** A request that may be deferred got its ordinary end: there was no room, or `error` was in the way. */
  notParked: { readonly stage: string; readonly error: Error | undefined };
  /** A session's id without the configured form: the request belongs to no run. */
  sessionWithoutRun: { readonly source: SessionSource | undefined };
  /** The store did not remember the provider of a run: a later request of the run decides it. */
  runNotRemembered: { readonly error: Error };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class GatewayEmitter extends EventEmitter<{
  [K in keyof GatewayEvents]: [GatewayEvents[K]];
}> {}
