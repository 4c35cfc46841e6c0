// What a caller gets in the place of an answer where its request was parked: a type of its own for those
// who would rather catch than compare. It reads a parsed body and asks nobody.

export interface StageDeferredDetails {
  /** Of the job; its state is at `statusUrl`. */
  readonly id: string;
  readonly stage: string;
  /** `<slot>_unavailable:<Error>` */
  readonly reason: string;
  readonly retryAfterMinutes: number;
  readonly dueAt: Date;
  /** Path below the server's root. */
  readonly statusUrl: string;
}

/** A request that waits for its upstream: nothing failed, and its answer comes later. */
export class StageDeferred extends Error implements StageDeferredDetails {
  readonly id: string;
  readonly stage: string;
  readonly reason: string;
  readonly retryAfterMinutes: number;
  readonly dueAt: Date;
  readonly statusUrl: string;

  constructor(details: StageDeferredDetails) {
    const { id, stage, reason, retryAfterMinutes, dueAt, statusUrl } = details;
    super(`Deferred in ${stage} for ${retryAfterMinutes} min: ${reason}`);
    this.name = 'StageDeferred';
    this.id = id;
    this.stage = stage;
    this.reason = reason;
    this.retryAfterMinutes = retryAfterMinutes;
    this.dueAt = dueAt;
    this.statusUrl = statusUrl;
  }
}

/**
 * What the body of an answer says, as JSON.parse or an SDK gives it; undefined for every other answer.
 * Never throws.
 */
export function stageDeferredIn(body: unknown): StageDeferred | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const told = body as Readonly<Record<string, unknown>>;
  const { id, stage, reason, due_at: dueAt, status_url: statusUrl } = told;
  if (told['object'] !== 'deferred' || typeof id !== 'string') return undefined;
  return new StageDeferred({
    id,
    stage: String(stage),
    reason: String(reason),
    retryAfterMinutes: Number(told['retry_after_minutes']),
    dueAt: new Date(String(dueAt)),
    statusUrl: String(statusUrl),
  });
}
