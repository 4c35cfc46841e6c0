// What no single option can tell: names that must be unique, references that must lead somewhere,
// combinations that must not be served. It reads leniently, so that its faults appear beside those
// of the schema and not after them; what the schema refuses it passes over.
import { z } from 'zod';
import { checkCosts } from './costs-check.ts';
import { checkDeferral } from './deferral-check.ts';
import type { Fault, OptionPath } from './faults.ts';
import { checkRedis } from './redis-schema.ts';
import { checkLocal } from './store-loss-schema.ts';
import { checkRollouts } from './rollouts-check.ts';
import { checkTenants } from './tenants-check.ts';

const MAX_TARGETS = 8;

const given = z.unknown().optional();
const models = z.array(z.string()).optional().catch(undefined);
const account = z.object({ name: z.string().catch(''), baseUrl: given, models: given });
const pool = z.object({
  baseUrl: given,
  models: given,
  breaker: given,
  accounts: z.array(account.catch({ name: '' })).catch([]),
});
const target = z.object({ pool: z.string(), model: z.string() });
const outline = z.object({
  server: z.object({ host: z.string().catch('localhost'), apiKey: given }).catch({ host: '::1' }),
  pools: z.record(z.string(), pool.catch({ accounts: [] })).catch({}),
  routes: z
    .record(z.string(), z.object({ targets: z.array(target) }).catch({ targets: [] }))
    .catch({}),
  tenants: z
    .record(z.string(), z.object({ keys: given }).catch({}))
    .catch({})
    .default({}),
});

type Outline = z.infer<typeof outline>;

const journalOutline = z.object({
  journal: z.object({ boundary: z.object({ route: z.string() }) }),
});

/** Works on the tree as the file and the environment give it, valid or not. */
export function crossCheck(tree: unknown): readonly Fault[] {
  const view = outline.safeParse({ server: {}, pools: {}, routes: {}, ...asObject(tree) });
  if (!view.success) return [];
  return [
    ...checkListener(view.data),
    ...checkAccounts(view.data),
    ...checkRoutes(view.data),
    ...checkImplicitRoutes(view.data),
    ...checkCosts(tree),
    ...checkTenants(tree),
    ...checkRedis(tree),
    ...checkLocal(tree),
    ...checkDeferral(tree),
    ...checkBoundary(tree, view.data),
    ...checkRolloutsOf(tree, view.data),
  ];
}

function checkRolloutsOf(tree: unknown, { pools, routes }: Outline): readonly Fault[] {
  const { rollouts } = asObject(tree) as { readonly rollouts?: unknown };
  const aliases = aliasesOf({ pools, routes });
  const breakers = new Map(Object.entries(pools).map(([name, { breaker }]) => [name, breaker]));
  return checkRollouts(rollouts, {
    aliases,
    breakers,
    obstacle: (wanted) => obstacle(pools, wanted),
  });
}

/** What callers may name as a model. */
function aliasesOf({ pools, routes }: Pick<Outline, 'pools' | 'routes'>): ReadonlySet<string> {
  const served = Object.values(pools).flatMap((one) => modelLists(one).flatMap((l) => l ?? []));
  return new Set([...Object.keys(routes), ...served]);
}

/** The model that is asked where a cell of a journal ends. */
function checkBoundary(tree: unknown, outline: Outline): readonly Fault[] {
  const asked = journalOutline.safeParse(tree).data?.journal.boundary.route;
  if (asked === undefined || aliasesOf(outline).has(asked)) return [];
  const message = `no route and no model is named ${asked}`;
  return [{ path: ['journal', 'boundary', 'route'], message }];
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function checkListener({ server, tenants }: Outline): readonly Fault[] {
  const hasKey = server.apiKey !== undefined || Object.values(tenants).some(hasKeys);
  if (hasKey || isLoopback(server.host)) return [];
  const message =
    'is reachable from other machines, so it needs a key: set server.apiKey ' +
    '(SLOTKEEPER_API_KEY) or keys of a tenant, or listen on 127.0.0.1';
  return [{ path: ['server', 'host'], message }];
}

function hasKeys({ keys }: { readonly keys?: unknown }): boolean {
  return Array.isArray(keys) && keys.length > 0;
}

function checkAccounts({ pools }: Outline): readonly Fault[] {
  const faults: Fault[] = [];
  const places = new Map<string, string>();
  for (const [poolName, { accounts, ...inherited }] of Object.entries(pools)) {
    for (const [index, own] of accounts.entries()) {
      const path: OptionPath = ['pools', poolName, 'accounts', index];
      const seen = places.get(own.name);
      if (seen !== undefined && own.name !== '') {
        const message = `is taken by an account of pool ${seen}: names are unique over all pools`;
        faults.push({ path: [...path, 'name'], message });
      }
      places.set(own.name, poolName);
      for (const option of ['baseUrl', 'models'] as const) {
        if (own[option] !== undefined || inherited[option] !== undefined) continue;
        faults.push({
          path: [...path, option],
          message: 'is missing: give it here or in the pool',
        });
      }
    }
  }
  return faults;
}

function checkRoutes({ pools, routes }: Outline): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [alias, { targets }] of Object.entries(routes)) {
    const seen = new Set<string>();
    for (const [index, wanted] of targets.entries()) {
      const path: OptionPath = ['routes', alias, 'targets', index];
      const key = `${wanted.pool} ${wanted.model}`;
      const message = seen.has(key) ? 'is named twice: remove one' : obstacle(pools, wanted);
      if (message !== undefined) faults.push({ path, message });
      seen.add(key);
    }
  }
  return faults;
}

function obstacle(pools: Outline['pools'], wanted: z.infer<typeof target>): string | undefined {
  const named = Object.hasOwn(pools, wanted.pool) ? pools[wanted.pool] : undefined;
  if (named === undefined) {
    return `there is no such pool; the pools are: ${Object.keys(pools).join(', ') || '(none)'}`;
  }
  const lists = modelLists(named);
  // A list that is malformed is the schema's fault to name, and may well hold this model.
  if (lists.includes(undefined)) return undefined;
  if (lists.some((list) => list?.includes(wanted.model))) return undefined;
  return `no account of pool ${wanted.pool} serves this model: add it to \`models\` there`;
}

function checkImplicitRoutes({ pools, routes }: Outline): readonly Fault[] {
  const servers = new Map<string, number>();
  for (const one of Object.values(pools)) {
    for (const model of new Set(modelLists(one).flatMap((list) => list ?? []))) {
      servers.set(model, (servers.get(model) ?? 0) + 1);
    }
  }
  const crowded = [...servers].filter(([model, count]) => {
    return count > MAX_TARGETS && !Object.hasOwn(routes, model);
  });
  return crowded.map(([model, count]) => ({
    path: ['routes', model],
    message: `${count} pools serve this model: name up to ${MAX_TARGETS} of them in a route`,
  }));
}

/** The models of each account of a pool; undefined where they are malformed. */
function modelLists(one: z.infer<typeof pool>): readonly (readonly string[] | undefined)[] {
  return one.accounts.map((own) => models.parse(own.models ?? one.models));
}

function asObject(tree: unknown): object {
  return typeof tree === 'object' && tree !== null ? tree : {};
}
