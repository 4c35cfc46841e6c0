// Tenants that are registered one by one, beside those of the configuration: an administrator's.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import { AppError } from '../core/errors.ts';
import type { CellKeys } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import type { Scripts } from '../redis/scripts.ts';
import { writeTenant } from './admission.ts';
import type { SchedulerTenant } from './admission.ts';

export class Terms {
  readonly #redis: Redis;
  readonly #scripts: Scripts;
  readonly #keys: CellKeys;

  constructor(redis: Redis, scripts: Scripts, keys: CellKeys) {
    this.#redis = redis;
    this.#scripts = scripts;
    this.#keys = keys;
  }

  /** Throws `tenant_exists` where the configuration has one of this name: that one stays. */
  async put(tenant: SchedulerTenant): Promise<void> {
    const kept = await this.#call('put', tenant.name, writeTenant(tenant, 'admin'));
    if (kept === 'configured') {
      throw new AppError('tenant_exists', 'The configuration has a tenant of this name.');
    }
  }

  /** Does nothing where there is none, or where it is the configuration's. */
  async remove(name: string): Promise<void> {
    await this.#call('remove', name, Buffer.alloc(0));
  }

  async #call(verb: 'put' | 'remove', name: string, terms: Buffer): Promise<string> {
    const { cell, tenants, requests, tenantState, timers } = this.#keys;
    const script = this.#scripts.terms;
    const bound = bindKeys(script, { cell, tenants, requests, tenant_state: tenantState, timers });
    const args = [name, terms, nanoid()];
    const reply = await callScript(this.#redis, script, `terms_${verb}`, bound, args);
    return (reply as Buffer).toString();
  }
}
