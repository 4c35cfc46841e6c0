// What is kept of a deferred job beside its request: the record in the store, its outcome, and both as
// callers and operators see them. Records that cannot be read count as gone.
import { z } from 'zod';
import type { DeferredJob, JobAnswer, JobOutcome } from './job.ts';

const stored = z.object({
  stage: z.string(),
  tenant: z.string(),
  slot: z.string(),
  reason: z.string().optional(),
  submittedAtMs: z.number(),
  dueAtMs: z.number(),
  expiresAtMs: z.number(),
  deferrals: z.number(),
  failures: z.number(),
  stalls: z.number(),
  key: z.string().optional(),
  batch: z.string().optional(),
  line: z.string().optional(),
  webhook: z.string().optional(),
  outcome: z.enum(['answered', 'failed', 'expired', 'cancelled']).optional(),
  endedAtMs: z.number().optional(),
});

export type JobRecord = Readonly<z.infer<typeof stored>>;

const outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answered'), answer: z.custom<JobAnswer>(isAnswer) }),
  z.object({
    kind: z.enum(['failed', 'expired', 'cancelled']),
    code: z.string(),
    message: z.string(),
  }),
]);

/** An outcome before its time is known: the store's clock tells that. */
export type Ending = Readonly<z.infer<typeof outcome>>;

/** Where a job stands. `deferred`: it waits. `dead`: it waits for an operator. */
export type JobStatus = 'deferred' | 'running' | 'dead' | JobOutcome['kind'];

export interface JobView extends Omit<DeferredJob, 'request' | 'tries'> {
  readonly status: JobStatus;
  /** Failures of ours, daemons that died while they ran it included. */
  readonly failures: number;
  /** Deaths of daemons among them. */
  readonly stalls: number;
  readonly endedAtMs?: number | undefined;
}

/** What places of the store say beside the record. */
export interface Places {
  readonly isOut: boolean;
  readonly isDead: boolean;
}

export function readRecord(raw: string | null | undefined): JobRecord | undefined {
  const parsed = stored.safeParse(jsonOf(raw));
  return parsed.success ? parsed.data : undefined;
}

export function readOutcome(
  raw: string | null | undefined,
  endedAtMs: number,
): JobOutcome | undefined {
  const parsed = outcome.safeParse(jsonOf(raw));
  return parsed.success ? { ...parsed.data, endedAtMs } : undefined;
}

export function viewOf(id: string, record: JobRecord, { isOut, isDead }: Places): JobView {
  const { stage, tenant, slot, reason, submittedAtMs, dueAtMs, expiresAtMs, deferrals } = record;
  const { failures, stalls, key, webhook, endedAtMs } = record;
  const waiting = isOut ? 'running' : isDead ? 'dead' : 'deferred';
  const times = { submittedAtMs, dueAtMs, expiresAtMs, deferrals, failures, stalls };
  const status = record.outcome ?? waiting;
  const batch = batchOf(record);
  return { id, stage, tenant, slot, reason, ...times, key, batch, webhook, status, endedAtMs };
}

function batchOf({ batch, line }: JobRecord): DeferredJob['batch'] {
  return batch === undefined || line === undefined ? undefined : { id: batch, line };
}

function isAnswer(value: unknown): boolean {
  const answer = value as Partial<JobAnswer> | null;
  return typeof answer?.status === 'number' && typeof answer.body === 'string';
}

function jsonOf(raw: string | null | undefined): unknown {
  try {
    return JSON.parse(raw ?? '');
  } catch {
    return undefined;
  }
}
