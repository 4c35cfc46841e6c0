// Brings the terms of created tenants to the heart, which enforces them. Every daemon does so with
// what it sees in the directory; the terms of configured tenants go with the configuration.
//
// Two daemons may do it in any order. So whoever has brought something looks at the directory again,
// until there was nothing new: the last terms that reach the heart are then the directory's.
import { AppError } from '../core/errors.ts';
import type { SchedulerTenant } from '../scheduler/admission.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { Tenant } from './tenant.ts';

/** The heart's side; both verbs are idempotent. */
export type LimitKeeper = Pick<Scheduler, 'putTenant' | 'removeTenant'>;

export function limitsOf({ name, terms }: Pick<Tenant, 'name' | 'terms'>): SchedulerTenant {
  const { weight, rateLimited, maxConcurrency, reservedSlots, budget } = terms;
  const { requestsPerMinute, requestsBurst, tokensPerMinute, tokensBurst } = terms;
  return {
    name,
    weight,
    rateLimited,
    reservedSlots,
    ...(maxConcurrency !== undefined && { maxConcurrency }),
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(requestsBurst !== undefined && { requestsBurst }),
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
    ...(tokensBurst !== undefined && { tokensBurst }),
    ...(budget && { budget }),
  };
}

/** What this daemon has brought to the heart. Calls of `bring` must not overlap. */
export class BroughtLimits {
  readonly #keeper: LimitKeeper;
  /** By tenant: what was brought last, as JSON. */
  readonly #brought = new Map<string, string>();

  constructor(keeper: LimitKeeper) {
    this.#keeper = keeper;
  }

  /** Whether anything was to be brought. What fails is brought by a later call. */
  async bring(tenants: readonly Tenant[]): Promise<boolean> {
    const wanted = new Map(tenants.map((tenant) => [tenant.name, limitsOf(tenant)]));
    let isNew = false;
    for (const [name, limits] of wanted) {
      const text = JSON.stringify(limits);
      if (this.#brought.get(name) === text) continue;
      isNew = true;
      await this.#keeper.putTenant(limits).catch(leaveConfigured);
      this.#brought.set(name, text);
    }
    for (const name of [...this.#brought.keys()]) {
      if (wanted.has(name)) continue;
      isNew = true;
      await this.#keeper.removeTenant(name);
      this.#brought.delete(name);
    }
    return isNew;
  }
}

/** Another daemon's configuration has the tenant: its terms go before those of the directory. */
function leaveConfigured(error: unknown): void {
  if (!(error instanceof AppError) || error.code !== 'tenant_exists') throw error;
}
