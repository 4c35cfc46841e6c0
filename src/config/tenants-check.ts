// What the terms of tenants mean beside pools, routes, budgets and one another. The configuration's
// check reads the tree leniently (a single option's faults are the schema's); the admin API asks the
// same questions about one tenant.
import { z } from 'zod';
import type { Fault, OptionPath } from './faults.ts';

/** What terms may refer to. */
export interface Places {
  /** Slots by pool. */
  readonly pools: ReadonlyMap<string, number>;
  readonly routes: ReadonlySet<string>;
  readonly hasBudget: boolean;
}

/** The part of a tenant's terms that refers to something. */
export interface Referring {
  readonly routes?: readonly string[] | undefined;
  readonly providers?: readonly string[] | undefined;
  readonly reservedSlots?: Readonly<Record<string, number>> | undefined;
  readonly requestsPerMinute?: unknown;
  readonly requestsBurst?: unknown;
  readonly tokensPerMinute?: unknown;
  readonly tokensBurst?: unknown;
  readonly budget?:
    { readonly warn?: number | undefined; readonly stop?: number | undefined } | undefined;
}

/** Faults of one tenant by itself; paths begin at its terms. */
export function termsFaults(terms: Referring, places: Places): readonly Fault[] {
  return [...unknownNames(terms, places), ...burstFaults(terms), ...budgetFaults(terms, places)];
}

function unknownNames(terms: Referring, { pools, routes }: Places): readonly Fault[] {
  const { routes: aliases = [], providers = [], reservedSlots = {} } = terms;
  const noPool = `there is no such pool; the pools are: ${[...pools.keys()].join(', ') || '(none)'}`;
  const noRoute = 'there is no such route, and no account serves a model of this name';
  const unknown = (path: OptionPath, isKnown: boolean, message: string): Fault[] =>
    isKnown ? [] : [{ path, message }];
  return [
    ...aliases.flatMap((alias, i) => unknown(['routes', i], routes.has(alias), noRoute)),
    ...providers.flatMap((pool, i) => unknown(['providers', i], pools.has(pool), noPool)),
    ...Object.keys(reservedSlots).flatMap((pool) =>
      unknown(['reservedSlots', pool], pools.has(pool), noPool),
    ),
  ];
}

function burstFaults(terms: Referring): readonly Fault[] {
  const pairs = [
    ['requestsBurst', 'requestsPerMinute'],
    ['tokensBurst', 'tokensPerMinute'],
  ] as const;
  const alone = pairs.filter(([burst, rate]) => {
    return terms[burst] !== undefined && terms[rate] === undefined;
  });
  return alone.map(([burst, rate]) => ({ path: [burst], message: `needs ${rate} beside it` }));
}

function budgetFaults({ budget }: Referring, { hasBudget }: Places): readonly Fault[] {
  if (budget === undefined) return [];
  const { warn, stop } = budget;
  const faults: Fault[] = [];
  if (!hasBudget) {
    const message = 'needs the group `budget` of the configuration: without it no cost is counted';
    faults.push({ path: ['budget'], message });
  }
  if (warn !== undefined && stop !== undefined && warn > stop) {
    faults.push({ path: ['budget', 'warn'], message: `is above stop: ${warn} and ${stop}` });
  }
  return faults;
}

/** Pools of which the tenants together reserve more than there is: nobody could be given that. */
export function overReserved(
  tenants: Iterable<Pick<Referring, 'reservedSlots'>>,
  pools: Places['pools'],
): ReadonlyMap<string, { readonly reserved: number; readonly slots: number }> {
  const sums = new Map<string, number>();
  for (const { reservedSlots = {} } of tenants) {
    for (const [pool, slots] of Object.entries(reservedSlots)) {
      sums.set(pool, (sums.get(pool) ?? 0) + slots);
    }
  }
  const over = [...sums].flatMap(([pool, reserved]) => {
    const slots = pools.get(pool);
    return slots === undefined || reserved <= slots ? [] : [[pool, { reserved, slots }] as const];
  });
  return new Map(over);
}

