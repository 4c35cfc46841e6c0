// What differs between two configurations, by the names of options, and which differences a running
// daemon cannot take over. It never repeats a value, because a value may be a secret.
import { formatPath, type Fault, type OptionPath } from './faults.ts';
import { configSchema, type Config } from './schema.ts';

/**
 * What a daemon takes over while it serves. What is not named here takes a restart, new options
 * too, until somebody has made them live and says so here.
 */
const LIVE = [
  'server',
  'log',
  'accounts',
  'routes',
  'failover',
  'rollouts',
  'budget',
  'prices',
  'estimates',
  'runs',
  'costsim',
  'sessions',
  'journal',
  'tenants',
  'admin',
  'files',
  'batches',
  'scheduler.waitMs',
];
/** Parts of what is live that are not. */
const FIXED = ['server.host', 'server.port', 'journal.enabled'];

/** Whether an option, by its path in a resolved configuration, is taken over by a reload. */
export function isLive(path: OptionPath): boolean {
  const text = formatPath(path);
  return within(text, LIVE) && !within(text, FIXED);
}

function within(text: string, names: readonly string[]): boolean {
  return names.some(
    (name) => text === name || (/^[.[]/.test(text.slice(name.length)) && text.startsWith(name)),
  );
}

/** The options that differ, accounts by their names: `accounts.a1.weight`, `tenants.team-a.keys`. */
export function changesBetween(before: Config, after: Config): readonly string[] {
  return differences(treeOf(before), treeOf(after), []).map(formatPath);
}

/** What of a new configuration asks for a restart. */
export function fixedFaults(running: Config, next: Config): readonly Fault[] {
  return faultsAt(differences(treeOf(running), treeOf(next), []));
}

/**
 * The same for a tree that has faults of its own, so that all are told at once: its groups that are
 * sound by themselves are compared.
 */
export function fixedFaultsOf(running: Config, tree: unknown): readonly Fault[] {
  const given = asGroup(tree) ?? {};
  return (['server', 'redis', 'scheduler'] as const).flatMap((group) => {
    const parsed = configSchema.shape[group].safeParse(given[group]);
    return parsed.success ? faultsAt(differences(running[group], parsed.data, [group])) : [];
  });
}

function faultsAt(paths: readonly OptionPath[]): readonly Fault[] {
  return paths
    .filter((path) => !isLive(path))
    .map((path) => ({ path, message: path[0] === 'demo' ? OTHER_SOURCE : RESTART }));
}

const RESTART = 'cannot change while the daemon runs: put it back, or restart the daemon';
const OTHER_SOURCE =
  'the daemon began without a file and there is one now, or the other way: restart it';

type Group = Readonly<Record<string, unknown>>;

function treeOf(config: Config): Group {
  const { accounts, ...rest } = config;
  // What follows from options that are named themselves.
  const byName = Object.fromEntries(
    accounts.map((account) => [
      account.name,
      { ...account, credentialMark: undefined, label: undefined },
    ]),
  );
  const groups = Object.entries(rest).map(([name, value]) => [name, asGroup(value) ?? value]);
  return { ...(Object.fromEntries(groups) as Group), accounts: byName };
}

function differences(before: unknown, after: unknown, path: OptionPath): readonly OptionPath[] {
  const [one, other] = [asGroup(before), asGroup(after)];
  if (one === undefined || other === undefined) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
  }
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].flatMap((name) => differences(one[name], other[name], [...path, name]));
}

/** A Map by names counts as a group of them. */
function asGroup(value: unknown): Group | undefined {
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>);
  const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isGroup ? (value as Group) : undefined;
}
