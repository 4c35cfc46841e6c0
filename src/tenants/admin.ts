// What the admin API does to tenants and keys: each change is one compare-and-set in the store, is
// read back, and is with the heart when the verb resolves. Configured tenants are not changed here;
// they may be given keys.
import { formatPath, type Fault } from '../config/faults.ts';
import type { Config } from '../config/schema.ts';
import { overReserved, termsFaults, type Places } from '../config/tenants-check.ts';
import type { WrittenTerms } from '../config/tenants-schema.ts';
import { AppError } from '../core/errors.ts';
import { digestOf, newApiKey } from './api-key.ts';
import type { Directory } from './directory.ts';
import type { DirectoryStore } from './directory-store.ts';
import { readEntry, writeEntry, type Entry, type StoredKey } from './entry.ts';

export interface TenantAdminOptions {
  readonly config: Pick<Config, 'accounts' | 'routes' | 'budget' | 'tenants'>;
  readonly directory: Directory;
  readonly store: DirectoryStore;
}

export interface KeyWish {
  readonly tenant: string;
  /** What people call it. */
  readonly name?: string | undefined;
  readonly expiresAtMs?: number | undefined;
}

const MAX_TRIES = 8;
/** Revoked and expired ones included, until the tenant is removed. */
const MAX_KEYS = 1000;

export class TenantAdmin {
  readonly #options: TenantAdminOptions;

  constructor(options: TenantAdminOptions) {
    this.#options = options;
  }

  get #places(): Places {
    const { accounts, routes, budget } = this.#options.config;
    const pools = new Map<string, number>();
    for (const { pool, maxConcurrency } of accounts) {
      pools.set(pool, (pools.get(pool) ?? 0) + maxConcurrency);
    }
    return { pools, routes: new Set(routes.keys()), hasBudget: budget !== undefined };
  }

  /** Throws `tenant_exists`, `invalid_params` or `directory_full`. */
  async createTenant(name: string, terms: WrittenTerms): Promise<void> {
    await this.#change(name, (entry) => {
      if (this.#isConfigured(name) || entry?.terms !== undefined) {
        throw new AppError('tenant_exists', 'There is a tenant of this name.', { param: 'name' });
      }
      this.#check(name, terms);
      // Keys of a configured tenant that is gone were made for somebody else.
      return { terms, keys: [] };
    });
  }

  /** `next` makes the new terms of the present ones. Throws `tenant_not_found` and as above. */
  async changeTenant(name: string, next: (terms: WrittenTerms) => WrittenTerms): Promise<void> {
    await this.#change(name, (entry) => {
      const { terms, keys } = this.#created(name, entry);
      const changed = next(terms);
      this.#check(name, changed);
      return { terms: changed, keys };
    });
  }

  /** Its keys go with it; its running requests end in peace. */
  async removeTenant(name: string): Promise<void> {
    await this.#change(name, (entry) => {
      this.#created(name, entry);
      return undefined;
    });
  }

  /** The secret is told this once. Throws `tenant_not_found` or `directory_full`. */
  async createKey(wish: KeyWish): Promise<{ readonly key: StoredKey; readonly secret: string }> {
    const { tenant, name, expiresAtMs } = wish;
    const { id, secret } = newApiKey();
    const key = {
      id,
      digest: digestOf(secret),
      ...(name !== undefined && { name }),
      createdAt: new Date().toISOString(),
      ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
    };
    await this.#change(tenant, (entry) => {
      const known = this.#isConfigured(tenant)
        ? { keys: [], ...entry }
        : this.#created(tenant, entry);
      if (known.keys.length >= MAX_KEYS) throw full('This tenant has too many keys.');
      return { ...known, keys: [...known.keys, key] };
    });
    return { key, secret };
  }

  /** Idempotent: a key that is revoked stays as it is. Throws `key_not_found`. */
  async revokeKey(id: string): Promise<{ readonly tenant: string; readonly key: StoredKey }> {
    await this.#options.directory.renew();
    const found = [...this.#options.directory.entries].find(([, { keys }]) => {
      return keys.some((key) => key.id === id);
    });
    if (found === undefined) throw keyNotFound();
    const [tenant] = found;
    const revokedAt = new Date().toISOString();
    let revoked: StoredKey | undefined;
    await this.#change(tenant, (entry) => {
      const keys = (entry?.keys ?? []).map((key) => {
        return key.id === id ? (revoked = { revokedAt, ...key }) : key;
      });
      if (revoked === undefined || entry === undefined) throw keyNotFound();
      return { ...entry, keys };
    });
    if (revoked === undefined) throw keyNotFound();
    return { tenant, key: revoked };
  }

  async #change(
    tenant: string,
    next: (entry: Entry | undefined) => Entry | undefined,
  ): Promise<void> {
    const { directory, store } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      await directory.renew();
      const seen = directory.stored(tenant);
      const entry = next(seen === undefined ? undefined : readEntry(seen));
      const value = entry && writeEntry(entry);
      const result = await store.change({ tenant, seen, value });
      if (result === 'full') throw full('There are too many tenants.');
      if (result === 'changed') {
        await directory.renew();
        return;
      }
    }
    const message = 'Others keep changing this tenant; try again.';
    throw new AppError('store_unavailable', message);
  }

  #isConfigured(name: string): boolean {
    return this.#options.config.tenants.has(name);
  }

  #created(name: string, entry: Entry | undefined): Required<Entry> & { terms: WrittenTerms } {
    if (this.#isConfigured(name)) {
      const message = 'This tenant is in the configuration: change it there.';
      throw new AppError('tenant_read_only', message);
    }
    const { terms, keys = [] } = entry ?? {};
    if (terms === undefined) throw new AppError('tenant_not_found', 'There is no such tenant.');
    return { terms, keys };
  }

  /** Throws `invalid_params` for terms that lead nowhere, all faults in one message. */
  #check(name: string, terms: WrittenTerms): void {
    const places = this.#places;
    const faults = [
      ...termsFaults(terms, places),
      ...this.#reservationFaults(name, terms, places.pools),
    ];
    const [first] = faults;
    if (first === undefined) return;
    const all = faults.map(({ path, message }) => `${formatPath(path)}: ${message}`);
    throw new AppError('invalid_params', `Invalid body. ${all.join('; ')}`, {
      param: first.path.join('.'),
    });
  }

  #reservationFaults(name: string, terms: WrittenTerms, pools: Places['pools']): readonly Fault[] {
    const { directory } = this.#options;
    const others = [...directory.tenants.values()].filter((tenant) => tenant.name !== name);
    const all = [...others.map((tenant) => tenant.terms), terms];
    return [...overReserved(all, pools)]
      .filter(([pool]) => Object.hasOwn(terms.reservedSlots, pool))
      .map(([pool, { reserved, slots }]) => {
        const message = `tenants reserve ${reserved} slots of this pool together; it has ${slots}`;
        return { path: ['reservedSlots', pool], message };
      });
  }
}

function full(message: string): AppError {
  return new AppError('directory_full', `${message} Remove some first.`);
}

function keyNotFound(): AppError {
  return new AppError('key_not_found', 'There is no such key.');
}