const texts = z.array(z.string()).optional().catch(undefined);
const number = z.coerce.number().optional().catch(undefined);
const given = z.unknown().optional();
const tenant = z.object({
  routes: texts,
  providers: texts,
  reservedSlots: z.record(z.string(), z.coerce.number()).optional().catch(undefined),
  requestsPerMinute: given,
  requestsBurst: given,
  tokensPerMinute: given,
  tokensBurst: given,
  budget: z.object({ warn: number, stop: number }).optional().catch(undefined),
  keys: texts,
});
const account = z.object({
  maxConcurrency: z.coerce.number().catch(0),
  models: texts,
  requestsPerMinute: given,
  requestsBurst: given,
  tokensPerMinute: given,
  tokensBurst: given,
});
const NO_ACCOUNT = { maxConcurrency: 0 };
const pool = z.object({ models: texts, accounts: z.array(account.catch(NO_ACCOUNT)).catch([]) });
const outline = z.object({
  server: z
    .object({ apiKey: z.string().optional().catch(undefined) })
    .catch({})
    .default({}),
  admin: z
    .object({ token: z.string().optional().catch(undefined) })
    .catch({})
    .default({}),
  pools: z
    .record(z.string(), pool.catch({ accounts: [] }))
    .catch({})
    .default({}),
  routes: z.record(z.string(), z.unknown()).catch({}).default({}),
  budget: given,
  tenants: z.record(z.string(), tenant.catch({})).catch({}).default({}),
});

type Outline = z.infer<typeof outline>;

/** Works on the tree as the file and the environment give it, valid or not. */
export function checkTenants(tree: unknown): readonly Fault[] {
  const view = outline.safeParse(tree);
  if (!view.success) return [];
  const places = placesOf(view.data);
  const own = Object.entries(view.data.tenants).flatMap(([name, terms]) => {
    return termsFaults(terms, places).map(({ path, message }) => {
      return { path: ['tenants', name, ...path], message };
    });
  });
  return [
    ...refusedName(tree),
    ...own,
    ...checkReserved(view.data, places),
    ...checkKeys(view.data),
    ...checkAccountRates(view.data),
  ];
}

function placesOf({ pools, routes, budget }: Outline): Places {
  const capacity = Object.entries(pools).map(([name, { accounts }]) => {
    // Disabled accounts count: switching one off for an hour must not make the file invalid.
    return [name, accounts.reduce((sum, one) => sum + one.maxConcurrency, 0)] as const;
  });
  const models = Object.values(pools).flatMap((one) => {
    return one.accounts.flatMap((own) => own.models ?? one.models ?? []);
  });
  return {
    pools: new Map(capacity),
    routes: new Set([...Object.keys(routes), ...models]),
    hasBudget: budget !== undefined,
  };
}

/** The one name that a record's schema passes over without a word. */
function refusedName(tree: unknown): readonly Fault[] {
  const { tenants } = (tree ?? {}) as { readonly tenants?: unknown };
  const isThere = typeof tenants === 'object' && tenants !== null && Object.hasOwn(tenants, PROTO);
  return isThere ? [{ path: ['tenants', PROTO], message: 'its name is not allowed' }] : [];
}

const PROTO = '__proto__';

function checkReserved({ tenants }: Outline, { pools }: Places): readonly Fault[] {
  return [...overReserved(Object.values(tenants), pools)].flatMap(([name, { reserved, slots }]) => {
    const message = `tenants reserve ${reserved} slots of pool ${name} together; it has ${slots}`;
    const reserving = Object.entries(tenants).filter(([, { reservedSlots = {} }]) => {
      return Object.hasOwn(reservedSlots, name);
    });
    const [last = ''] = reserving.at(-1) ?? [];
    return [{ path: ['tenants', last, 'reservedSlots', name], message }];
  });
}

/** Whose each key is; the token of /admin opens nothing else, and nothing else opens /admin. */
function checkKeys({ server, admin, tenants }: Outline): readonly Fault[] {
  const owners = new Map<string, string>();
  if (server.apiKey !== undefined) owners.set(server.apiKey, 'server.apiKey');
  const faults: Fault[] = [];
  for (const [name, { keys = [] }] of Object.entries(tenants)) {
    for (const [index, key] of keys.entries()) {
      const owner = owners.get(key);
      const path: OptionPath = ['tenants', name, 'keys', index];
      if (owner !== undefined) faults.push({ path, message: `is the same key as ${owner}` });
      owners.set(key, `one of tenant ${name}`);
    }
  }
  const owner = admin.token === undefined ? undefined : owners.get(admin.token);
  if (owner !== undefined) {
    faults.push({ path: ['admin', 'token'], message: `is the same key as ${owner}` });
  }
  return faults;
}

function checkAccountRates({ pools }: Outline): readonly Fault[] {
  return Object.entries(pools).flatMap(([name, { accounts }]) => {
    return accounts.flatMap((own, index) => {
      return burstFaults(own).map(({ path, message }) => {
        return { path: ['pools', name, 'accounts', index, ...path], message };
      });
    });
  });
}
