// Who has which key: the tenants and keys of the configuration and of the store, in this daemon's
// memory. A look-up never asks the store; the copy is renewed while requests arrive, so that a key
// that was revoked elsewhere stops working here within a second.
//
// The copy: fresh (younger than 0.4 s) → ageing (serves, is read again beside the requests) → stale
// (0.8 s old: requests wait for the reading). Where the store does not answer, the last
// copy goes on serving: a store that is down opens and closes nothing.
import type { Config } from '../config/schema.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import { remade } from '../core/remade.ts';
import type { Logger } from '../log/logger.ts';
import { digestOf } from './api-key.ts';
import { NOTHING, type DirectoryStore, type Snapshot } from './directory-store.ts';
import { readEntry, type Entry } from './entry.ts';
import { BroughtLimits, type LimitKeeper } from './limits.ts';
import { configuredTenant, createdTenant, implicitTenant } from './tenant.ts';
import type { Principal, Tenant } from './tenant.ts';

export interface DirectoryOptions {
  readonly config: Pick<Config, 'server' | 'tenants'>;
  readonly store: Pick<DirectoryStore, 'read'>;
  /** The heart, which is told of created tenants. */
  readonly limits: LimitKeeper;
  readonly logger: Pick<Logger, 'warn'>;
  /** Wall-clock ms, by which keys expire, and ms since any moment; tests give their own. */
  readonly clock?: { readonly wallMs: () => number; readonly steadyMs: () => number };
}

const AGEING_MS = 400;
const STALE_MS = 800;
const CLOCK = { wallMs: () => Date.now(), steadyMs: () => performance.now() };

