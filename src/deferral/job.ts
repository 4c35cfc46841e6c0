// A deferred job: one request that waits durably for its upstream, and what became of it. Shapes
// alone: where jobs are kept is queue.ts's, what a job's end is worth is outcomes.ts's.

/** What a job asks of the gateway. Never holds credentials. */
export interface DeferredRequest {
  /** Path below the server's root, such as `/v1/chat/completions`. */
  readonly path: string;
  /** Only those that mean something to the upstream or to us; lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON text of the body, as its caller sent it. */
  readonly body: string;
}

/** All times are the wall clock's in ms, as BullMQ's are. */
export interface DeferredJob {
  /** Unique in its cell; the request ids of its leases are derived from it. */
  readonly id: string;
  readonly stage: string;
  readonly tenant: string;
  readonly request: DeferredRequest;
  /** The named slot or model that was asked for. */
  readonly slot: string;
  /** Why it waits, as `<slot>_unavailable:<Error>`; undefined for work that has not been tried yet. */
  readonly reason?: string | undefined;
  readonly submittedAtMs: number;
  readonly dueAtMs: number;
  /** After it, the job is given up. */
  readonly expiresAtMs: number;
  /** How often it has been deferred so far. */
  readonly deferrals: number;
  /** How often a worker has begun it, this time included. Of two tries it never is the same. */
  readonly tries: number;
  /** Its caller's key: the same key of the same tenant is the same job. */
  readonly key?: string | undefined;
  /** The batch that it is a line of, and the line's own id. */
  readonly batch?: { readonly id: string; readonly line: string } | undefined;
  /** Where its end is told, a configured host. */
  readonly webhook?: string | undefined;
}

export interface JobAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a job ended; recorded once per job, and the first to record it wins. */
export type JobOutcome =
  | { readonly kind: 'answered'; readonly answer: JobAnswer; readonly endedAtMs: number }
  | {
      readonly kind: 'failed' | 'expired' | 'cancelled';
      readonly code: string;
      readonly message: string;
      readonly endedAtMs: number;
    };

/** One try of a job by a worker. */
export type JobRun =
  | { readonly kind: 'answered'; readonly answer: JobAnswer }
  /** `error`: the name for the reason, such as `ConnectRefused` or `pool_full`. */
  | {
      readonly kind: 'deferred';
      readonly error: string;
      readonly retryAfterMs?: number | undefined;
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** Runs one job in process. Rejects for defects alone; an abort by `signal` ends as `deferred`. */
export type RunJob = (job: DeferredJob, signal: AbortSignal) => Promise<JobRun>;
