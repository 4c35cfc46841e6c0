// How a group of rules is asked: the Lua text that calls the functions which the rules' files contain,
// in their order. A rule says in its head where it binds; elsewhere it is not called at all.
import { moduleOf, readLua } from './lua-files.ts';

/** Files of rules, in the order in which they are asked, by the module that calls them all. */
export type RuleGroups = Readonly<Record<string, readonly string[]>>;

/** The rules that have a function of that name, in order. */
function rulesHaving(rules: readonly string[], what: string): readonly string[] {
  return rules.filter((file) => readLua(file).includes(`function ${moduleOf(file)}.${what}(`));
}

/** What `--- @<tag> …` says in the head of a rule: a condition on `account`, or nothing. */
function tagOf(file: string, tag: string): string | undefined {
  return new RegExp(`^--- @${tag}\\b *(.*)$`, 'm').exec(readLua(file))?.[1];
}

/** A call of a rule's function, only where its head says that it binds. */
function callOf(file: string, what: string, given: string, tag: string): string {
  const call = `${moduleOf(file)}.${what}(${given})`;
  const where = tagOf(file, tag);
  return where === undefined ? call : `if ${where} then ${call} end`;
}

/**
 * A line `rules.charge(…)` becomes a call of each of these rules: it is there for every lease.
 * `rules.charge_others(…)` leaves out those that a run of acquires charges by itself.
 */
export function putCharges(line: string, rules: readonly string[]): string {
  return line.replace(
    /^(\s*)rules\.charge(_others)?\((.*)\)$/,
    (_, indent: string, others: string | undefined, given: string) =>
      indent +
      rulesHaving(rules, 'charge')
        .filter((file) => others === undefined || tagOf(file, 'charged-by-runs') === undefined)
        .map((file) => callOf(file, 'charge', given, 'charged-where'))
        .join(' '),
  );
}

/** Leases that end, each asked about by the rules that bind only some accounts. */
function settleEach(rules: readonly string[]): string {
  const some = rulesHaving(rules, 'settle').filter((file) => tagOf(file, 'settled-where'));
  if (some.length === 0) return '';
  const calls = some.map((file) =>
    callOf(file, 'settle', 'ended[i], account, ops[i]', 'settled-where'),
  );
  return `for i = 1, n do local account = holders[i] if account then ${calls.join(' ')} end end `;
}

/**
 * `terms.charge(…)` and its like call that function of every rule of the group that has one, in
 * order. Made here rather than looped over there: it is asked for twice an operation.
 */
export function ruleCalls(group: string, rules: readonly string[]): readonly string[] {
  const each = (what: string, parameters: string, then = ''): string =>
    `function ${group}.${what}(${parameters}) ` +
    rulesHaving(rules, what)
      .map((file) => `${callOf(file, what, parameters, `${what}d-where`)} `)
      .join('') +
    `${then}end`;
  const admits = rulesHaving(rules, 'admit').map(
    (file) =>
      `reason, after, waits = ${moduleOf(file)}.admit(op, tenant) if reason then return reason, after, waits end `,
  );
  return [
    each('begin', ''),
    `function ${group}.admit(op, tenant) local reason, after, waits ${admits.join('')}end`,
    each('charge', 'lease, account, op, tenant, id, home'),
    each('settle', 'lease, account, op, tenant, id'),
    each('settle_all', 'ended, holders, ops, n', settleEach(rules)),
    each('commit', ''),
  ];
}
