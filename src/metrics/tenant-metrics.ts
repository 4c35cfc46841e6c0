// What the cell holds by tenant, for those that matter most: a cell may have thousands of tenants, and
// a series each would be dear. Read from the store when scraped, the same on every daemon.
import { Gauge, type Registry } from 'prom-client';
import type { Counters } from '../scheduler/inspect.ts';

/** Tenants shown of each kind: with the most slots, and with the fullest budgets. */
const MOST_TENANTS = 50;

type TenantMetrics = ReturnType<typeof tenantMetrics>;

export function tenantMetrics(registry: Registry) {
  const gauge = (name: string, help: string) =>
    new Gauge({
      name,
      help: `${help} The ${MOST_TENANTS} tenants that it matters most for.`,
      labelNames: ['tenant'],
      aggregator: 'max',
      registers: [registry],
    });
  return {
    tenantInFlight: gauge(
      'slotkeeper_tenant_in_flight',
      'Slots that the tenant’s requests hold, over all daemons of the cell.',
    ),
    tenantSettled: gauge(
      'slotkeeper_tenant_budget_settled_micro',
      'Spent in this period under the tenant’s own budget, in micro-units.',
    ),
    tenantReserved: gauge(
      'slotkeeper_tenant_budget_reserved_micro',
      'Reserved by running requests under the tenant’s own budget, in micro-units.',
    ),
    tenantWarn: gauge(
      'slotkeeper_tenant_budget_warn_micro',
      'Where the tenant’s own budget warns, in micro-units; 0: nowhere.',
    ),
    tenantStop: gauge(
      'slotkeeper_tenant_budget_stop_micro',
      'What the tenant’s own budget never admits more than, in micro-units; 0: no stop.',
    ),
  };
}

/** Undefined: the store could not be read, and nothing must look current. */
export function showTenants(
  metrics: TenantMetrics,
  counters: Pick<Counters, 'tenants' | 'tenantBudgets'> | undefined,
): void {
  const { tenantInFlight, tenantSettled, tenantReserved, tenantWarn, tenantStop } = metrics;
  for (const gauge of [tenantInFlight, tenantSettled, tenantReserved, tenantWarn, tenantStop]) {
    gauge.reset();
  }
  if (counters === undefined) return;
  for (const { tenant, inFlight } of most(counters.tenants, (one) => one.inFlight)) {
    tenantInFlight.set({ tenant }, inFlight);
  }
  for (const { scope: tenant, ...budget } of most(counters.tenantBudgets, partUsed)) {
    tenantSettled.set({ tenant }, budget.settledMicro);
    tenantReserved.set({ tenant }, budget.reservedMicro);
    tenantWarn.set({ tenant }, Math.max(0, budget.warnMicro));
    tenantStop.set({ tenant }, Math.max(0, budget.stopMicro));
  }
}

function partUsed(budget: Counters['tenantBudgets'][number]): number {
  const used = budget.settledMicro + budget.reservedMicro;
  return budget.stopMicro > 0 ? used / budget.stopMicro : 0;
}

function most<One>(all: readonly One[], rank: (one: One) => number): readonly One[] {
  return [...all].sort((a, b) => rank(b) - rank(a)).slice(0, MOST_TENANTS);
}
