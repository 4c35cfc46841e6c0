// The environment's two ways into a configuration: `${NAME}` inside the file's texts, and variables
// that override single options. It collects faults and never repeats a value.
import type { Fault, OptionPath } from './faults.ts';
import { listOptions } from './options.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `$${` is a literal `${`; anything else of the form `${…}` is a reference. */
const REFERENCE = /\$(\$\{)|\$\{([^}]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * A copy of `tree` with all references replaced and empty options (`port:`) left out. A variable
 * that is missing or empty is a fault; its reference then stands for an empty text.
 */
export function substitute(
  tree: unknown,
  env: Environment,
  faults: Fault[],
  path: OptionPath = [],
): unknown {
  if (typeof tree === 'string') return substituteText(tree, env, faults, path);
  if (Array.isArray(tree)) {
    return tree.map((entry, index) => substitute(entry, env, faults, [...path, index]));
  }
  if (!isGroup(tree)) return tree;
  const given = Object.entries(tree).filter(([, value]) => value !== null);
  return Object.fromEntries(
    given.map(([key, value]) => [key, substitute(value, env, faults, [...path, key])]),
  );
}

function substituteText(text: string, env: Environment, faults: Fault[], path: OptionPath): string {
  return text.replace(REFERENCE, (_whole, escaped: string | undefined, name = '') => {
    if (escaped !== undefined) return escaped;
    const reference = String(name);
    if (!NAME.test(reference)) {
      faults.push({
        path,
        message: 'a ${…} reference needs a plain name; write $${ for a literal',
      });
      return '';
    }
    const value = env[reference] ?? '';
    if (value === '') {
      faults.push({ path, message: `the environment variable ${reference} is not set: set it` });
    }
    return value;
  });
}

export interface Overridden {
  readonly tree: unknown;
  /** Option path → the variable that set it. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Puts the options that the environment sets over those of the file. Empty counts as not set. */
export function applyOverrides(tree: unknown, env: Environment): Overridden {
  const sources = new Map<string, string>();
  let result: unknown = tree;
  for (const option of listOptions()) {
    const value = option.env === undefined ? undefined : env[option.env];
    if (option.env === undefined || value === undefined || value === '') continue;
    result = withValue(result, option.path.split('.'), value);
    sources.set(option.path, option.env);
  }
  return { tree: result, sources };
}

function withValue(tree: unknown, path: readonly string[], value: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  // Something else than a group is left for the schema to refuse.
  if (tree !== undefined && !isGroup(tree)) return tree;
  return { ...tree, [name]: withValue(tree?.[name], rest, value) };
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
