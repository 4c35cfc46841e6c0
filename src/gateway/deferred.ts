// Deferred jobs, run as requests from inside: by the terms that their tenants have now, behind all that is
// live. What becomes of them is told to who keeps them: deferral/.
import { slotOf, type SlotNames } from '../config/slots.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';
import type { DeferredJob, JobRun, RunJob } from '../deferral/job.ts';
import type { Directory } from '../tenants/directory.ts';
import type { Principal, Tenant } from '../tenants/tenant.ts';
import type { Gateway } from './gateway.ts';
import type { InnerEnd, ServeInner } from './inner.ts';
import { obstacleOf } from './obstacle.ts';
import { LOWEST_PRIORITY } from './slot.ts';

/** What the daemon itself, or its store, brings upon a job: it is nobody's fault and soon over. */
export const OWN_TROUBLES: ReadonlySet<string> = new Set<ErrorCode>([
  'store_unavailable',
  'recovering',
  'shutting_down',
  'lease_lost',
  'client_closed',
]);
/** Why a job of a slot waits whose route has left the configuration. */
export const NOT_CONFIGURED = 'NotConfigured';
const SOON_MS = 1000;

export interface RunJobDeps {
  readonly serveInner: ServeInner;
  readonly directory: Pick<Directory, 'tenants' | 'anybody' | 'fresh'>;
  readonly gateway: Pick<Gateway, 'routes'>;
  /** Read at each job. */
  readonly deferral: { readonly slots: SlotNames; readonly maxAnswerBytes: number };
}

/**
 * Rejects for defects alone. Runs a job by the terms that its tenant has now, behind all of that tenant's live requests. Each try
 * has a lease of its own: that of a daemon that died may still be held.
 */
export function createRunJob(deps: RunJobDeps): RunJob {
  return async (job, signal) => {
    await deps.directory.fresh();
    const principal = principalOf(job.tenant, deps.directory);
    if (principal instanceof AppError) return failedBy(principal);
    if (hasLostItsSlot(job, deps)) return { kind: 'deferred', error: NOT_CONFIGURED };
    const end = await deps.serveInner(job.request, {
      principal,
      priority: LOWEST_PRIORITY,
      leaseId: `${job.id}.${job.tries}`,
      signal,
      maxAnswerBytes: deps.deferral.maxAnswerBytes,
    });
    return runOf(end);
  };
}

/** By what of the tenant is known now: it may have left, or have been disabled, since it asked. */
function principalOf(name: string, { tenants, anybody }: RunJobDeps['directory']) {
  const implicit = name === DEFAULT_TENANT ? anybody.tenant : undefined;
  const tenant: Tenant | undefined = tenants.get(name) ?? implicit;
  if (tenant === undefined) return new AppError('tenant_not_found', 'Its tenant is gone.');
  if (!tenant.terms.enabled) return new AppError('forbidden', 'Its tenant is disabled.');
  return { tenant, keyId: undefined, isAdmin: false } satisfies Principal;
}

/** A job that was deferred for one slot is not served by another one, should its route leave. */
function hasLostItsSlot({ slot, reason }: DeferredJob, { deferral, gateway }: RunJobDeps): boolean {
  if (reason === undefined) return false;
  return slotOf(slot, deferral.slots, gateway.routes)?.insteadOf !== undefined;
}

function runOf(end: InnerEnd): JobRun {
  const error = end.kind === 'refused' ? end.error : undefined;
  const obstacle = obstacleOf(error, end.verdict);
  if (obstacle !== undefined) {
    const { retryAfterMs } = error ?? {};
    const soonestMs = retryAfterMs && Math.max(SOON_MS, retryAfterMs);
    return { kind: 'deferred', retryAfterMs: soonestMs, ...obstacle };
  }
  if (end.kind === 'answered') {
    const { status, headers, body } = end;
    return { kind: 'answered', answer: { status, headers, body: body.toString('utf8') } };
  }
  const { code, retryAfterMs = SOON_MS } = end.error;
  // A defect of ours is no end of the job: whoever keeps it counts it, and asks an operator in the end.
  if (code === 'internal') throw end.error;
  return OWN_TROUBLES.has(code)
    ? { kind: 'deferred', error: code, retryAfterMs }
    : failedBy(end.error);
}

function failedBy({ code, message }: AppError): JobRun {
  return { kind: 'failed', code, message };
}