interface KnownKey {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

export class Directory {
  readonly #options: DirectoryOptions;
  readonly #clock: NonNullable<DirectoryOptions['clock']>;
  readonly #configured: () => ReadonlyMap<string, Tenant>;
  readonly #limits: BroughtLimits;
  #snapshot: Snapshot = NOTHING;
  #entries: ReadonlyMap<string, Entry> = new Map();
  #tenants: ReadonlyMap<string, Tenant> = new Map();
  /** By digest. */
  #keys: ReadonlyMap<string, KnownKey> = new Map();
  #open: Principal;
  /** Stays true: whoever revokes the last key does not mean to open the daemon to everybody. */
  #needsKey = false;
  #readAtMs = -Infinity;
  #reading: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? CLOCK;
    this.#limits = new BroughtLimits(options.limits);
    this.#configured = remade(
      () => options.config.tenants,
      (tenants) => new Map([...tenants].map(([name, one]) => [name, configuredTenant(one)])),
    );
    this.#open = principal(implicitTenant(DEFAULT_TENANT));
    this.#adopt(NOTHING);
  }

  /** Whether requests need a key: as soon as this daemon has known one, in either place. */
  get needsKey(): boolean {
    return this.#needsKey;
  }

  /** Who calls where no key is needed. */
  get anybody(): Principal {
    return this.#open;
  }

  get tenants(): ReadonlyMap<string, Tenant> {
    return this.#tenants;
  }

  /** What the store has of a tenant; keys alone where the configuration has its terms. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** The entry of a tenant as it is stored. */
  stored(tenant: string): string | undefined {
    return this.#snapshot.entries.get(tenant);
  }

  /** The key's tenant; undefined for a key that is unknown, revoked or expired. */
  find(secret: string): Principal | undefined {
    const known = this.#keys.get(digestOf(secret));
    if (known === undefined || known.expiresAtMs <= this.#clock.wallMs()) return undefined;
    return known.principal;
  }

  /** Something to wait for where the copy is stale; it never rejects. */
  fresh(): Promise<void> | undefined {
    const ageMs = this.#clock.steadyMs() - this.#readAtMs;
    if (ageMs < AGEING_MS) return undefined;
    const reading = this.#refresh();
    return ageMs < STALE_MS ? undefined : reading;
  }

  /** The configuration has other tenants or keys: from here on they are the ones that are known. */
  configured(): void {
    this.#adopt(this.#snapshot);
  }

  /** Reads the store now, and brings the heart what is new. Rejects with `store_unavailable`. */
  async renew(): Promise<void> {
    // A reading that is under way may have begun before what the caller wants to see.
    while (this.#reading !== undefined) await this.#reading.catch(() => undefined);
    await this.#read();
  }

  async #refresh(): Promise<void> {
    try {
      await (this.#reading ?? this.#read());
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) {
        this.#options.logger.warn('tenants and keys cannot be read; the last copy serves', {
          error,
        });
      }
      this.#isFailing = true;
    }
  }

  #read(): Promise<void> {
    const begunAtMs = this.#clock.steadyMs();
    this.#reading = this.#readAll().finally(() => {
      // After a failure too: a store that hangs must not make every request wait for it.
      this.#readAtMs = begunAtMs;
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    do {
      const next = await this.#options.store.read(this.#snapshot);
      if (next !== this.#snapshot) this.#adopt(next);
    } while (await this.#limits.bring(this.#created()));
  }

  #created(): readonly Tenant[] {
    return [...this.#tenants.values()].filter(({ source }) => source === 'admin');
  }

  #adopt(snapshot: Snapshot): void {
    const entries = this.#readable(snapshot);
    const created = [...entries].flatMap(([name, { terms }]) => {
      return terms === undefined ? [] : [[name, createdTenant(name, terms)] as const];
    });
    const tenants = new Map([...created, ...this.#configured()]);
    const ofDefault = tenants.get(DEFAULT_TENANT) ?? implicitTenant(DEFAULT_TENANT);
    const all = new Map(tenants).set(DEFAULT_TENANT, ofDefault);
    this.#snapshot = snapshot;
    this.#entries = entries;
    this.#tenants = tenants;
    this.#open = principal(ofDefault);
    this.#keys = new Map([...createdKeys(entries, all), ...this.#configuredKeys(all)]);
    this.#needsKey ||= this.#keys.size > 0 || [...entries.values()].some(hasKeys);
  }

  #readable({ entries }: Snapshot): ReadonlyMap<string, Entry> {
    const read = [...entries].map(([name, text]) => [name, readEntry(text)] as const);
    const unreadable = read.flatMap(([name, entry]) => (entry === undefined ? [name] : []));
    if (unreadable.length > 0) {
      this.#options.logger.warn('tenants of the store cannot be read', { tenants: unreadable });
    }
    return new Map(read.flatMap(([name, entry]) => (entry ? [[name, entry] as const] : [])));
  }

  *#configuredKeys(all: ReadonlyMap<string, Tenant>): Iterable<readonly [string, KnownKey]> {
    const { server, tenants } = this.#options.config;
    const secrets = [...tenants.values()].flatMap(({ name, keys }) => {
      return keys.map((secret) => ({ name, secret }));
    });
    if (server.apiKey !== undefined) secrets.push({ name: DEFAULT_TENANT, secret: server.apiKey });
    for (const { name, secret } of secrets) {
      const tenant = all.get(name);
      if (tenant === undefined) continue;
      yield [digestOf(secret), { principal: principal(tenant), expiresAtMs: Infinity }];
    }
  }
}

/** Keys whose tenant is there; those of a tenant that has left the configuration open nothing. */
function* createdKeys(
  entries: ReadonlyMap<string, Entry>,
  all: ReadonlyMap<string, Tenant>,
): Iterable<readonly [string, KnownKey]> {
  for (const [name, { keys }] of entries) {
    const tenant = all.get(name);
    if (tenant === undefined) continue;
    for (const { id, digest, expiresAt, revokedAt } of keys) {
      if (revokedAt !== undefined) continue;
      const expiresAtMs = expiresAt === undefined ? Infinity : Date.parse(expiresAt);
      yield [digest, { principal: principal(tenant, id), expiresAtMs }];
    }
  }
}

function hasKeys({ keys }: Entry): boolean {
  return keys.length > 0;
}

function principal(tenant: Tenant, keyId?: string): Principal {
  return Object.freeze({ tenant, keyId, isAdmin: false });
}
