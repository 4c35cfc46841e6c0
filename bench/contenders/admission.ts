// Tenants with every gate on, and requests that meet all of them: slots, requests and tokens a
// minute, a budget of their own and one over everything. None of the limits is near: what is
// measured is the price of being admitted, not of being refused.
import type { AdmissionPolicy, SchedulerTenant } from '../../src/scheduler/admission.ts';
import type { AcquireRequest, ReleaseReport } from '../../src/scheduler/types.ts';
import { slotFor } from './ours.ts';

const FAR_AWAY = 10_000_000;
const MICRO = 1_000_000;

function tenant(index: number): SchedulerTenant {
  return {
    name: `team-${String(index).padStart(5, '0')}`,
    weight: 1 + (index % 8),
    maxConcurrency: 1000,
    requestsPerMinute: FAR_AWAY,
    tokensPerMinute: 100 * FAR_AWAY,
    budget: { warnMicro: 800_000 * MICRO, stopMicro: 900_000 * MICRO, period: 'month' },
  };
}

export function everyGate(tenants: number): AdmissionPolicy {
  return {
    tenants: Array.from({ length: tenants }, (_, index) => tenant(index)),
    budget: { warnMicro: 8e6 * MICRO, stopMicro: 9e6 * MICRO, period: 'month' },
    timeZone: 'Europe/Berlin',
  };
}

/** Requests of all tenants in turn, each with its estimates. */
export function requestsInTurn({ tenants }: AdmissionPolicy): () => AcquireRequest {
  let turn = 0;
  return () => {
    const { name } = tenants[turn++ % tenants.length] ?? { name: 'team-00000' };
    return { ...slotFor(), tenant: name, tokens: 1500, reserveMicro: 12_000 };
  };
}

/** What it came to: less than was estimated, so that rates and budgets are corrected. */
export const CHARGED: ReleaseReport = { outcome: 'success', costMicro: 9500, tokens: 1200 };
